using LlmGateway.Llm.Models;
using LlmGateway.Llm.Tokens;

namespace LlmGateway.Llm.Embeddings;

/// <summary>What of a request is stored, and in which calls the rest is asked for. Each text is asked for once, however often it comes.</summary>
internal sealed class EmbeddingPlan
{
    private EmbeddingPlan(IReadOnlyList<string> texts, int[] tokens, ReadOnlyMemory<float>[] vectors, List<List<int>> batches) =>
        (Texts, Tokens, Vectors, Batches) = (texts, tokens, vectors, batches);

    /// <summary>Each once.</summary>
    public IReadOnlyList<string> Texts { get; }

    /// <summary>Of each text.</summary>
    public int[] Tokens { get; }

    /// <summary>Of each text; empty until it is there.</summary>
    public ReadOnlyMemory<float>[] Vectors { get; }

    /// <summary>Places of the texts that are not stored.</summary>
    public List<List<int>> Batches { get; }

    public int MissingTokens => Batches.Sum(batch => batch.Sum(place => Tokens[place]));

    public int StoredTokens => Tokens.Sum() - MissingTokens;

    /// <exception cref="LlmException">A text is longer than the model can read.</exception>
    public static async Task<EmbeddingPlan> MakeAsync(
        EmbeddingRequest request, ModelInfo model, VectorStore store, EmbeddingsOptions options, CancellationToken cancellationToken)
    {
        var texts = request.Inputs.Distinct(StringComparer.Ordinal).ToList();
        var counter = await TokenCounters.GetAsync(model.Encoding, cancellationToken);
        var tokens = new int[texts.Count];
        for (var i = 0; i < tokens.Length; i++)
        {
            tokens[i] = await counter.CountAsync(texts[i].AsMemory(), cancellationToken);
            if (tokens[i] > model.ContextWindow) throw TooLong(request, texts[i], tokens[i], model);
        }
        var vectors = await store.FindAsync(request, texts, cancellationToken);
        return new EmbeddingPlan(texts, tokens, vectors, Split(Enumerable.Range(0, texts.Count).Where(place => vectors[place].IsEmpty), tokens, options));
    }

    /// <summary>The calls that it would take if nothing were stored.</summary>
    public int AllCalls(EmbeddingsOptions options) => Split(Enumerable.Range(0, Texts.Count), Tokens, options).Count;

    private static List<List<int>> Split(IEnumerable<int> places, int[] tokens, EmbeddingsOptions options)
    {
        var batches = new List<List<int>>();
        var size = 0;
        foreach (var place in places)
        {
            if (batches.Count == 0 || batches[^1].Count == options.MaxBatchInputs || size + tokens[place] > options.MaxBatchTokens)
            {
                batches.Add([]);
                size = 0;
            }
            batches[^1].Add(place);
            size += tokens[place];
        }
        return batches;
    }

    private static LlmException TooLong(EmbeddingRequest request, string text, int tokens, ModelInfo model)
    {
        var field = EmbeddingRequest.Field(request.Inputs.Index().First(input => input.Item == text).Index, request.Inputs.Count);
        var problem = FormattableString.Invariant($"This text has {tokens} tokens, and {model.Name} reads {model.ContextWindow}. Shorten it, or cut it into several.");
        return new LlmException(LlmErrorKind.ContextLengthExceeded, $"{field}: {problem}") { Errors = new Dictionary<string, string[]> { [field] = [problem] } };
    }
}
