using System.Net;
using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Endpoints;

/// <summary>A second call beside one that is late.</summary>
public class HedgingTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static readonly string[] Eager =
        ["Llm:Hedging:Tasks:0=Chat", "Llm:Hedging:Tasks:1=Summarize", "Llm:Hedging:Tasks:2=Classify", "Llm:Hedging:MinSamples=5", "Llm:Hedging:MaxExtra=1"];

    public static TheoryData<string> Endpoints() => [.. GatewayCalls.Endpoints];

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task TheFirstToSpeakIsHeardAndTheOtherIsAborted(string endpoint)
    {
        await using var gateway = await GatewayHost.StartAsync(Eager);
        await LearnAsync(gateway, endpoint, 5);
        gateway.Upstream.Enqueue(new FakeScript { Fault = new FakeFault(FakeFaultKind.Stall, FakeFault.Head) }, new FakeScript { Text = "The second speaks." });

        var answer = await GatewayAnswer.OfAsync(await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint)));

        Assert.Equal((HttpStatusCode.OK, "2"), (answer.Status, answer["x-attempts"]));
        if (endpoint != "POST /classify") Assert.Contains("second", answer.Text, StringComparison.Ordinal);
        await gateway.Upstream.WaitForAsync(upstream => upstream is { Aborted: 1, InFlight: 0 }, Patience);
        Assert.Single(gateway.Log.Of("Hedged"));
    }

    [Fact]
    public async Task AFailureOfTheSecondIsNotTheAnswer()
    {
        await using var gateway = await GatewayHost.StartAsync([.. Eager, "Llm:Resilience:MaxRetries=0"]);
        await LearnAsync(gateway, "GET /chat-stream", 5);
        var gate = new FakeGate();
        gateway.Upstream.Enqueue(new FakeScript { Gate = gate, Text = "The first speaks." }, new FakeScript { Status = 500 });
        var call = gateway.Client.SendAsync(GatewayCalls.NewRequest("GET /chat-stream"));
        await gateway.Upstream.WaitForAsync(upstream => upstream.Failed == 1, Patience);
        gate.Open();

        var answer = await GatewayAnswer.OfAsync(await call);

        Assert.Equal("The first speaks.", answer.Reply);
    }

    [Fact]
    public async Task BothAreAbortedWhenTheCallerGoes()
    {
        await using var gateway = await GatewayHost.StartAsync(Eager);
        await LearnAsync(gateway, "GET /chat-stream", 5);
        gateway.Upstream.Script = new FakeScript { Fault = new FakeFault(FakeFaultKind.Stall, FakeFault.Head) };
        using (var client = await RawClient.ConnectAsync(gateway.Address))
        {
            await client.SendAsync("/chat-stream?message=hello");
            await gateway.Upstream.WaitForAsync(upstream => upstream.InFlight == 2, Patience);
            client.Close();
        }

        await gateway.Upstream.WaitForAsync(upstream => upstream is { Aborted: 2, InFlight: 0 }, Patience);
    }

    [Fact]
    public async Task FewCallsGetASecond()
    {
        await using var gateway = await GatewayHost.StartAsync("Llm:Hedging:Tasks:0=Summarize");
        await LearnAsync(gateway, "POST /summarize", 20);
        gateway.Upstream.Script = new FakeScript { Latency = TimeSpan.FromMilliseconds(800) };

        await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => gateway.SummarizeAsync()));

        // One in twenty of sixty calls.
        Assert.InRange(gateway.Upstream.Calls, 61, 63);
        Assert.Equal(gateway.Upstream.Calls - 60, gateway.Log.Of("Hedged").Count);
    }

    [Fact]
    public async Task NoneDoesUnlessTold()
    {
        await using var gateway = await GatewayHost.StartAsync("Llm:Hedging:Tasks:0=Chat", "Llm:Hedging:MinSamples=1", "Llm:Hedging:MaxExtra=1");
        await LearnAsync(gateway, "POST /summarize", 5);
        gateway.Upstream.Script = new FakeScript { Latency = TimeSpan.FromMilliseconds(300) };

        await gateway.SummarizeAsync();

        Assert.Equal(6, gateway.Upstream.Calls);
    }

    private static async Task LearnAsync(GatewayHost gateway, string endpoint, int calls)
    {
        for (var i = 0; i < calls; i++)
            (await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint))).EnsureSuccessStatusCode();
    }
}
