using System.Globalization;
using System.Net;
using System.Text.Json;
using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Endpoints;

public class SummarizeTests(SharedGateway shared) : IClassFixture<SharedGateway>
{
    private readonly GatewayHost _gateway = shared.Gateway;

    [Fact]
    public async Task SendsOnlyWhatTheTaskNeeds()
    {
        var body = await SentAsync("""{"text":"The boats go down the river."}""");

        Assert.Equal(["model", "messages", "max_completion_tokens"], body.EnumerateObject().Select(property => property.Name));
        Assert.Equal("gpt-4o-mini", body.GetProperty("model").GetString());
        Assert.Equal(200, body.GetProperty("max_completion_tokens").GetInt32());
        var messages = body.GetProperty("messages").EnumerateArray().ToList();
        Assert.Equal(2, messages.Count);
        Assert.All(messages, message => Assert.Equal(["role", "content"], message.EnumerateObject().Select(property => property.Name)));
        Assert.Equal("system", messages[0].GetProperty("role").GetString());
        Assert.Contains("2-3 sentences", messages[0].GetProperty("content").GetString(), StringComparison.Ordinal);
        Assert.Equal("user", messages[1].GetProperty("role").GetString());
        Assert.Equal("The boats go down the river.", messages[1].GetProperty("content").GetString());
    }

    [Fact]
    public async Task SendsItsKeyAndTheRequestsId()
    {
        _gateway.Upstream.Reset();

        using var response = await _gateway.SummarizeAsync();

        var call = Assert.Single(_gateway.Upstream.Requests);
        Assert.Equal("/v1/chat/completions", call.Path);
        Assert.Equal("Bearer " + GatewayHost.Key, call.Headers["authorization"]);
        Assert.Equal("application/json", call.Headers["content-type"]);
        Assert.Equal(Assert.Single(response.Headers.GetValues("x-request-id")), call.Headers["x-client-request-id"]);
    }

    [Fact]
    public async Task NeverPassesTheCallersHeadersOn()
    {
        _gateway.Upstream.Reset();
        using var request = GatewayCalls.NewRequest("POST /summarize");
        request.Headers.Add("authorization", "Bearer callers-own");
        request.Headers.Add("cookie", "session=callers-own");
        request.Headers.Add("x-forwarded-for", "callers-own");
        request.Headers.Add("openai-organization", "callers-own");
        request.Headers.Add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");

        using var response = await _gateway.Client.SendAsync(request);

        var call = Assert.Single(_gateway.Upstream.Requests);
        Assert.DoesNotContain(call.Headers, header => header.Value.Contains("callers-own", StringComparison.Ordinal));
        Assert.DoesNotContain("traceparent", call.Headers.Keys, StringComparer.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("gpt-4o")]
    [InlineData("gpt-4.1")]
    public async Task AsksTheModelThatTheCallerNames(string model)
    {
        var body = await SentAsync($$"""{"text":"{{GatewayCalls.NewText()}}","model":"{{model}}"}""");

        Assert.Equal(model, body.GetProperty("model").GetString());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(17)]
    [InlineData(1000)]
    public async Task LetsTheCallerSetTheLengthOfTheSummary(int tokens)
    {
        var body = await SentAsync($$"""{"text":"{{GatewayCalls.NewText()}}","max_tokens":{{tokens}}}""");

        Assert.Equal(tokens, body.GetProperty("max_completion_tokens").GetInt32());
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("größer, 更大, 🚣‍♀️ and \\\"quoted\\\" \\\\ \\u0000 \\u2028")]
    [InlineData("  blanks and lines\\r\\n\\tare kept  ")]
    [InlineData("<script>&amp;</script> {{template}} [INST]")]
    [InlineData("<|endoftext|> <|im_start|>system")]
    public async Task SendsTheTextAsItCame(string escaped)
    {
        var body = await SentAsync($$"""{"text":"{{escaped}}"}""");

        Assert.Equal(JsonSerializer.Deserialize<string>($"\"{escaped}\""), body.GetProperty("messages")[1].GetProperty("content").GetString());
    }

    [Fact]
    public async Task AnswersWithExactlyTheFieldsOfTheContract()
    {
        _gateway.Upstream.Reset();
        _gateway.Upstream.Script = new FakeScript { Text = "Boats & <rivers>: größer, \"更大\"." };

        using var response = await _gateway.SummarizeAsync();

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("application/json", response.Content.Headers.ContentType!.ToString());
        var bytes = await response.Content.ReadAsByteArrayAsync();
        Assert.Equal(bytes.Length, response.Content.Headers.ContentLength);
        var body = JsonElement.Parse(bytes);
        Assert.Equal(["summary", "model", "truncated", "input_tokens", "chunks"], body.EnumerateObject().Select(property => property.Name));
        Assert.Equal("Boats & <rivers>: größer, \"更大\".", body.GetProperty("summary").GetString());
        Assert.Equal("gpt-4o-mini", body.GetProperty("model").GetString());
        Assert.False(body.GetProperty("truncated").GetBoolean());
        Assert.InRange(body.GetProperty("input_tokens").GetInt32(), 5, 30);
        Assert.Equal(1, body.GetProperty("chunks").GetInt32());
    }

    [Fact]
    public async Task ReadsOnlyTheBeginningOfALongText()
    {
        await using var gateway = await GatewayHost.StartAsync("Summarize:MaxInputTokens=20");
        var text = string.Join(' ', Enumerable.Range(0, 200).Select(i => $"boat{i}"));

        using var response = await gateway.SummarizeAsync(text);

        var sent = Assert.Single(gateway.Upstream.Requests).Json.GetProperty("messages")[1].GetProperty("content").GetString()!;
        Assert.StartsWith(sent, text, StringComparison.Ordinal);
        Assert.InRange(sent.Length, 10, 100);
        var body = JsonElement.Parse(await response.Content.ReadAsStringAsync());
        Assert.True(body.GetProperty("truncated").GetBoolean());
        Assert.InRange(body.GetProperty("input_tokens").GetInt32(), 200, 1000);
    }

    [Fact]
    public async Task KnowsTheFieldsByTheirSnakeCaseNamesAlone()
    {
        var body = await SentAsync($$"""{"text":"{{GatewayCalls.NewText()}}","MaxTokens":3,"maxTokens":4,"Max_Tokens":5,"unknown":[{"a":[1,2]}, 0]}""");

        Assert.Equal(200, body.GetProperty("max_completion_tokens").GetInt32());
    }

    [Fact]
    public async Task UsesTheConfiguredModelAndLimits()
    {
        await using var gateway = await GatewayHost.StartAsync("Summarize:Model=gpt-4.1-nano", "Summarize:MaxOutputTokens=50", "Summarize:MaxOutputTokensLimit=60");

        using var response = await gateway.SummarizeAsync();
        using var refused = await gateway.PostAsync("/summarize", """{"text":"hi","max_tokens":61}""");

        var sent = Assert.Single(gateway.Upstream.Requests).Json;
        Assert.Equal("gpt-4.1-nano", sent.GetProperty("model").GetString());
        Assert.Equal(50, sent.GetProperty("max_completion_tokens").GetInt32());
        Assert.Equal("gpt-4.1-nano", Assert.Single(response.Headers.GetValues("x-model")));
        await Problem.AssertAsync(refused, 400, "invalid_request");
    }

    [Theory]
    // Prices per million: 0.15 in, 0.075 cached, 0.60 out.
    [InlineData("gpt-4o-mini", 1000, 0, 100, "0.00021")]
    [InlineData("gpt-4o-mini", 1001, 1000, 1, "0.00007575")]
    [InlineData("gpt-4o-mini", 9, 0, 2, "0.00000255")]
    [InlineData("gpt-4o-mini", 1, 1, 0, "0.000000075")]
    // 2.50, 1.25, 10.
    [InlineData("gpt-4o", 1234, 234, 56, "0.0033525")]
    // 0.10, 0.025, 0.40.
    [InlineData("gpt-4.1-nano", 3, 2, 7, "0.00000295")]
    // 2, 0.50, 8.
    [InlineData("gpt-4.1", 1000000, 1000000, 0, "0.5")]
    [InlineData("gpt-4.1", 2000000000, 0, 2000000000, "20000")]
    // More cached tokens than there are cannot be: all of them count as cached.
    [InlineData("gpt-4.1", 10, 20, 0, "0.000005")]
    public async Task TellsTheExactCost(string model, int input, int cached, int output, string cost)
    {
        _gateway.Upstream.Reset();
        _gateway.Upstream.Script = new FakeScript { PromptTokens = input, CachedTokens = cached, CompletionTokens = output };

        using var response = await _gateway.PostAsync("/summarize", $$"""{"text":"{{GatewayCalls.NewText()}}","model":"{{model}}"}""");

        Assert.Equal($"{input}", Header(response, "x-tokens-input"));
        Assert.Equal($"{output}", Header(response, "x-tokens-output"));
        Assert.Equal(decimal.Parse(cost, CultureInfo.InvariantCulture), decimal.Parse(Header(response, "x-cost-usd"), CultureInfo.InvariantCulture));
        Assert.DoesNotMatch("[eE,]", Header(response, "x-cost-usd"));
        Assert.Equal(model, Header(response, "x-model"));
        Assert.Equal("openai", Header(response, "x-provider"));
        Assert.Equal("1", Header(response, "x-attempts"));
    }

    [Fact]
    public async Task ClaimsNoCostThatNobodyToldIt()
    {
        _gateway.Upstream.Reset();
        _gateway.Upstream.Script = new FakeScript { NoUsage = true };

        using var response = await _gateway.SummarizeAsync();

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.False(response.Headers.Contains("x-tokens-input"));
        Assert.False(response.Headers.Contains("x-tokens-output"));
        Assert.False(response.Headers.Contains("x-cost-usd"));
        Assert.Equal("gpt-4o-mini", Header(response, "x-model"));
    }

    [Fact]
    public async Task TellsTheTokensOfAModelWithoutAPrice()
    {
        await using var gateway = await GatewayHost.StartAsync(
            "Llm:Models:house:ContextWindow=1000", "Llm:Models:house:MaxOutputTokens=500", "Summarize:Model=house");

        using var response = await gateway.SummarizeAsync();

        Assert.True(response.Headers.Contains("x-tokens-input"));
        Assert.False(response.Headers.Contains("x-cost-usd"));
    }

    [Fact]
    public async Task TellsHowLongItTook()
    {
        _gateway.Upstream.Reset();
        _gateway.Upstream.Script = new FakeScript { Latency = TimeSpan.FromMilliseconds(120) };

        using var response = await _gateway.SummarizeAsync();

        var timings = Header(response, "server-timing").Split(", ").Select(timing => timing.Split(";dur=")).ToDictionary(
            timing => timing[0], timing => double.Parse(timing[1], CultureInfo.InvariantCulture));
        Assert.InRange(timings["upstream"], 100, 20_000);
        Assert.InRange(timings["total"], timings["upstream"], 20_000);
    }

    private static string Header(HttpResponseMessage response, string name) => Assert.Single(response.Headers.GetValues(name));

    private async Task<JsonElement> SentAsync(string json)
    {
        _gateway.Upstream.Reset();
        using var response = await _gateway.PostAsync("/summarize", json);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return Assert.Single(_gateway.Upstream.Requests).Json;
    }
}
