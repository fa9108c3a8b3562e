using LlmGateway.Llm.Models;
using LlmGateway.Llm.Providers.Offline;

namespace LlmGateway.Llm;

/// <summary>Says of each answer what it cost its caller.</summary>
internal sealed class MeteringLlmClient(ILlmClient inner, ModelTable models) : DelegatingLlmClient(inner)
{
    public override Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken)
    {
        var response = Inner.CompleteAsync(request, cancellationToken);
        // What is stored is there at once.
        return response.IsCompletedSuccessfully ? Task.FromResult(Metered(response.Result)) : MeteredAsync(response);
    }

    public override IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, CancellationToken cancellationToken) =>
        new MeteredUpdates(this, Inner.StreamAsync(request, cancellationToken));

    public override async Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken)
    {
        var response = await Inner.EmbedAsync(request, cancellationToken);
        var saved = response.StoredTokens > 0 ? Price(response.Origin, new LlmUsage(response.StoredTokens, 0)) : null;
        return response with { CostUsd = response.Cache is { IsFree: true } ? 0 : Price(response.Origin, response.Usage), SavedUsd = saved };
    }

    private LlmUpdate Metered(LlmUpdate first, LlmUpdate last)
    {
        var (cost, saved) = Cost(first.Origin, last.Usage, last.Cache ?? first.Cache);
        return last with { CostUsd = cost, SavedUsd = saved };
    }

    private async Task<LlmResponse> MeteredAsync(Task<LlmResponse> response) => Metered(await response);

    private LlmResponse Metered(LlmResponse response)
    {
        var (cost, saved) = Cost(response.Origin, response.Usage, response.Cache);
        return response with { CostUsd = cost, SavedUsd = saved };
    }

    private (decimal? Own, decimal? Saved) Cost(LlmOrigin? origin, LlmUsage? usage, CacheResult? cache)
    {
        var price = Price(origin, usage);
        return cache is { IsFree: true } ? (0, price) : (price, null);
    }

    private decimal? Price(LlmOrigin? origin, LlmUsage? usage) =>
        origin is null || usage is null ? null : origin.Provider == OfflineLlmClient.Name ? 0 : models.Find(origin.Model)?.Cost(usage);

    /// <summary>
    /// The last update is priced, by who said the first. Those in between, of which there is one to each token, are waited for by whoever reads them, and not here too.
    /// </summary>
    private sealed class MeteredUpdates(MeteringLlmClient metering, IAsyncEnumerable<LlmUpdate> updates) : IAsyncEnumerable<LlmUpdate>
    {
        public IAsyncEnumerator<LlmUpdate> GetAsyncEnumerator(CancellationToken cancellationToken) => new Enumerator(metering, updates.GetAsyncEnumerator(cancellationToken));

        private sealed class Enumerator(MeteringLlmClient metering, IAsyncEnumerator<LlmUpdate> updates) : IAsyncEnumerator<LlmUpdate>
        {
            private LlmUpdate? _first;
            private LlmUpdate? _last;

            public LlmUpdate Current => updates.Current is { FinishReason: not null } last ? _last ??= metering.Metered(_first!, last) : updates.Current;

            public ValueTask<bool> MoveNextAsync() => _first is null ? FirstAsync() : updates.MoveNextAsync();

            public ValueTask DisposeAsync() => updates.DisposeAsync();

            private async ValueTask<bool> FirstAsync()
            {
                if (!await updates.MoveNextAsync()) return false;
                _first = updates.Current;
                return true;
            }
        }
    }
}
