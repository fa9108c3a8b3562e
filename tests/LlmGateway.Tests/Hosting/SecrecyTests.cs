using System.Net;
using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Endpoints;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Hosting;

/// <summary>What callers and models say, and the key, are in no log and in no error, whatever goes wrong.</summary>
public class SecrecyTests
{
    private const string Prompt = "canaryprompt with blanks";
    private const string Completion = "canarycompletion";
    private const string Escaped = "canaryprompt%20with%20blanks";

    public static TheoryData<string> UpstreamFailures() => [.. UpstreamFailure.All.Keys];

    [Fact]
    public async Task AnswersAreNotLogged()
    {
        await using var gateway = await StartAsync();
        gateway.Upstream.Script = new FakeScript { Text = $"Listen: {Completion} is said.", Choice = Prompt };

        // Once from the model, once as it was stored.
        foreach (var request in Requests().Concat(Requests()))
        {
            using var response = await gateway.Client.SendAsync(request);
            await response.Content.ReadAsStringAsync();
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        Assert.Equal(Requests().Count, gateway.Log.Of("UpstreamCall").Count);
        AssertNothingTold(gateway);
    }

    [Theory]
    [MemberData(nameof(UpstreamFailures))]
    public async Task FailuresQuoteNothing(string name)
    {
        await using var gateway = await StartAsync();
        gateway.Upstream.Script = UpstreamFailure.All[name].Script with
        {
            Text = Completion,
            ErrorMessage = $"Incorrect API key provided: {GatewayHost.Key}. You said: {Prompt}. I said: {Completion}",
            Headers = new Dictionary<string, string> { ["location"] = "http://127.0.0.1:1/" + Escaped, ["x-echo"] = Prompt },
        };

        foreach (var request in Requests())
        {
            using var response = await gateway.Client.SendAsync(request);
            if (response.StatusCode != HttpStatusCode.OK) AssertNothingTold(await response.Content.ReadAsStringAsync());
            Assert.DoesNotContain("canary", response.Headers.ToString(), StringComparison.OrdinalIgnoreCase);
        }

        AssertNothingTold(gateway);
    }

    [Fact]
    public async Task AnUpstreamThatPutsFreeTextWhereItsCodesBelongIsNotQuoted()
    {
        await using var gateway = await StartAsync();
        foreach (var status in new[] { 400, 401, 404, 429, 500 })
        {
            gateway.Upstream.Script = new FakeScript { Status = status, ErrorCode = Prompt, ErrorType = "Bearer " + GatewayHost.Key };
            foreach (var request in Requests())
            {
                using var response = await gateway.Client.SendAsync(request);
                AssertNothingTold(await response.Content.ReadAsStringAsync());
            }
        }

        AssertNothingTold(gateway);
    }

    [Theory]
    [InlineData(FakeFaultKind.Reset)]
    [InlineData(FakeFaultKind.Close)]
    [InlineData(FakeFaultKind.End)]
    [InlineData(FakeFaultKind.ErrorEvent)]
    [InlineData(FakeFaultKind.Garbage)]
    public async Task BrokenStreamsQuoteNothingInTheLog(FakeFaultKind kind)
    {
        await using var gateway = await StartAsync();
        gateway.Upstream.Script = new FakeScript
        {
            Pieces = ["Listen: ", Completion, " is", " said."],
            Fault = new FakeFault(kind, 2, Partial: kind is FakeFaultKind.Reset or FakeFaultKind.Close or FakeFaultKind.End),
            ErrorMessage = $"{GatewayHost.Key} {Prompt} {Completion}",
        };

        foreach (var request in Requests())
        {
            using var response = await gateway.Client.SendAsync(request);
            var body = await response.Content.ReadAsStringAsync();
            Assert.DoesNotContain(GatewayHost.Key, body, StringComparison.Ordinal);
            Assert.DoesNotContain("canaryprompt", body, StringComparison.OrdinalIgnoreCase);
        }

        AssertNothingTold(gateway);
    }

    [Theory]
    [InlineData("""{"category":"canarycompletion","confidence":0.5}""")]
    [InlineData("canarycompletion")]
    [InlineData("""{"canarycompletion":1}""")]
    public async Task ArgumentsThatBreakTheSchemaAreNotQuoted(string arguments)
    {
        await using var gateway = await StartAsync();
        gateway.Upstream.Script = new FakeScript { ToolArguments = arguments };

        using var response = await gateway.ClassifyAsync(Prompt);

        AssertNothingTold((await Problem.AssertAsync(response, 502, "upstream_invalid_response", retryable: true)).ToString());
        AssertNothingTold(gateway);
    }

    [Fact]
    public async Task WrongRequestsAreNotQuoted()
    {
        await using var gateway = await StartAsync();

        foreach (var request in WrongRequests())
        {
            request.Headers.TryAddWithoutValidation("authorization", "Bearer " + GatewayHost.Key);
            request.Headers.TryAddWithoutValidation("x-request-id", Prompt);
            request.Headers.TryAddWithoutValidation("cookie", Prompt);
            using var response = await gateway.Client.SendAsync(request);
            var body = await response.Content.ReadAsStringAsync();
            Assert.True((int)response.StatusCode is >= 400 and < 500, $"{request.Method} {request.RequestUri}: {response.StatusCode}");
            AssertNothingTold(body + response.Headers);
        }

        Assert.Equal(0, gateway.Upstream.Calls);
        Assert.Equal(WrongRequests().Count, (await gateway.Log.WaitForAsync("Request", WrongRequests().Count)).Count);
        AssertNothingTold(gateway);
    }

    [Fact]
    public async Task ACallerThatLeavesIsNotQuoted()
    {
        await using var gateway = await StartAsync();
        foreach (var request in Requests())
        {
            var gate = new FakeGate();
            gateway.Upstream.Script = new FakeScript { Gate = gate, Text = Completion };
            using var leave = new CancellationTokenSource();
            var call = gateway.Client.SendAsync(request, leave.Token);
            await gate.Reached.WaitAsync(TimeSpan.FromSeconds(20));
            await leave.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        }

        await gateway.Log.WaitForAsync("Request", Requests().Count);
        AssertNothingTold(gateway);
    }

    private static Task<GatewayHost> StartAsync() => GatewayHost.StartAsync([.. SharedGateway.Patient, "Log:Level=Verbose"]);

    /// <summary>Right ones, with the canary wherever a caller may put words.</summary>
    private static List<HttpRequestMessage> Requests()
    {
        List<HttpRequestMessage> requests =
        [
            GatewayCalls.Post("/summarize?note=" + Escaped, $$"""{"text":"{{Prompt}}","{{Prompt}}":"{{Prompt}}"}"""),
            GatewayCalls.Post(
                "/classify", $$"""{"text":"{{Prompt}}","categories":["{{Prompt}}",{"name":"other {{Prompt}}","description":"{{Prompt}}"}]}"""),
            GatewayCalls.Post("/chat", $$"""{"message":"{{Prompt}}","system":"{{Prompt}}"}"""),
            GatewayCalls.Post("/chat", $$"""{"messages":[{"role":"assistant","content":"{{Prompt}}"},{"role":"user","content":"{{Prompt}}"}]}""", "application/json"),
            new HttpRequestMessage(HttpMethod.Get, $"/chat-stream?message={Escaped}&system={Escaped}&note={Escaped}&max_tokens=77"),
        ];
        foreach (var request in requests)
        {
            request.Headers.TryAddWithoutValidation("x-request-id", Prompt);
            request.Headers.TryAddWithoutValidation("x-note", Prompt);
            request.Headers.TryAddWithoutValidation("user-agent", Prompt);
            request.Headers.TryAddWithoutValidation("referer", "http://127.0.0.1/" + Escaped);
        }
        return requests;
    }

    private static List<HttpRequestMessage> WrongRequests() =>
    [
        GatewayCalls.Post("/summarize", $$"""{"text":"{{Prompt}}","max_tokens":"{{Prompt}}"}"""),
        GatewayCalls.Post("/summarize", $$"""{"text":["{{Prompt}}"]}"""),
        GatewayCalls.Post("/summarize", $$"""{"text":"{{Prompt}}" {{Prompt}}"""),
        GatewayCalls.Post("/summarize", $$"""{"{{Prompt}}":{"{{Prompt}}":["{{Prompt}}" """),
        GatewayCalls.Post("/summarize", $$"""{"text":"{{Prompt}}","model":"{{Prompt}}"}"""),
        GatewayCalls.Post("/summarize", $$"""{"text":"{{Prompt}}","text":"{{Prompt}}"}"""),
        GatewayCalls.Post("/summarize", GatewayCalls.Bytes("canaryprompt"u8.ToArray(), "text/canaryprompt")),
        GatewayCalls.Post("/summarize", GatewayCalls.Bytes("{}"u8.ToArray(), "application/json; charset=canaryprompt")),
        GatewayCalls.Post("/classify", $$"""{"text":"a","categories":["{{Prompt}}","{{Prompt}}"]}"""),
        GatewayCalls.Post("/classify", $$"""{"text":"a","categories":[{"{{Prompt}}":"{{Prompt}}"},{"name":[{"{{Prompt}}":1}] }] }"""),
        GatewayCalls.Post("/chat", $$"""{"messages":[{"role":"{{Prompt}}","content":"{{Prompt}}"}]}"""),
        GatewayCalls.Post("/chat", $$"""{"message":"{{Prompt}}","temperature":"{{Prompt}}"}"""),
        new HttpRequestMessage(HttpMethod.Get, $"/chat-stream?message={Escaped}&max_tokens={Escaped}"),
        new HttpRequestMessage(HttpMethod.Get, $"/chat-stream?message={Escaped}&message={Escaped}"),
        new HttpRequestMessage(HttpMethod.Get, $"/chat-stream?message=a&{Escaped}=1&{Escaped}=2"),
        new HttpRequestMessage(HttpMethod.Get, $"/chat-stream?message=a&model={Escaped}"),
        new HttpRequestMessage(HttpMethod.Get, $"/{Escaped}/canaryprompt?q={Escaped}"),
        new HttpRequestMessage(HttpMethod.Put, $"/summarize?{Escaped}"),
        new HttpRequestMessage(new HttpMethod("CANARYPROMPT"), "/summarize"),
    ];

    private static void AssertNothingTold(GatewayHost gateway)
    {
        Assert.NotEmpty(gateway.Log.Events);
        AssertNothingTold(gateway.Log.Text);
    }

    private static void AssertNothingTold(string text)
    {
        Assert.DoesNotContain("canary", text, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(GatewayHost.Key, text, StringComparison.Ordinal);
    }
}
