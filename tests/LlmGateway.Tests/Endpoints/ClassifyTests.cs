using System.Globalization;
using System.Net;
using System.Text.Json;
using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Endpoints;

public class ClassifyTests(SharedGateway shared) : IClassFixture<SharedGateway>
{
    private readonly GatewayHost _gateway = shared.Gateway;

    [Fact]
    public async Task ForcesOneToolWithAStrictSchema()
    {
        var body = await SentAsync("""{"text":"My invoice is wrong.","categories":["money",{"name":"other","description":"everything\nelse"}]}""");

        Assert.Equal(
            ["model", "messages", "max_completion_tokens", "tools", "tool_choice", "parallel_tool_calls"],
            body.EnumerateObject().Select(property => property.Name));
        Assert.Equal("gpt-4o-mini", body.GetProperty("model").GetString());
        Assert.Equal(100, body.GetProperty("max_completion_tokens").GetInt32());
        Assert.False(body.GetProperty("parallel_tool_calls").GetBoolean());
        Assert.True(JsonElement.DeepEquals(
            JsonElement.Parse("""{"type":"function","function":{"name":"submit_classification"}}"""), body.GetProperty("tool_choice")));
        var tool = Assert.Single(body.GetProperty("tools").EnumerateArray());
        Assert.Equal("function", tool.GetProperty("type").GetString());
        var function = tool.GetProperty("function");
        Assert.Equal("submit_classification", function.GetProperty("name").GetString());
        Assert.True(function.GetProperty("strict").GetBoolean());
        Assert.NotEqual("", function.GetProperty("description").GetString());
        var schema = function.GetProperty("parameters");
        Assert.Equal("object", schema.GetProperty("type").GetString());
        Assert.False(schema.GetProperty("additionalProperties").GetBoolean());
        Assert.Equal(["category", "confidence"], schema.GetProperty("required").EnumerateArray().Select(name => name.GetString()));
        Assert.Equal(["category", "confidence"], schema.GetProperty("properties").EnumerateObject().Select(property => property.Name));
        var category = schema.GetProperty("properties").GetProperty("category");
        Assert.Equal("string", category.GetProperty("type").GetString());
        Assert.Equal(["money", "other"], category.GetProperty("enum").EnumerateArray().Select(name => name.GetString()));
        var confidence = schema.GetProperty("properties").GetProperty("confidence");
        Assert.Equal("number", confidence.GetProperty("type").GetString());
        Assert.Equal(0, confidence.GetProperty("minimum").GetInt32());
        Assert.Equal(1, confidence.GetProperty("maximum").GetInt32());
    }

    [Fact]
    public async Task TellsTheModelTheCategoriesAndTheText()
    {
        var body = await SentAsync("""{"text":"My bill is wrong.","categories":["money",{"name":"other","description":"everything\nelse"}]}""");

        var messages = body.GetProperty("messages").EnumerateArray().ToList();
        Assert.Equal(["system", "user"], messages.Select(message => message.GetProperty("role").GetString()));
        Assert.EndsWith("- money\n- other: everything else\n", messages[0].GetProperty("content").GetString(), StringComparison.Ordinal);
        Assert.Equal("My bill is wrong.", messages[1].GetProperty("content").GetString());
    }

    [Fact]
    public async Task UsesTheConfiguredCategoriesUnlessTold()
    {
        await using var gateway = await GatewayHost.StartAsync("Classify:Categories:0:Name=invoice", "Classify:Categories:0:Description=about money");

        using var response = await gateway.ClassifyAsync();

        var names = EnumOf(Assert.Single(gateway.Upstream.Requests).Json);
        Assert.Equal(["invoice", "technical", "account", "sales", "other"], names);
        Assert.Equal("invoice", JsonElement.Parse(await response.Content.ReadAsStringAsync()).GetProperty("category").GetString());
    }

    [Theory]
    [InlineData("""["a","b"]""")]
    [InlineData("""[{"name":"a"},{"name":"b","description":null}]""")]
    [InlineData("""["a",{"name":"b","description":"second","more":[{"name":"c"}]}]""")]
    [InlineData("""[{"description":"first","name":"a"},"b"]""")]
    public async Task TakesCategoriesAsNamesAndAsObjects(string categories)
    {
        var body = await SentAsync($$"""{"text":"{{GatewayCalls.NewText()}}","categories":{{categories}} }""");

        Assert.Equal(["a", "b"], EnumOf(body));
    }

    [Fact]
    public async Task TakesNamesOfAnyScript()
    {
        _gateway.Upstream.Reset();
        _gateway.Upstream.Script = new FakeScript { Choice = "größer \"更大\" 🚣" };

        using var response = await _gateway.PostAsync("/classify", $$"""{"text":"{{GatewayCalls.NewText()}}","categories":["größer \"更大\" 🚣","klein"]}""");

        Assert.Equal("größer \"更大\" 🚣", JsonElement.Parse(await response.Content.ReadAsStringAsync()).GetProperty("category").GetString());
    }

    [Fact]
    public async Task AnswersWithExactlyTheFieldsOfTheContract()
    {
        _gateway.Upstream.Reset();
        _gateway.Upstream.Script = new FakeScript { Choice = "sales", Confidence = 0.75, PromptTokens = 100, CompletionTokens = 20, CachedTokens = 40 };

        using var response = await _gateway.ClassifyAsync();

        Assert.Equal("application/json", response.Content.Headers.ContentType!.ToString());
        Assert.Equal("""{"category":"sales","confidence":0.75,"model":"gpt-4o-mini"}""", await response.Content.ReadAsStringAsync());
        Assert.Equal(1, _gateway.Upstream.Calls);
        Assert.Equal("1", Header(response, "x-attempts"));
        Assert.Equal("100", Header(response, "x-tokens-input"));
        Assert.Equal("20", Header(response, "x-tokens-output"));
        // 60 × 0.15 + 40 × 0.075 + 20 × 0.60 = 24 millionths.
        Assert.Equal(0.000024m, decimal.Parse(Header(response, "x-cost-usd"), CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData("stop")]
    [InlineData("tool_calls")]
    [InlineData("a reason that nobody foresaw")]
    public async Task TakesACallByWhateverReasonItEnds(string finishReason)
    {
        _gateway.Upstream.Reset();
        _gateway.Upstream.Script = new FakeScript { FinishReason = finishReason };

        using var response = await _gateway.ClassifyAsync();

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(1, _gateway.Upstream.Calls);
    }

    public static TheoryData<string> BrokenArguments() =>
    [
        "",
        "sorry, I cannot",
        "null",
        "[]",
        "\"billing\"",
        "{}",
        """{"category":"billing","confidence":0.5""",
        """{"category":"billing"}""",
        """{"confidence":0.5}""",
        """{"category":"nonsense","confidence":0.5}""",
        """{"category":"Billing","confidence":0.5}""",
        """{"category":"","confidence":0.5}""",
        """{"category":null,"confidence":0.5}""",
        """{"category":["billing"],"confidence":0.5}""",
        """{"category":1,"confidence":0.5}""",
        """{"category":"billing","confidence":2}""",
        """{"category":"billing","confidence":-0.01}""",
        """{"category":"billing","confidence":1.0000001}""",
        """{"category":"billing","confidence":1e999}""",
        """{"category":"billing","confidence":NaN}""",
        """{"category":"billing","confidence":"0.5"}""",
        """{"category":"billing","confidence":null}""",
        """{"category":"billing","confidence":0.5,"extra":1}""",
        """{"category":"billing","confidence":0.5} and more""",
        """{"category":"\ud83d","confidence":0.5}""",
        """{"category":"billing","category":"nonsense","confidence":0.5}""",
        """{"category":"nonsense","category":"billing","confidence":0.5}""",
        """{"\ud83d":1,"category":"billing","confidence":0.5}""",
    ];

    [Theory]
    [MemberData(nameof(BrokenArguments))]
    public async Task LetsAModelThatBreaksTheSchemaTryOnceMore(string arguments)
    {
        _gateway.Upstream.Reset();
        _gateway.Upstream.Enqueue(
            new FakeScript { ToolArguments = arguments, PromptTokens = 100, CompletionTokens = 7, CachedTokens = 10 },
            new FakeScript { Choice = "sales", PromptTokens = 101, CompletionTokens = 9, CachedTokens = 20 });

        using var response = await _gateway.ClassifyAsync();

        Assert.Equal("""{"category":"sales","confidence":0.9,"model":"gpt-4o-mini"}""", await response.Content.ReadAsStringAsync());
        Assert.Equal(2, _gateway.Upstream.Calls);
        Assert.Equal("2", Header(response, "x-attempts"));
        Assert.Equal("201", Header(response, "x-tokens-input"));
        Assert.Equal("16", Header(response, "x-tokens-output"));
        // 171 × 0.15 + 30 × 0.075 + 16 × 0.60 = 37.5 millionths.
        Assert.Equal(0.0000375m, decimal.Parse(Header(response, "x-cost-usd"), CultureInfo.InvariantCulture));
    }

    [Theory]
    [MemberData(nameof(BrokenArguments))]
    public async Task GivesUpOnAModelThatBreaksTheSchemaTwice(string arguments)
    {
        _gateway.Upstream.Reset();
        _gateway.Upstream.Script = new FakeScript { ToolArguments = arguments };

        using var response = await _gateway.ClassifyAsync();

        await Problem.AssertAsync(response, 502, "upstream_invalid_response", retryable: true);
        Assert.Equal(2, _gateway.Upstream.Calls);
        Assert.Equal("2", Header(response, "x-attempts"));
    }

    [Theory]
    [InlineData("""{"category":"billing","confidence":0}""", "0")]
    [InlineData("""{"category":"billing","confidence":1}""", "1")]
    [InlineData(""" { "confidence" : 5e-1, "category" : "b\u0069lling" } """, "0.5")]
    public async Task TakesArgumentsThatFit(string arguments, string confidence)
    {
        _gateway.Upstream.Reset();
        _gateway.Upstream.Script = new FakeScript { ToolArguments = arguments };

        using var response = await _gateway.ClassifyAsync();

        Assert.Equal($$"""{"category":"billing","confidence":{{confidence}},"model":"gpt-4o-mini"}""", await response.Content.ReadAsStringAsync());
        Assert.Equal(1, _gateway.Upstream.Calls);
    }

    [Fact]
    public async Task GivesUpOnArgumentsThatTheLimitCutsOff()
    {
        _gateway.Upstream.Reset();
        _gateway.Upstream.Script = new FakeScript { FinishReason = "length" };

        using var response = await _gateway.ClassifyAsync();

        await Problem.AssertAsync(response, 502, "upstream_invalid_response", retryable: true);
        Assert.Equal(2, _gateway.Upstream.Calls);
    }

    [Fact]
    public async Task CountsTheRetriesOfBothTries()
    {
        _gateway.Upstream.Reset();
        _gateway.Upstream.Enqueue(
            new FakeScript { Status = 500 }, new FakeScript { ToolArguments = "{}" }, new FakeScript { Status = 429 }, new FakeScript());

        using var response = await _gateway.ClassifyAsync();

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("4", Header(response, "x-attempts"));
    }

    [Fact]
    public async Task CountsTheCallsOfBothTriesWhenTheSecondFails()
    {
        _gateway.Upstream.Reset();
        _gateway.Upstream.Enqueue(new FakeScript { ToolArguments = "{}" }, new FakeScript { Status = 401 });

        using var response = await _gateway.ClassifyAsync();

        await Problem.AssertAsync(response, 502, "upstream_auth");
        Assert.Equal("2", Header(response, "x-attempts"));
    }

    private static string Header(HttpResponseMessage response, string name) => Assert.Single(response.Headers.GetValues(name));

    private static IEnumerable<string?> EnumOf(JsonElement body) =>
        body.GetProperty("tools")[0].GetProperty("function").GetProperty("parameters").GetProperty("properties").GetProperty("category").GetProperty("enum")
            .EnumerateArray().Select(name => name.GetString());

    private async Task<JsonElement> SentAsync(string json)
    {
        _gateway.Upstream.Reset();
        using var response = await _gateway.PostAsync("/classify", json);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return Assert.Single(_gateway.Upstream.Requests).Json;
    }
}
