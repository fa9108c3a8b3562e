using LlmGateway.Llm.Models;

namespace LlmGateway.Llm.Embeddings;

/// <summary>
/// Asks for those vectors only that are not stored, in as many calls as the provider's limits take. One call that fails fails the request, and
/// then nothing of it is stored.
/// </summary>
internal sealed class EmbeddingLlmClient(ILlmClient inner, VectorStore store, ModelTable models, EmbeddingsOptions options) : DelegatingLlmClient(inner)
{
    public override async Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken)
    {
        var model = models.GetEmbedding(request.Model);
        var plan = await EmbeddingPlan.MakeAsync(request, model, store, options, cancellationToken);
        var answers = await AskAsync(request, plan, cancellationToken);
        foreach (var (batch, answer) in plan.Batches.Zip(answers))
        {
            foreach (var (i, place) in batch.Index())
            {
                plan.Vectors[place] = answer.Vectors[i];
                store.Set(request, plan.Texts[place], answer.Vectors[i], answer.Origin);
            }
        }
        var places = plan.Texts.Index().ToDictionary(text => text.Item, text => text.Index, StringComparer.Ordinal);
        return new EmbeddingResponse
        {
            Vectors = [.. request.Inputs.Select(input => plan.Vectors[places[input]])],
            Origin = Origin(answers, model),
            Usage = answers.Any(answer => answer.Usage is null) ? null : new LlmUsage(answers.Sum(answer => answer.Usage!.InputTokens), 0),
            StoredTokens = plan.StoredTokens,
            Cache = new CacheResult(
                answers.Length == 0 ? CacheStatus.Hit : request.Fresh || store.IsOff ? CacheStatus.Bypass : CacheStatus.Miss, Stored: !store.IsOff),
        };
    }

    private async Task<EmbeddingResponse[]> AskAsync(EmbeddingRequest request, EmbeddingPlan plan, CancellationToken cancellationToken)
    {
        var answers = new EmbeddingResponse[plan.Batches.Count];
        // The first failure ends the other calls.
        await Parallel.ForEachAsync(
            Enumerable.Range(0, answers.Length),
            new ParallelOptions { MaxDegreeOfParallelism = options.ParallelBatches, CancellationToken = cancellationToken },
            async (i, token) => answers[i] = await Inner.EmbedAsync(request with { Inputs = [.. plan.Batches[i].Select(place => plan.Texts[place])] }, token));
        return answers;
    }

    private static LlmOrigin Origin(EmbeddingResponse[] answers, ModelInfo model) => answers.Length == 0
        ? new LlmOrigin(model.Provider, model.Name) { Attempts = 0 }
        : answers[0].Origin with
        {
            Attempts = answers.Sum(answer => answer.Origin.Attempts),
            UpstreamTime = answers.Max(answer => answer.Origin.UpstreamTime),
        };
}
