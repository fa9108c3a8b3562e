using System.Net;
using System.Text.Json;
using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Endpoints;

/// <summary>What Claude is asked, and how its answers come out at each endpoint.</summary>
public class ClaudeTests
{
    public static TheoryData<string, string> EveryModelEverywhere()
    {
        var data = new TheoryData<string, string>();
        foreach (var model in new[] { "claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-4-5" })
        {
            foreach (var endpoint in GatewayCalls.Endpoints)
                data.Add(model, endpoint);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(EveryModelEverywhere))]
    public async Task AnswersAtEveryEndpoint(string model, string endpoint)
    {
        await using var gateway = await GatewayHost.StartAsync($"Summarize:Model={model}", $"Chat:Model={model}", $"Classify:Model={model}");

        var answer = await GatewayAnswer.OfAsync(await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint)));

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal(("anthropic", model, "1"), (answer["x-provider"], answer["x-model"], answer["x-attempts"]));
        Assert.NotNull(answer.CostUsd);
        var sent = Assert.Single(gateway.Upstream.Requests);
        Assert.Equal("/v1/messages", sent.Path);
        Assert.Equal("Bearer " + GatewayHost.Key, sent.Headers["authorization"]);
        Assert.Equal(answer["x-request-id"], sent.Headers["x-client-request-id"]);
        Assert.Equal(model, sent.Json.GetProperty("model").GetString());
    }

    [Fact]
    public async Task SendsTheSystemPromptApartFromTheConversation()
    {
        await using var gateway = await GatewayHost.StartAsync();

        using var response = await gateway.PostAsync("/chat", """
            {"model":"claude-haiku-4-5","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"One?"},{"role":"assistant","content":"1"},{"role":"user","content":"Two?"}],"temperature":1.8,"max_tokens":7}
            """);

        var sent = Assert.Single(gateway.Upstream.Requests).Json;
        Assert.Equal("Be brief.", sent.GetProperty("system").GetString());
        Assert.Equal("""[{"role":"user","content":"One?"},{"role":"assistant","content":"1"},{"role":"user","content":"Two?"}]""", sent.GetProperty("messages").GetRawText());
        Assert.Equal(7, sent.GetProperty("max_tokens").GetInt32());
        // OpenAI's temperatures go up to 2, Claude's to 1.
        Assert.Equal(1, sent.GetProperty("temperature").GetDouble());
    }

    [Fact]
    public async Task ForcesTheToolWhereTheModelLetsItself()
    {
        await using var gateway = await GatewayHost.StartAsync("Classify:Model=claude-haiku-4-5");
        gateway.Upstream.Script = new FakeScript { Choice = "technical", Confidence = 0.7 };

        using var response = await gateway.ClassifyAsync();

        Assert.Equal("""{"category":"technical","confidence":0.7,"model":"claude-haiku-4-5"}""", await response.Content.ReadAsStringAsync());
        var sent = Assert.Single(gateway.Upstream.Requests).Json;
        Assert.Equal("""{"type":"tool","name":"submit_classification","disable_parallel_tool_use":true}""", sent.GetProperty("tool_choice").GetRawText());
        var tool = sent.GetProperty("tools")[0];
        Assert.True(tool.GetProperty("strict").GetBoolean());
        AssertStrict(tool.GetProperty("input_schema"));
    }

    [Fact]
    public async Task TellsTheFormWhereTheModelCannotBeForced()
    {
        await using var gateway = await GatewayHost.StartAsync("Classify:Model=claude-haiku-5-5");
        gateway.Upstream.Script = new FakeScript { Choice = "technical", Confidence = 0.7 };

        using var response = await gateway.ClassifyAsync();

        Assert.Equal("""{"category":"technical","confidence":0.7,"model":"claude-haiku-5-5"}""", await response.Content.ReadAsStringAsync());
        var sent = Assert.Single(gateway.Upstream.Requests).Json;
        Assert.False(sent.TryGetProperty("tool_choice", out _));
        Assert.Equal("""{"type":"disabled"}""", sent.GetProperty("thinking").GetRawText());
        var format = sent.GetProperty("output_config").GetProperty("format");
        Assert.Equal("json_schema", format.GetProperty("type").GetString());
        AssertStrict(format.GetProperty("schema"));
    }

    [Fact]
    public async Task LeavesOutWhatTheModelDoesNotTakeAndLeavesItRoomToThink()
    {
        await using var gateway = await GatewayHost.StartAsync();

        using var response = await gateway.PostAsync("/chat", """{"model":"claude-opus-5-5","message":"Hi","temperature":0.5,"max_tokens":50}""");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var sent = Assert.Single(gateway.Upstream.Requests).Json;
        Assert.False(sent.TryGetProperty("temperature", out _));
        Assert.False(sent.TryGetProperty("thinking", out _));
        Assert.Equal("low", sent.GetProperty("output_config").GetProperty("effort").GetString());
        Assert.Equal(8050, sent.GetProperty("max_tokens").GetInt32());
    }

    [Theory]
    [InlineData("Production", "ANTHROPIC_API_KEY=")]
    [InlineData("Development", "ANTHROPIC_API_KEY=")]
    public async Task IsNotOfferedWithoutAKey(string environment, string key)
    {
        await using var gateway = await GatewayHost.StartAsync("environment=" + environment, key);

        using var response = await gateway.PostAsync("/chat", """{"model":"claude-haiku-5-5","message":"Hi"}""");

        var problem = await Problem.AssertAsync(response, 400, "model_not_allowed");
        var detail = problem.GetProperty("detail").GetString()!;
        Assert.Contains("ANTHROPIC_API_KEY", detail, StringComparison.Ordinal);
        Assert.Contains("gpt-4o-mini", detail, StringComparison.Ordinal);
        Assert.DoesNotContain("claude", detail, StringComparison.Ordinal);
        Assert.Equal(0, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task IsEnoughForAStart()
    {
        await using var gateway = await GatewayHost.StartAsync(["OPENAI_API_KEY=", .. Wire.Anthropic.Settings]);

        using var claude = await gateway.SummarizeAsync();
        using var gpt = await gateway.PostAsync("/summarize", """{"text":"Hi","model":"gpt-4o-mini"}""");

        Assert.Equal("anthropic", Assert.Single(claude.Headers.GetValues("x-provider")));
        var problem = await Problem.AssertAsync(gpt, 400, "model_not_allowed");
        Assert.Contains("OPENAI_API_KEY", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnswersBesideTheOfflineProviderInDevelopment()
    {
        await using var gateway = await GatewayHost.StartAsync("environment=Development", "OPENAI_API_KEY=", "Llm:Offline:FirstToken=00:00:00", "Llm:Offline:TokensPerSecond=0");

        using var own = await gateway.SummarizeAsync();
        using var claude = await gateway.PostAsync("/summarize", """{"text":"Hi","model":"claude-haiku-5-5"}""");

        Assert.Equal("offline", Assert.Single(own.Headers.GetValues("x-provider")));
        Assert.Equal("anthropic", Assert.Single(claude.Headers.GetValues("x-provider")));
    }

    /// <summary>Strict schemas know no bounds.</summary>
    private static void AssertStrict(JsonElement schema)
    {
        Assert.DoesNotContain("minimum", schema.GetRawText(), StringComparison.Ordinal);
        Assert.DoesNotContain("maximum", schema.GetRawText(), StringComparison.Ordinal);
        Assert.False(schema.GetProperty("additionalProperties").GetBoolean());
        Assert.Equal("number", schema.GetProperty("properties").GetProperty("confidence").GetProperty("type").GetString());
    }
}
