namespace LlmGateway.Llm.Models;

/// <summary>One line of the model table.</summary>
public sealed record ModelInfo
{
    /// <summary>The name that callers use; the key of its line.</summary>
    public string Name { get; set; } = "";

    /// <summary>Who serves it: a provider's name, <c>openai</c> unless told.</summary>
    public string Provider { get; set; } = "openai";

    /// <summary>Which tokens it counts in: <c>o200k_base</c> or <c>cl100k_base</c>.</summary>
    public string Encoding { get; set; } = "o200k_base";

    /// <summary>Whether it turns texts into vectors rather than answering.</summary>
    public bool Embeddings { get; set; }

    /// <summary>Tokens of prompt and answer together.</summary>
    public int ContextWindow { get; set; }

    /// <summary>Tokens of one answer at most; 0 for an embedding model.</summary>
    public int MaxOutputTokens { get; set; }

    /// <summary>US dollars per million tokens of the prompt.</summary>
    public decimal? InputPrice { get; set; }

    /// <summary>US dollars per million tokens of the prompt that the provider had cached; the input price unless told.</summary>
    public decimal? CachedInputPrice { get; set; }

    /// <summary>US dollars per million tokens of the answer.</summary>
    public decimal? OutputPrice { get; set; }

    /// <summary>US dollars, exact; null where a price that is needed is not in the table.</summary>
    public decimal? Cost(LlmUsage usage)
    {
        if (InputPrice is not { } input || (OutputPrice is null && usage.OutputTokens > 0)) return null;
        var cached = Math.Min(usage.CachedInputTokens, usage.InputTokens);
        return (((usage.InputTokens - cached) * input)
            + (cached * (CachedInputPrice ?? input))
            + (usage.OutputTokens * (OutputPrice ?? 0))) / 1_000_000m;
    }

    /// <returns>One sentence for each wrong setting.</returns>
    internal IEnumerable<string> Problems()
    {
        if (string.IsNullOrWhiteSpace(Provider)) yield return "Provider: name the provider that serves the model.";
        if (Encoding is not ("o200k_base" or "cl100k_base")) yield return "Encoding: give o200k_base or cl100k_base.";
        if (ContextWindow < 1) yield return "ContextWindow: give the tokens of prompt and answer together, 1 or more.";
        if (!Embeddings && (MaxOutputTokens < 1 || MaxOutputTokens > ContextWindow)) yield return "MaxOutputTokens: give 1 to ContextWindow.";
        if (InputPrice < 0 || CachedInputPrice < 0 || OutputPrice < 0) yield return "InputPrice, CachedInputPrice, OutputPrice: give US dollars per million tokens, 0 or more.";
    }
}
