using LlmGateway.Llm.Generations;

namespace LlmGateway.Llm.Embeddings;

/// <summary>Keeps the vector of each text by itself, where whole answers are kept.</summary>
internal sealed class VectorStore(AnswerStore store, CacheOptions options, TimeProvider timeProvider)
{
    // Reads that wait for Redis at the same time.
    private const int ParallelReads = 256;

    public bool IsOff => options.Embeddings.IsOff;

    /// <returns>In the order of the texts; empty where there is none.</returns>
    public async ValueTask<ReadOnlyMemory<float>[]> FindAsync(EmbeddingRequest request, IReadOnlyList<string> texts, CancellationToken cancellationToken)
    {
        var vectors = new ReadOnlyMemory<float>[texts.Count];
        if (request.Fresh || IsOff) return vectors;
        for (var start = 0; start < texts.Count; start += ParallelReads)
        {
            var reads = texts.Skip(start).Take(ParallelReads)
                .Select(text => store.GetAsync(GenerationKey.OfVector(request.Model, request.Dimensions, text), cancellationToken).AsTask());
            foreach (var (i, entry) in (await Task.WhenAll(reads)).Index())
            {
                if (entry is not null && entry.IsFresh(timeProvider.GetUtcNow())) vectors[start + i] = entry.Response.Vector;
            }
        }
        return vectors;
    }

    public void Set(EmbeddingRequest request, string text, ReadOnlyMemory<float> vector, LlmOrigin origin)
    {
        if (IsOff) return;
        var response = new LlmResponse { FinishReason = FinishReason.Stop, Origin = origin, Vector = vector };
        var entry = new CacheEntry(response, timeProvider.GetUtcNow(), options.Embeddings.TimeToLive, options.Embeddings.StaleIfError);
        store.Set(GenerationKey.OfVector(request.Model, request.Dimensions, text), entry, alreadyShared: false);
    }
}
