using LlmGateway.Llm;
using LlmGateway.Llm.Models;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Llm;

public class MeteringLlmClientTests
{
    private static readonly LlmRequest Request = new(LlmTask.Chat, "asked", [], 1);

    [Fact]
    public async Task PricesAnAnswerByWhoAnswered()
    {
        var response = await Metering(new Answering("openai", "answered", new LlmUsage(1_000_000, 500_000, 200_000))).CompleteAsync(Request, default);

        // 0.8 × 2 + 0.2 × 1 + 0.5 × 8, where the model that was asked costs a hundred times as much.
        Assert.Equal(5.8m, response.CostUsd);
    }

    [Fact]
    public async Task PricesAStreamInItsLastUpdateAlone()
    {
        var updates = await Metering(new Answering("openai", "answered", new LlmUsage(1_000_000, 500_000, 200_000))).StreamAsync(Request, default).ToListAsync();

        Assert.Equal([null, null, 5.8m], updates.Select(update => update.CostUsd));
        Assert.Equal(["a", "b", ""], updates.Select(update => update.Text));
    }

    /// <summary>Who reads only the end gets its price too, and the same update however often it is read.</summary>
    [Fact]
    public async Task PricesTheEndForWhoeverReadsNothingElse()
    {
        var client = Metering(new Answering("openai", "answered", new LlmUsage(1_000_000, 0), new CacheResult(CacheStatus.Hit)));
        await using var updates = client.StreamAsync(Request, default).GetAsyncEnumerator();
        for (var i = 0; i < 3; i++)
            Assert.True(await updates.MoveNextAsync());

        Assert.Equal((0, 2), (updates.Current.CostUsd, updates.Current.SavedUsd));
        Assert.Same(updates.Current, updates.Current);
        Assert.False(await updates.MoveNextAsync());
    }

    /// <summary>As an answer that is stored comes.</summary>
    [Fact]
    public async Task PricesAStreamOfOneUpdate()
    {
        var origin = new LlmOrigin("openai", "answered");
        var whole = new LlmUpdate { Text = "a", Origin = origin, FinishReason = FinishReason.Stop, Usage = new LlmUsage(1_000_000, 0) };
        var updates = await Metering(new StreamLlmClient(_ => new[] { whole }.ToAsyncEnumerable())).StreamAsync(Request, default).ToListAsync();

        Assert.Equal(2, Assert.Single(updates).CostUsd);
    }

    /// <summary>Whom the call was made for may have left it to one that joined it: only the end knows.</summary>
    [Fact]
    public async Task TheEndSaysWhoPays()
    {
        var origin = new LlmOrigin("openai", "answered");
        var joined = new CacheResult(CacheStatus.Coalesced);
        LlmUpdate[] said =
        [
            new LlmUpdate { Text = "a", Origin = origin, Cache = joined },
            new LlmUpdate { FinishReason = FinishReason.Stop, Usage = new LlmUsage(1_000_000, 0), Cache = joined with { Inherited = true } },
        ];
        var updates = await Metering(new StreamLlmClient(_ => said.ToAsyncEnumerable())).StreamAsync(Request, default).ToListAsync();

        Assert.Equal((2, null), (updates[^1].CostUsd, updates[^1].SavedUsd));
    }

    [Fact]
    public async Task PricesVectors()
    {
        var response = await Metering(new Answering("openai", "answered", new LlmUsage(1_000, 0))).EmbedAsync(new EmbeddingRequest { Model = "asked", Inputs = [] }, default);

        Assert.Equal(0.002m, response.CostUsd);
    }

    [Fact]
    public async Task SaysNothingOfAnUnknownUsage()
    {
        var client = Metering(new Answering("openai", "answered", null));

        Assert.Null((await client.CompleteAsync(Request, default)).CostUsd);
        Assert.All(await client.StreamAsync(Request, default).ToListAsync(), update => Assert.Null(update.CostUsd));
    }

    [Fact]
    public async Task SaysNothingOfAnUnknownModel() =>
        Assert.Null((await Metering(new Answering("openai", "stranger", new LlmUsage(1, 1))).CompleteAsync(Request, default)).CostUsd);

    [Fact]
    public async Task ChargesNothingForWhatNoModelAnswered()
    {
        var client = Metering(new Answering("offline", "answered", new LlmUsage(1_000_000, 1_000_000)));

        Assert.Equal(0, (await client.CompleteAsync(Request, default)).CostUsd);
        Assert.Equal(0, (await client.StreamAsync(Request, default).ToListAsync())[^1].CostUsd);
    }

    [Theory]
    [InlineData(CacheStatus.Hit)]
    [InlineData(CacheStatus.Coalesced)]
    [InlineData(CacheStatus.Stale)]
    public async Task CountsAsSavedWhatSomebodyElsePaid(CacheStatus status)
    {
        var client = Metering(new Answering("openai", "answered", new LlmUsage(1_000_000, 0), new CacheResult(status)));

        var response = await client.CompleteAsync(Request, default);
        var last = (await client.StreamAsync(Request, default).ToListAsync())[^1];

        Assert.Equal((0, 2), (response.CostUsd, response.SavedUsd));
        Assert.Equal((0, 2), (last.CostUsd, last.SavedUsd));
    }

    [Theory]
    [InlineData(CacheStatus.Miss)]
    [InlineData(CacheStatus.Bypass)]
    public async Task SavesNothingWhereTheModelWasAsked(CacheStatus status)
    {
        var response = await Metering(new Answering("openai", "answered", new LlmUsage(1_000_000, 0), new CacheResult(status))).CompleteAsync(Request, default);

        Assert.Equal((2, null), (response.CostUsd, response.SavedUsd));
    }

    private static MeteringLlmClient Metering(ILlmClient inner) => new(inner, new ModelTable(
    [
        new ModelInfo { Name = "asked", InputPrice = 200, OutputPrice = 800 },
        new ModelInfo { Name = "answered", InputPrice = 2, CachedInputPrice = 1, OutputPrice = 8 },
    ]));

    private sealed class Answering(string provider, string model, LlmUsage? usage, CacheResult? cache = null) : ILlmClient
    {
        private readonly LlmOrigin _origin = new(provider, model);

        public Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken) =>
            Task.FromResult(new LlmResponse { FinishReason = FinishReason.Stop, Origin = _origin, Usage = usage, Cache = cache });

        public IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, CancellationToken cancellationToken) => new[]
        {
            new LlmUpdate { Text = "a", Origin = _origin, Cache = cache },
            new LlmUpdate { Text = "b" },
            new LlmUpdate { FinishReason = FinishReason.Stop, Usage = usage },
        }.ToAsyncEnumerable();

        public Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken) =>
            Task.FromResult(new EmbeddingResponse { Vectors = [], Origin = _origin, Usage = usage });
    }
}
