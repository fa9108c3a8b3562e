namespace LlmGateway.Llm.Models;

/// <summary>One line of the model table.</summary>
public sealed record ModelInfo
{
    /// <summary>The name that callers use; the key of its line.</summary>
    public string Name { get; set; } = "";

    /// <summary>Who serves it: a provider's name, <c>openai</c> unless told.</summary>
    public string Provider { get; set; } = "openai";

    /// <summary>What the provider calls it, where that is not the name that callers use.</summary>
    public string? UpstreamModel { get; set; }

    /// <summary>Names in the table: the models that answer, in this order, where this one cannot be asked.</summary>
    public List<string> Fallbacks { get; set; } = [];

    /// <summary>Which tokens it counts in: <c>o200k_base</c> or <c>cl100k_base</c>.</summary>
    public string Encoding { get; set; } = "o200k_base";

    /// <summary>Whether it turns texts into vectors rather than answering.</summary>
    public bool Embeddings { get; set; }

    /// <summary>The longest vector of an embedding model; not checked without it.</summary>
    public int? Dimensions { get; set; }

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

    /// <summary>What it costs where the prompt is long.</summary>
    public LongPromptPrices? LongPrompt { get; set; }

    /// <summary>Whether it takes a temperature; one that does not answers at its own.</summary>
    public bool Temperature { get; set; } = true;

    /// <summary>Whether it can be forced to call a tool; one that cannot is told the form of its answer instead.</summary>
    public bool ForcedTool { get; set; } = true;

    /// <summary>Claude's <c>thinking.type</c>: <c>disabled</c>, <c>between_tools</c> or <c>adaptive</c>; the model's own way without it.</summary>
    public string? Thinking { get; set; }

    /// <summary>How much it thinks: <c>low</c>, <c>medium</c>, <c>high</c>; the model's own way without it.</summary>
    public string? Effort { get; set; }

    /// <summary>Tokens that it may think with, on top of those of the answer: providers count both together.</summary>
    public int ThinkingTokens { get; set; }

    /// <summary>The variable that has to be set before the model can be asked; null where nothing is missing.</summary>
    internal string? Missing { get; init; }

    /// <summary>Tokens of the answer itself, at most.</summary>
    internal int LongestAnswer => Math.Max(1, MaxOutputTokens - ThinkingTokens);

    /// <summary>Tokens of the prompt and the answer itself.</summary>
    internal int Room => ContextWindow - ThinkingTokens;

    /// <summary>US dollars, exact; null where a price that is needed is not in the table.</summary>
    public decimal? Cost(LlmUsage usage) => LongPrompt is { } prices && usage.InputTokens > prices.Above
        ? Cost(usage, prices.InputPrice, prices.CachedInputPrice, prices.OutputPrice)
        : Cost(usage, InputPrice, CachedInputPrice, OutputPrice);

    private static decimal? Cost(LlmUsage usage, decimal? inputPrice, decimal? cachedPrice, decimal? outputPrice)
    {
        if (inputPrice is not { } input || (outputPrice is null && usage.OutputTokens > 0)) return null;
        var cached = Math.Min(usage.CachedInputTokens, usage.InputTokens);
        return (((usage.InputTokens - cached) * input)
            + (cached * (cachedPrice ?? input))
            + (usage.OutputTokens * (outputPrice ?? 0))) / 1_000_000m;
    }

    /// <returns>One sentence for each wrong setting.</returns>
    internal IEnumerable<string> Problems()
    {
        if (string.IsNullOrWhiteSpace(Provider)) yield return "Provider: name the provider that serves the model.";
        if (Encoding is not ("o200k_base" or "cl100k_base")) yield return "Encoding: give o200k_base or cl100k_base.";
        if (ContextWindow < 1) yield return "ContextWindow: give the tokens of prompt and answer together, 1 or more.";
        if (!Embeddings && (MaxOutputTokens < 1 || MaxOutputTokens > ContextWindow)) yield return "MaxOutputTokens: give 1 to ContextWindow.";
        if (Dimensions < 1) yield return "Dimensions: give 1 or more.";
        if (ThinkingTokens < 0) yield return "ThinkingTokens: give 0 or more.";
        if (Thinking is not (null or "disabled" or "between_tools" or "adaptive")) yield return "Thinking: give disabled, between_tools or adaptive.";
        if (LongPrompt is { Above: < 1 } or { InputPrice: < 0 } or { CachedInputPrice: < 0 } or { OutputPrice: < 0 })
            yield return "LongPrompt: give Above, 1 token or more, and prices of 0 or more.";
        if (InputPrice < 0 || CachedInputPrice < 0 || OutputPrice < 0) yield return "InputPrice, CachedInputPrice, OutputPrice: give US dollars per million tokens, 0 or more.";
    }
}

/// <summary>The prices of a call, of all its tokens, whose prompt is longer than others.</summary>
public sealed record LongPromptPrices
{
    /// <summary>Tokens of a prompt from which on these prices hold, that number not included.</summary>
    public int Above { get; set; }

    /// <inheritdoc cref="ModelInfo.InputPrice"/>
    public decimal? InputPrice { get; set; }

    /// <inheritdoc cref="ModelInfo.CachedInputPrice"/>
    public decimal? CachedInputPrice { get; set; }

    /// <inheritdoc cref="ModelInfo.OutputPrice"/>
    public decimal? OutputPrice { get; set; }
}
