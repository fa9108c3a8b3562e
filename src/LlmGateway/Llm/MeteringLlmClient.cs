using System.Runtime.CompilerServices;
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

    public override async IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        LlmUpdate? first = null;
        await foreach (var update in Inner.StreamAsync(request, cancellationToken))
        {
            first ??= update;
            if (update.FinishReason is null)
            {
                yield return update;
                continue;
            }
            var (cost, saved) = Cost(first.Origin, update.Usage, update.Cache ?? first.Cache);
            yield return update with { CostUsd = cost, SavedUsd = saved };
        }
    }

    public override async Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken)
    {
        var response = await Inner.EmbedAsync(request, cancellationToken);
        var saved = response.StoredTokens > 0 ? Price(response.Origin, new LlmUsage(response.StoredTokens, 0)) : null;
        return response with { CostUsd = response.Cache is { IsFree: true } ? 0 : Price(response.Origin, response.Usage), SavedUsd = saved };
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
}
