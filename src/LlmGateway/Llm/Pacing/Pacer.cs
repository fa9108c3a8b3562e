using System.Collections.Concurrent;

namespace LlmGateway.Llm.Pacing;

/// <summary>The limits of one key: each model has its own.</summary>
internal sealed class Pacer(PacingOptions options, TimeProvider timeProvider)
{
    private readonly ConcurrentDictionary<string, ModelPacer> _models = new(StringComparer.Ordinal);

    public ModelPacer Of(string model) => _models.TryGetValue(model, out var pacer) ? pacer : _models.GetOrAdd(model, new ModelPacer(options, timeProvider));

    /// <summary>As a provider counts before it has read the prompt: about four characters to a token, and all that may be answered.</summary>
    public static double Tokens(LlmRequest request)
    {
        var characters = 0L;
        for (var i = 0; i < request.Messages.Count; i++)
            characters += request.Messages[i].Content.Length;
        return (characters / 4d) + request.MaxOutputTokens;
    }

    /// <inheritdoc cref="Tokens(LlmRequest)"/>
    public static double Tokens(EmbeddingRequest request) => request.Inputs.Sum(input => (long)input.Length) / 4d;
}
