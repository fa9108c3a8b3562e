using System.Diagnostics;
using System.Globalization;
using System.Net;
using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;
using Xunit.Abstractions;

namespace LlmGateway.Tests.Endpoints;

/// <summary>Who answers when the model that was asked for cannot be.</summary>
public class FallbackTests(ITestOutputHelper output)
{
    private const string ToClaude = "Llm:Models:gpt-4o-mini:Fallbacks:0=claude-haiku-4-5";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static TheoryData<string, string> CannotBeAsked()
    {
        var data = new TheoryData<string, string>();
        foreach (var endpoint in GatewayCalls.Endpoints)
        {
            foreach (var failure in new[] { "429 insufficient_quota", "401", "403", "500", "429", "reset before the head" })
                data.Add(failure, endpoint);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(CannotBeAsked))]
    public async Task TheNextModelAnswers(string failure, string endpoint)
    {
        await using var gateway = await GatewayHost.StartAsync(ToClaude, "Llm:Resilience:MaxRetries=1");
        FailOpenAI(gateway, UpstreamFailure.All[failure].Script);

        var answer = await GatewayAnswer.OfAsync(await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint)));

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal(("anthropic", "claude-haiku-4-5"), (answer["x-provider"], answer["x-model"]));
        Assert.Contains("\"model\":\"claude-haiku-4-5\"", answer.Text, StringComparison.Ordinal);
        var calls = UpstreamFailure.All[failure].Calls > 1 ? 3 : 2;
        Assert.Equal(($"{calls}", calls), (answer["x-attempts"], gateway.Upstream.Calls));
        Assert.Single(gateway.Log.Of("Fallback"));
    }

    [Theory]
    [InlineData("400")]
    [InlineData("400 context_length_exceeded")]
    [InlineData("400 content_filter")]
    [InlineData("refusal")]
    [InlineData("HTML with 200")]
    public async Task NobodyElseIsAskedWhereTheModelHasAnswered(string failure)
    {
        await using var gateway = await GatewayHost.StartAsync(ToClaude);
        gateway.Upstream.Script = UpstreamFailure.All[failure].Script;

        using var response = await gateway.SummarizeAsync();

        await Problem.AssertAsync(response, UpstreamFailure.All[failure].Status, UpstreamFailure.All[failure].Code, UpstreamFailure.All[failure].Retryable);
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData(FakeFaultKind.Reset)]
    [InlineData(FakeFaultKind.ErrorEvent)]
    public async Task NobodyElseIsAskedAfterTheFirstToken(FakeFaultKind kind)
    {
        await using var gateway = await GatewayHost.StartAsync(ToClaude);
        gateway.Upstream.Script = new FakeScript { Fault = new FakeFault(kind, 3) };

        var answer = await GatewayAnswer.OfAsync(await gateway.Client.GetAsync("/chat-stream?message=hi"));

        Assert.Equal("upstream_unavailable", answer.Frames[^1].GetProperty("error").GetProperty("code").GetString());
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task WhereNobodyCanBeAskedTheFirstFailureIsTold()
    {
        await using var gateway = await GatewayHost.StartAsync(ToClaude, "Llm:Resilience:MaxRetries=0");
        gateway.Upstream.OnRequest = request => IsClaude(request) ? new FakeScript { Status = 401 } : new FakeScript { Status = 429, RetryAfter = "3600" };

        foreach (var endpoint in GatewayCalls.Endpoints)
        {
            using var response = await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint));

            await Problem.AssertAsync(response, 429, "upstream_rate_limited", retryable: true);
            Assert.Equal("2", Assert.Single(response.Headers.GetValues("x-attempts")));
        }
    }

    [Fact]
    public async Task AnOpenCircuitIsNotWaitedFor()
    {
        await using var gateway = await GatewayHost.StartAsync(ToClaude, "Llm:Resilience:MaxRetries=0", "Llm:Resilience:BreakerMinimumThroughput=2");
        FailOpenAI(gateway, new FakeScript { Status = 500 });
        for (var i = 0; i < 2; i++)
            await gateway.SummarizeAsync();

        using var response = await gateway.SummarizeAsync();

        Assert.Equal("claude-haiku-4-5", Assert.Single(response.Headers.GetValues("x-model")));
        Assert.Equal(2, gateway.Upstream.Requests.Count(request => !IsClaude(request)));
    }

    [Fact]
    public async Task ASilentProviderLeavesTheNextOneTime()
    {
        await using var gateway = await GatewayHost.StartAsync(ToClaude, "Llm:Resilience:TotalTimeout=00:00:02");
        FailOpenAI(gateway, new FakeScript { Fault = new FakeFault(FakeFaultKind.Stall, FakeFault.Head) });
        foreach (var endpoint in new[] { "POST /summarize", "GET /chat-stream" })
        {
            using var response = await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint));

            Assert.Equal("claude-haiku-4-5", Assert.Single(response.Headers.GetValues("x-model")));
        }
        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == 2, Patience);
    }

    [Fact]
    public async Task AllTogetherHaveOneDeadline()
    {
        await using var gateway = await GatewayHost.StartAsync(
            ToClaude, "Llm:Models:gpt-4o-mini:Fallbacks:1=gpt-4o", "Llm:Resilience:TotalTimeout=00:00:01");
        gateway.Upstream.Script = new FakeScript { Fault = new FakeFault(FakeFaultKind.Stall, FakeFault.Head) };
        var started = Stopwatch.GetTimestamp();

        using var response = await gateway.SummarizeAsync();

        await Problem.AssertAsync(response, 504, "upstream_timeout", retryable: true);
        // Each of the three alone would have had one second.
        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0.9, 2.5);
        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == upstream.Calls, Patience);
    }

    [Fact]
    public async Task TheAnswerIsKeptUnderTheQuestionAndRemembersWhoGaveIt()
    {
        await using var gateway = await GatewayHost.StartAsync(ToClaude, "Llm:Resilience:MaxRetries=0");
        FailOpenAI(gateway, new FakeScript { Status = 429, ErrorCode = "insufficient_quota" });
        var text = GatewayCalls.NewText();
        var first = await GatewayAnswer.OfAsync(await gateway.SummarizeAsync(text));
        gateway.Upstream.Reset();

        var second = await GatewayAnswer.OfAsync(await gateway.SummarizeAsync(text));

        Assert.Equal(("HIT", "claude-haiku-4-5", "anthropic", "0"), (second["x-cache"], second["x-model"], second["x-provider"], second["x-attempts"]));
        Assert.Equal(first.Text, second.Text);
        Assert.Equal(0, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task OutOfCreditMeansACheaperModelByOneLine()
    {
        await using var gateway = await GatewayHost.StartAsync("Llm:Models:gpt-4o:Fallbacks:0=gpt-4o-mini", "Chat:MaxOutputTokensLimit=100000");
        gateway.Upstream.OnRequest = request => request.Json.GetProperty("model").GetString() == "gpt-4o" ? new FakeScript { Status = 429, ErrorCode = "insufficient_quota" } : null;

        using var response = await gateway.PostAsync("/chat", """{"model":"gpt-4o","message":"Hi","max_tokens":90000}""");

        Assert.Equal("gpt-4o-mini", Assert.Single(response.Headers.GetValues("x-model")));
        // As much as the cheaper model can say.
        Assert.Equal(16384, gateway.Upstream.Requests[^1].Json.GetProperty("max_completion_tokens").GetInt32());
    }

    [Fact]
    public async Task AnotherServerIsAProviderByConfigurationAlone()
    {
        await using var other = await FakeOpenAIServer.StartAsync();
        await using var gateway = await GatewayHost.StartAsync([.. Other(other), "MY_KEY=sk-other-key", "Llm:Providers:other:KeyVariable=MY_KEY", "Llm:Models:mine:UpstreamModel=llama3.2:3b"]);

        var answer = await GatewayAnswer.OfAsync(await gateway.PostAsync("/chat", """{"model":"mine","message":"Hi","max_tokens":9}"""));

        Assert.Equal(("other", "mine"), (answer["x-provider"], answer["x-model"]));
        var sent = Assert.Single(other.Requests);
        Assert.Equal("Bearer sk-other-key", sent.Headers["authorization"]);
        Assert.Equal("llama3.2:3b", sent.Json.GetProperty("model").GetString());
        Assert.Equal(9, sent.Json.GetProperty("max_tokens").GetInt32());
        Assert.False(sent.Json.TryGetProperty("max_completion_tokens", out _));
        Assert.Equal("""{"include_usage":true}""", sent.Json.GetProperty("stream_options").GetRawText());
        Assert.Equal(0, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task AServerWithoutAKeyNeedsNone()
    {
        await using var other = await FakeOpenAIServer.StartAsync();
        await using var gateway = await GatewayHost.StartAsync(["OPENAI_API_KEY=", "ANTHROPIC_API_KEY=", .. Other(other), "Summarize:Model=mine", "Chat:Model=mine", "Classify:Model=mine"]);

        using var response = await gateway.SummarizeAsync();

        Assert.Equal("other", Assert.Single(response.Headers.GetValues("x-provider")));
        Assert.Equal("Bearer none", Assert.Single(other.Requests).Headers["authorization"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AProviderThatDiesUnderLoadIsNotMissed(bool stream)
    {
        const int Requests = 200;
        await using var backup = await FakeOpenAIServer.StartAsync();
        await using var gateway = await GatewayHost.StartAsync([.. Other(backup), "Llm:Models:gpt-4o-mini:Fallbacks:0=mine", "Llm:Resilience:BaseDelay=00:00:00.100", "Llm:Resilience:MaxDelay=00:00:01"]);
        // Warm, and alive.
        using (await gateway.SummarizeAsync())
            Assert.Equal(1, gateway.Upstream.Calls);
        gateway.Upstream.Script = new FakeScript { Fault = new FakeFault(FakeFaultKind.Stall, FakeFault.Head) };
        var calls = Enumerable.Range(0, Requests).Select(_ => AskAsync()).ToArray();
        await gateway.Upstream.WaitForAsync(upstream => upstream.InFlight == Requests, Patience);

        var died = Stopwatch.GetTimestamp();
        await gateway.Upstream.DisposeAsync();
        var answers = await Task.WhenAll(calls);

        Assert.All(answers, answer => Assert.Equal((HttpStatusCode.OK, "mine"), (answer.Answer.Status, answer.Answer["x-model"])));
        // None of them twice.
        Assert.Equal((Requests, Requests), (backup.Calls, backup.Completed));
        Assert.Equal(Requests, backup.Requests.Select(request => request.Body).Distinct().Count());
        var added = answers.Select(answer => Stopwatch.GetElapsedTime(died, answer.Ended).TotalMilliseconds).Order().ToList();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Requests} answered after the death: median {added[Requests / 2]:0} ms, p99 {added[Requests * 99 / 100]:0} ms, last {added[^1]:0} ms"));

        async Task<(GatewayAnswer Answer, long Ended)> AskAsync()
        {
            var answer = await GatewayAnswer.OfAsync(await gateway.Client.SendAsync(GatewayCalls.NewRequest(stream ? "GET /chat-stream" : "POST /summarize")));
            return (answer, Stopwatch.GetTimestamp());
        }
    }

    private static string[] Other(FakeOpenAIServer server) =>
    [
        $"Llm:Providers:other:BaseUrl={server.BaseAddress}", "Llm:Models:mine:Provider=other", "Llm:Models:mine:ContextWindow=8192", "Llm:Models:mine:MaxOutputTokens=4096",
    ];

    private static void FailOpenAI(GatewayHost gateway, FakeScript script) => gateway.Upstream.OnRequest = request => IsClaude(request) ? null : script;

    private static bool IsClaude(FakeRequest request) => request.Path == "/v1/messages";
}
