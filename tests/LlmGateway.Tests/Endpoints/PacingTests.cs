using System.Diagnostics;
using System.Globalization;
using System.Net;
using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;
using Xunit.Abstractions;

namespace LlmGateway.Tests.Endpoints;

/// <summary>Calls wait a moment rather than collect refusals.</summary>
[Collection(Quiet.Name)]
public class PacingTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData("POST /summarize")]
    [InlineData("GET /chat-stream")]
    public async Task ABurstIsSpreadOverTheTimeItTakes(string endpoint)
    {
        const int Requests = 500, PerSecond = 100;
        // All that the bucket holds goes at once, the rest as it fills.
        const double Ideal = (Requests - PerSecond) / (double)PerSecond;
        await using var gateway = await GatewayHost.StartAsync();
        await WarmAsync(gateway, endpoint);
        gateway.Upstream.Reset();
        gateway.Upstream.RateLimit = new FakeRateLimit(PerSecond, PerSecond);
        var started = Stopwatch.GetTimestamp();

        var answers = await Task.WhenAll(Enumerable.Range(0, Requests).Select(async _ => await GatewayAnswer.OfAsync(await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint)))));

        var took = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var refused = gateway.Upstream.Requests.Where(request => request.Outcome == FakeOutcome.Failed).ToList();
        var begin = gateway.Upstream.Requests[0].ArrivedAt;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Requests} in {took:0.00} s, ideally {Ideal:0.00} s; {refused.Count} refused"));
        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
        Assert.DoesNotContain(refused, request => request.ArrivedAt - begin > TimeSpan.FromSeconds(1));
        // A tenth more on a machine that has nothing else to do; the client shares this one.
        Assert.InRange(took, 0, Ideal * 1.25);
        if (endpoint == "POST /summarize") Assert.Contains(answers, answer => answer["server-timing"]!.StartsWith("queue;dur=", StringComparison.Ordinal));
    }

    /// <summary>The code is warm, the limits are not known: each model has its own.</summary>
    private static async Task WarmAsync(GatewayHost gateway, string endpoint)
    {
        for (var i = 0; i < 20; i++)
        {
            using var request = endpoint == "GET /chat-stream"
                ? new HttpRequestMessage(HttpMethod.Get, "/chat-stream?model=gpt-4o&message=" + Uri.EscapeDataString(GatewayCalls.NewText()))
                : GatewayCalls.Post("/summarize", $$"""{"text":"{{GatewayCalls.NewText()}}","model":"gpt-4o"}""");
            var answer = await GatewayAnswer.OfAsync(await gateway.Client.SendAsync(request));
            Assert.Equal(HttpStatusCode.OK, answer.Status);
        }
    }

    [Fact]
    public async Task NobodyWaitsWhereThereIsRoom()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.RateLimit = new FakeRateLimit(1000, 1);

        for (var i = 0; i < 30; i++)
        {
            using var response = await gateway.SummarizeAsync();
            Assert.StartsWith("upstream;dur=", Assert.Single(response.Headers.GetValues("server-timing")), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task WhoWouldWaitForTooLongIsToldAtOnce()
    {
        await using var gateway = await GatewayHost.StartAsync("Llm:Resilience:MaxRetries=0", "Llm:Pacing:MaxWait=00:00:02");
        gateway.Upstream.RateLimit = new FakeRateLimit(2, 0.01);
        await gateway.SummarizeAsync();
        await gateway.SummarizeAsync();

        using var response = await gateway.SummarizeAsync();

        var problem = await Problem.AssertAsync(response, 429, "upstream_rate_limited", retryable: true);
        Assert.InRange(problem.GetProperty("retry_after_ms").GetInt64(), 80_000, 120_000);
        Assert.Equal(2, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task WhoLeavesWhileWaitingTakesNobodysPlace()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.RateLimit = new FakeRateLimit(2, 2);
        await gateway.SummarizeAsync();
        await gateway.SummarizeAsync();
        using var leaving = new CancellationTokenSource();
        var gone = Enumerable.Range(0, 10).Select(_ => gateway.Client.SendAsync(GatewayCalls.NewRequest("POST /summarize"), leaving.Token)).ToList();
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(gone));
        var started = Stopwatch.GetTimestamp();

        using var response = await gateway.SummarizeAsync();

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        // Ten before it would have taken five seconds.
        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0, 3);
    }

    [Fact]
    public async Task TheFirstCallsTellTheLimitsAndTheOthersWaitForThatOnlyShortly()
    {
        await using var gateway = await GatewayHost.StartAsync("Llm:Pacing:FirstCalls=3", "Llm:Pacing:FirstWait=00:00:00.300");
        gateway.Upstream.Script = new FakeScript { Fault = new FakeFault(FakeFaultKind.Stall, FakeFault.Head) };
        using var leaving = new CancellationTokenSource();
        var calls = Enumerable.Range(0, 10).Select(_ => gateway.Client.SendAsync(GatewayCalls.NewRequest("POST /summarize"), leaving.Token)).ToList();

        await gateway.Upstream.WaitForAsync(upstream => upstream.InFlight == 10, Patience);

        var arrivals = gateway.Upstream.Requests.Select(request => request.ArrivedAt).Order().ToList();
        Assert.InRange((arrivals[3] - arrivals[0]).TotalMilliseconds, 150, 5000);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(calls));
        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == 10, Patience);
    }
}
