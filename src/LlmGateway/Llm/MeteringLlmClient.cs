using System.Runtime.CompilerServices;
using LlmGateway.Llm.Models;

namespace LlmGateway.Llm;

/// <summary>Says of each answer what it cost its caller.</summary>
internal sealed class MeteringLlmClient(ILlmClient inner, ModelTable models) : DelegatingLlmClient(inner)
{
    public override async Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken)
    {
        var response = await Inner.CompleteAsync(request, cancellationToken);
        return response with { CostUsd = Cost(response.Origin, response.Usage) };
    }

    public override async IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        LlmOrigin? origin = null;
        await foreach (var update in Inner.StreamAsync(request, cancellationToken))
        {
            origin ??= update.Origin;
            yield return update.FinishReason is null ? update : update with { CostUsd = Cost(origin, update.Usage) };
        }
    }

    public override async Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken)
    {
        var response = await Inner.EmbedAsync(request, cancellationToken);
        return response with { CostUsd = Cost(response.Origin, response.Usage) };
    }

    private decimal? Cost(LlmOrigin? origin, LlmUsage? usage)
    {
        if (origin is null || usage is null) return null;
        return origin.Provider == OfflineProvider ? 0 : models.Find(origin.Model)?.Cost(usage);
    }

    private const string OfflineProvider = "offline";
}
