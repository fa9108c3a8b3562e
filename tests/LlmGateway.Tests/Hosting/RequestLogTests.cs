using System.Globalization;
using System.Net;
using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;
using Serilog.Events;
using Serilog.Formatting.Display;

namespace LlmGateway.Tests.Hosting;

public class RequestLogTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static TheoryData<string> Endpoints() => [.. GatewayCalls.Endpoints];

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task TellsOfEachRequestOnce(string endpoint)
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { PromptTokens = 100, CompletionTokens = 7 };

        using var response = await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint));
        await response.Content.ReadAsStringAsync();

        var request = Assert.Single(await gateway.Log.WaitForAsync("Request", 1));
        Assert.Equal(LogEventLevel.Information, request.Level);
        Assert.Equal(endpoint.Split(' ')[0], request.Value("Method"));
        Assert.Equal(endpoint.Split(' ')[1], request.Value("Route"));
        Assert.Equal(200, request.Value("Status"));
        Assert.Equal(IdOf(response), request.Value("RequestId"));
        Assert.InRange(Assert.IsType<double>(request.Value("ElapsedMs")), 0.1, 20_000);
        Assert.Equal("gpt-4o-mini", request.Value("Model"));
        Assert.Equal("openai", request.Value("Provider"));
        Assert.Equal(1, request.Value("Attempts"));
        Assert.Equal(100, request.Value("InputTokens"));
        Assert.Equal(7, request.Value("OutputTokens"));
        Assert.Equal(0.0000192m, Assert.IsType<decimal>(request.Value("CostUsd")));
        Assert.Null(request.Value("ErrorCode"));
    }

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task TellsOfEachUpstreamCallOnce(string endpoint)
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Enqueue(new FakeScript { Status = 503 }, new FakeScript { Status = 429 }, new FakeScript { PromptTokens = 100, CompletionTokens = 7 });

        using var response = await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint));
        await response.Content.ReadAsStringAsync();

        var succeeded = Assert.Single(await gateway.Log.WaitForAsync("UpstreamCall", 1));
        var failed = gateway.Log.Of("UpstreamCallFailed");
        Assert.All([succeeded, .. failed], call =>
        {
            Assert.Equal(IdOf(response), call.Value("RequestId"));
            Assert.Equal("openai", call.Value("Provider"));
            Assert.Equal("gpt-4o-mini", call.Value("Model"));
            Assert.InRange(Assert.IsType<double>(call.Value("ElapsedMs")), 0, 20_000);
        });
        Assert.Equal([503, 429], failed.Select(call => call.Value("UpstreamStatus")));
        Assert.All(failed, call => Assert.Equal(LogEventLevel.Warning, call.Level));
        Assert.Equal("ok", succeeded.Value("Result"));
        Assert.Equal("stop", succeeded.Value("FinishReason"));
        Assert.Equal(100, succeeded.Value("InputTokens"));
        Assert.Equal(7, succeeded.Value("OutputTokens"));
        Assert.Equal(3, Assert.Single(await gateway.Log.WaitForAsync("Request", 1)).Value("Attempts"));
    }

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task TellsOfEachFailedCallOnce(string endpoint)
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Status = 500 };

        using var response = await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint));

        var request = Assert.Single(await gateway.Log.WaitForAsync("Request", 1));
        Assert.Equal(503, request.Value("Status"));
        Assert.Equal("upstream_unavailable", request.Value("ErrorCode"));
        Assert.Equal(LogEventLevel.Error, request.Level);
        Assert.Equal(6, gateway.Log.Of("UpstreamCallFailed").Count);
        Assert.Empty(gateway.Log.Of("UpstreamCall"));
    }

    /// <summary>As its header says: the calls of a stored answer were made for another request.</summary>
    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task CountsNoCallsForAnAnswerThatWasStored(string endpoint)
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Enqueue(new FakeScript { Status = 503 });
        var text = GatewayCalls.NewText();
        for (var i = 0; i < 3; i++)
        {
            using var response = await gateway.Client.SendAsync(GatewayCalls.Request(endpoint, text));
            await response.Content.ReadAsStringAsync();
            await gateway.Log.WaitForAsync("Request", i + 1);
        }

        var requests = gateway.Log.Of("Request");
        Assert.Equal(["Miss", "Hit", "Hit"], requests.Select(request => request.Value("Cache")));
        Assert.Equal([2, 0, 0], requests.Select(request => request.Value("Attempts")));
        Assert.Equal([0m, 0m], requests.Skip(1).Select(request => request.Value("CostUsd")));
    }

    /// <summary>In a line of text, too, which shows the name of what is not there.</summary>
    [Theory]
    [InlineData(500, null, "openai gpt-4o-mini Summarize: UpstreamUnavailable (status 500) after ")]
    [InlineData(null, null, "openai gpt-4o-mini Summarize: UpstreamUnavailable after ")]
    [InlineData(null, "SecureConnectionError", "openai gpt-4o-mini Summarize: UpstreamUnavailable (SecureConnectionError) after ")]
    public async Task SaysOfAFailedCallWhatIsKnown(int? status, string? error, string line)
    {
        await using var upstream = await FakeOpenAIServer.StartAsync();
        // Without TLS, where it is asked for.
        string[] address = error is null ? [] : [$"OPENAI_BASE_URL={new UriBuilder(upstream.BaseAddress) { Scheme = "https" }}"];
        await using var gateway = await GatewayHost.StartAsync(["Llm:Resilience:MaxRetries=0", .. address]);
        gateway.Upstream.Script = status is { } said ? new FakeScript { Status = said } : new FakeScript { Fault = new FakeFault(FakeFaultKind.Reset, FakeFault.Head) };

        using var response = await gateway.SummarizeAsync();

        var failed = Assert.Single(await gateway.Log.WaitForAsync("UpstreamCallFailed", 1));
        Assert.Equal(status, failed.Value("UpstreamStatus"));
        Assert.Equal(error, failed.Value("ConnectionError"));
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        new MessageTemplateTextFormatter("{Message:lj}", CultureInfo.InvariantCulture).Format(failed, text);
        Assert.StartsWith(line, text.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("{", text.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task CallsALeavingCaller499(string endpoint)
    {
        await using var gateway = await GatewayHost.StartAsync();
        var gate = new FakeGate();
        gateway.Upstream.Script = new FakeScript { Gate = gate };
        using var leave = new CancellationTokenSource();
        var call = gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint), leave.Token);
        await gate.Reached.WaitAsync(Patience);

        await leave.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        var request = Assert.Single(await gateway.Log.WaitForAsync("Request", 1));
        Assert.Equal(499, request.Value("Status"));
        Assert.Equal(LogEventLevel.Information, request.Level);
        Assert.Null(request.Value("ErrorCode"));
        Assert.Equal("aborted", Assert.Single(await gateway.Log.WaitForAsync("UpstreamCall", 1)).Value("Result"));
        Assert.Empty(gateway.Log.Of("UpstreamCallFailed"));
        Assert.Empty(gateway.Log.Of("UnexpectedFailure"));
        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, Patience);
    }

    [Theory]
    [InlineData("GET", "/nowhere/at/all?q=1", 404, null)]
    [InlineData("GET", "/summarize", 405, null)]
    [InlineData("GET", "/health/live?x=1", 200, "/health/live")]
    [InlineData("GET", "/chat-stream?message=", 400, "/chat-stream")]
    [InlineData("POST", "/summarize", 415, "/summarize")]
    [InlineData("LONGMETHOD", "/summarize", 405, null)]
    public async Task NamesTheRouteRatherThanThePath(string method, string path, int status, string? route)
    {
        await using var gateway = await GatewayHost.StartAsync("Log:Level=Verbose");

        using var response = await gateway.Client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));

        var request = Assert.Single(await gateway.Log.WaitForAsync("Request", 1));
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(status, request.Value("Status"));
        Assert.Equal(LogEventLevel.Information, request.Level);
        if (route is not null) Assert.Equal(route, request.Value("Route"));
        Assert.Equal(method.Length > 7 ? "OTHER" : method, request.Value("Method"));
        Assert.DoesNotContain("nowhere", gateway.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("?", request.RenderMessage(CultureInfo.InvariantCulture), StringComparison.Ordinal);
    }

    [Fact]
    public async Task WarnsOfAStreamThatBreaks()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Fault = new FakeFault(FakeFaultKind.Reset, 2) };

        using var response = await gateway.Client.SendAsync(GatewayCalls.NewRequest("GET /chat-stream"));
        await response.Content.ReadAsStringAsync();

        var request = Assert.Single(await gateway.Log.WaitForAsync("Request", 1));
        Assert.Equal(200, request.Value("Status"));
        Assert.Equal("upstream_unavailable", request.Value("ErrorCode"));
        Assert.Equal(LogEventLevel.Warning, request.Level);
        Assert.Single(gateway.Log.Of("StreamBroken"));
        Assert.Single(gateway.Log.Of("UpstreamCallFailed"));
    }

    [Fact]
    public async Task LogsNothingThatIsBelowItsLevel()
    {
        await using var gateway = await GatewayHost.StartAsync("Log:Level=Error");
        gateway.Upstream.Script = new FakeScript { Status = 401 };

        await gateway.Client.GetAsync("/health/live");
        await gateway.SummarizeAsync();

        Assert.Equal("upstream_auth", Assert.Single(await gateway.Log.WaitForAsync("Request", 1)).Value("ErrorCode"));
        Assert.All(gateway.Log.Events, logged => Assert.InRange(logged.Level, LogEventLevel.Error, LogEventLevel.Fatal));
    }

    [Fact]
    public async Task KeepsItsEventsFromOtherGateways()
    {
        await using var first = await GatewayHost.StartAsync();
        await using var second = await GatewayHost.StartAsync();

        Assert.Equal(HttpStatusCode.OK, (await first.SummarizeAsync()).StatusCode);

        Assert.Single(await first.Log.WaitForAsync("Request", 1));
        Assert.Empty(second.Log.Of("Request"));
    }

    private static string IdOf(HttpResponseMessage response) => Assert.Single(response.Headers.GetValues("x-request-id"));
}
