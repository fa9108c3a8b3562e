namespace LlmGateway.Llm;

/// <summary>A whole answer.</summary>
public sealed record LlmResponse
{
    /// <summary>The text; empty where a tool was called.</summary>
    public string Text { get; init; } = "";

    /// <summary>The called tool's arguments, a JSON object as the model wrote it: not checked by the provider.</summary>
    public string? ToolArguments { get; init; }

    public required FinishReason FinishReason { get; init; }

    public required LlmOrigin Origin { get; init; }

    /// <summary>Null where the provider did not say: that is unknown, not zero.</summary>
    public LlmUsage? Usage { get; init; }

    /// <summary>US dollars; null where the usage or the model's price is unknown.</summary>
    public decimal? CostUsd { get; init; }
}

/// <summary>A piece of an answer.</summary>
public sealed record LlmUpdate
{
    /// <summary>What the model added; may be empty in the last update.</summary>
    public string Text { get; init; } = "";

    /// <summary>On the first update.</summary>
    public LlmOrigin? Origin { get; init; }

    /// <summary>On the last update.</summary>
    public FinishReason? FinishReason { get; init; }

    /// <summary>On the last update, where the provider said it.</summary>
    public LlmUsage? Usage { get; init; }

    /// <summary>On the last update: US dollars, where usage and price are known.</summary>
    public decimal? CostUsd { get; init; }
}

/// <summary>Why a model stopped. A value that nobody foresaw is passed on as it is.</summary>
public readonly record struct FinishReason(string Value)
{
    public static FinishReason Stop { get; } = new("stop");

    /// <summary>The output limit was reached: the answer is cut short.</summary>
    public static FinishReason Length { get; } = new("length");

    public static FinishReason ContentFilter { get; } = new("content_filter");

    public static FinishReason ToolCalls { get; } = new("tool_calls");

    public override string ToString() => Value;
}

/// <summary>Tokens as the provider billed them.</summary>
/// <param name="InputTokens">All tokens of the prompt, the cached ones included.</param>
/// <param name="OutputTokens">All tokens of the answer, reasoning included.</param>
/// <param name="CachedInputTokens">Those of the prompt that the provider had in its own cache, and bills for less.</param>
public sealed record LlmUsage(int InputTokens, int OutputTokens, int CachedInputTokens = 0);

/// <summary>Who answered.</summary>
/// <param name="Provider">A provider's name in the configuration.</param>
/// <param name="Model">A name in the model table.</param>
public sealed record LlmOrigin(string Provider, string Model)
{
    /// <summary>Upstream calls it took, the failed ones included.</summary>
    public int Attempts { get; init; } = 1;

    /// <summary>From the first upstream call to the first token, or to the whole answer where it came in one piece.</summary>
    public TimeSpan UpstreamTime { get; init; }
}

public sealed record EmbeddingResponse
{
    /// <summary>One for each input, in their order.</summary>
    public required IReadOnlyList<ReadOnlyMemory<float>> Vectors { get; init; }

    public required LlmOrigin Origin { get; init; }

    /// <inheritdoc cref="LlmResponse.Usage"/>
    public LlmUsage? Usage { get; init; }

    /// <inheritdoc cref="LlmResponse.CostUsd"/>
    public decimal? CostUsd { get; init; }
}
