using System.Net;
using LlmGateway.FakeOpenAI;
using LlmGateway.Hosting;
using LlmGateway.Tests.Hosts;
using Microsoft.Extensions.DependencyInjection;

namespace LlmGateway.Tests.Endpoints;

/// <summary>What an answer costs, by a table worked out by hand: each line is (uncached × price + cached × price + output × price) ÷ 1,000,000.</summary>
public class CostTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static TheoryData<string, int, int, int, decimal> ByHand => new()
    {
        // 100 × 0.15 + 0 + 50 × 0.60 = 15 + 30
        { "gpt-4o-mini", 100, 0, 50, 0.000045m },
        // 60 × 0.15 + 40 × 0.075 + 50 × 0.60 = 9 + 3 + 30
        { "gpt-4o-mini", 100, 40, 50, 0.000042m },
        // 1 × 0.15 + 0 + 1 × 0.60
        { "gpt-4o-mini", 1, 0, 1, 0.00000075m },
        // 0 + 100 × 1.25 + 7 × 10 = 125 + 70
        { "gpt-4o", 100, 100, 7, 0.000195m },
        // 700 × 1 + 300 × 0.10 + 33 × 5 = 700 + 30 + 165
        { "claude-haiku-4-5", 1000, 300, 33, 0.000895m },
        // 700 × 2 + 300 × 0.10 + 33 × 10 = 1,400 + 30 + 330
        { "claude-sonnet-5-5", 1000, 300, 33, 0.00176m },
        // 700 × 4 + 300 × 0.20 + 33 × 20 = 2,800 + 60 + 660
        { "claude-opus-5-5", 1000, 300, 33, 0.00352m },
        // 90,000 × 0.10 + 10,000 × 0.01 + 10 × 0.50 = 9,000 + 100 + 5
        { "claude-haiku-5-5", 100_000, 10_000, 10, 0.009105m },
        // One token more, and all of them cost more: 90,001 × 0.50 + 10,000 × 0.05 + 10 × 2.50 = 45,000.50 + 500 + 25
        { "claude-haiku-5-5", 100_001, 10_000, 10, 0.0455255m },
    };

    [Theory]
    [MemberData(nameof(ByHand))]
    public async Task AnAnswerCostsWhatTheTableSays(string model, int input, int cached, int output, decimal cost)
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { PromptTokens = input, CachedTokens = cached, CompletionTokens = output };
        foreach (var accept in new[] { "application/json", "text/event-stream" })
        {
            var answer = await GatewayAnswer.OfAsync(await gateway.Client.SendAsync(
                GatewayCalls.Post("/chat", $$"""{"message":"{{GatewayCalls.NewText()}}","model":"{{model}}"}""", accept)));

            Assert.Equal(cost, answer.CostUsd);
            Assert.Null(answer.SavedUsd);
        }
        var calls = await gateway.Log.WaitForAsync("UpstreamCall", 2);
        Assert.All(calls, call => Assert.Equal((cost, (object?)null), (call.Value("CostUsd"), call.Value("Estimated"))));
        Assert.All(await gateway.Log.WaitForAsync("Request", 2), request => Assert.Equal(cost, request.Value("CostUsd")));
    }

    [Theory]
    [InlineData("gpt-4o-mini", 0.000042)]
    [InlineData("claude-haiku-4-5", 0.000314)]
    public async Task AHitCostsNothingAndSavedTheRest(string model, decimal cost)
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { PromptTokens = 100, CachedTokens = 40, CompletionTokens = 50 };
        var json = $$"""{"message":"{{GatewayCalls.NewText()}}","model":"{{model}}"}""";

        var first = await GatewayAnswer.OfAsync(await gateway.PostAsync("/chat", json));
        var second = await GatewayAnswer.OfAsync(await gateway.PostAsync("/chat", json));

        Assert.Equal((cost, null), (first.CostUsd, first.SavedUsd));
        Assert.Equal((0, cost), (second.CostUsd, second.SavedUsd));
    }

    [Fact]
    public async Task AFallbackCostsWhatItCosts()
    {
        await using var gateway = await GatewayHost.StartAsync("Llm:Models:gpt-4o-mini:Fallbacks:0=claude-haiku-4-5");
        gateway.Upstream.OnRequest = request => request.Path == "/v1/messages"
            ? new FakeScript { PromptTokens = 100, CachedTokens = 40, CompletionTokens = 50 }
            : new FakeScript { Status = 429, ErrorCode = "insufficient_quota" };

        var answer = await GatewayAnswer.OfAsync(await gateway.SummarizeAsync());

        // 60 × 1 + 40 × 0.10 + 50 × 5
        Assert.Equal(0.000314m, answer.CostUsd);
    }

    [Theory]
    [InlineData("openai")]
    [InlineData("anthropic")]
    public async Task AnUnknownUsageIsNotNothing(string provider)
    {
        await using var gateway = await GatewayHost.StartAsync(provider == "openai" ? Wire.OpenAI : Wire.Anthropic);
        gateway.Upstream.Script = new FakeScript { NoUsage = true };
        foreach (var endpoint in GatewayCalls.Endpoints)
        {
            var answer = await GatewayAnswer.OfAsync(await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint)));

            Assert.Equal(HttpStatusCode.OK, answer.Status);
            Assert.Null(answer.CostUsd);
        }
    }

    [Theory]
    [InlineData("openai", 0.15, 0.60)]
    [InlineData("anthropic", 1, 5)]
    public async Task AnAbortedStreamCostsWhatItDelivered(string provider, decimal inputPrice, decimal outputPrice)
    {
        await using var gateway = await GatewayHost.StartAsync(provider == "openai" ? Wire.OpenAI : Wire.Anthropic);
        // Eight tokens in the encoding of the table: The quick brown fox jumps over the lazy.
        gateway.Upstream.Script = new FakeScript { Text = "The quick brown fox jumps over the lazy dog", Fault = new FakeFault(FakeFaultKind.Stall, 8) };
        using (var client = await RawClient.ConnectAsync(gateway.Address))
        {
            await client.SendAsync("/chat-stream?message=hello");
            await client.ReadHeadAsync();
            for (var i = 0; i < 8; i++)
                await client.ReadFrameAsync();
            client.Close();
        }

        var call = Assert.Single(await gateway.Log.WaitForAsync("UpstreamCall", 1));

        // A prompt of one message: 3 + 4 + 1 token.
        Assert.Equal(("aborted", 8, 8, true), (call.Value("Result"), call.Value("InputTokens"), call.Value("OutputTokens"), call.Value("Estimated")));
        Assert.Equal(((8 * inputPrice) + (8 * outputPrice)) / 1_000_000, call.Value("CostUsd"));
        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, Patience);
    }

    [Theory]
    [InlineData(3, true)]
    [InlineData(0, false)]
    public async Task ABrokenStreamCostsWhatItDelivered(int after, bool paid)
    {
        await using var gateway = await GatewayHost.StartAsync("Llm:Resilience:MaxRetries=0");
        gateway.Upstream.Script = new FakeScript { Text = "The quick brown fox", Fault = new FakeFault(FakeFaultKind.Reset, after) };

        using var response = await gateway.Client.GetAsync("/chat-stream?message=hello");

        var call = Assert.Single(await gateway.Log.WaitForAsync("UpstreamCallFailed", 1));
        // 8 × 0.15 + 3 × 0.60 = 1.20 + 1.80
        Assert.Equal(paid ? (0.000003m, true) : (null, (object?)null), (call.Value("CostUsd"), call.Value("Estimated")));
    }

    [Theory]
    [InlineData("text/event-stream")]
    [InlineData("application/json")]
    public async Task SomebodyPaysWhenTheOneWhoAskedHasGone(string accept)
    {
        await using var gateway = await GatewayHost.StartAsync();
        var gate = new FakeGate(2);
        gateway.Upstream.Script = new FakeScript { PromptTokens = 100, CachedTokens = 40, CompletionTokens = 50, Gate = gate };
        var text = GatewayCalls.NewText();
        using var leaving = new CancellationTokenSource();
        var first = await gateway.Client.SendAsync(GatewayCalls.Post("/chat", $$"""{"message":"{{text}}"}"""), HttpCompletionOption.ResponseHeadersRead, leaving.Token);
        var joined = Enumerable.Range(0, 3).Select(_ => gateway.Client.SendAsync(GatewayCalls.Post("/chat", $$"""{"message":"{{text}}"}""", accept), HttpCompletionOption.ResponseHeadersRead)).ToArray();
        if (accept == "text/event-stream")
        {
            foreach (var one in joined)
                await one;
        }
        else
        {
            await Until.TrueAsync(() => gateway.Services.GetRequiredService<Work>().UnderWay == 4, Patience);
        }

        first.Dispose();
        await gateway.Log.WaitForAsync("Request", 1);
        gate.Open();

        var answers = await Task.WhenAll(joined.Select(async one => await GatewayAnswer.OfAsync(await one)));
        Assert.Equal([0, 0, 0.000042m], answers.Select(answer => answer.CostUsd).Order());
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task TheOneWhoAskedPaysAndTheOthersDoNot()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var gate = new FakeGate(2);
        gateway.Upstream.Script = new FakeScript { PromptTokens = 100, CachedTokens = 40, CompletionTokens = 50, Gate = gate };
        var json = $$"""{"message":"{{GatewayCalls.NewText()}}"}""";
        var calls = new List<HttpResponseMessage>();
        for (var i = 0; i < 3; i++)
            calls.Add(await gateway.Client.SendAsync(GatewayCalls.Post("/chat", json), HttpCompletionOption.ResponseHeadersRead));
        gate.Open();

        var answers = await Task.WhenAll(calls.Select(GatewayAnswer.OfAsync));

        Assert.Equal([0.000042m, 0, 0], answers.Select(answer => answer.CostUsd));
        Assert.Equal([null, 0.000042m, 0.000042m], answers.Select(answer => answer.SavedUsd));
    }
}
