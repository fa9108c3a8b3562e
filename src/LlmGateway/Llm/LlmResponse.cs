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

    /// <summary>What this request costs, US dollars; null where the usage or the model's price is unknown.</summary>
    public decimal? CostUsd { get; init; }

    /// <summary>What it would have cost, had the answer not been there already or under way for somebody else.</summary>
    public decimal? SavedUsd { get; init; }

    /// <summary>Where the answer came from; null below the cache.</summary>
    public CacheResult? Cache { get; init; }

    /// <summary>A stored vector, which is kept as answers are.</summary>
    internal ReadOnlyMemory<float> Vector { get; init; }

    /// <summary>Kept with a stored answer: what an endpoint made of it the first time, it need not make again.</summary>
    internal Rendering? Rendering { get; init; }
}

/// <summary>A piece of an answer. There is one to every token, and most are a text and nothing else: what few of them tell is held apart.</summary>
public sealed record LlmUpdate
{
    private readonly Details _details = Details.None;

    /// <summary>What the model added; may be empty in the last update.</summary>
    public string Text { get; init; } = "";

    /// <summary>On the first update.</summary>
    public LlmOrigin? Origin { get; init; }

    /// <summary>On the last update.</summary>
    public FinishReason? FinishReason
    {
        get => _details.FinishReason;
        init => _details = _details with { FinishReason = value };
    }

    /// <summary>On the last update, where the provider said it.</summary>
    public LlmUsage? Usage
    {
        get => _details.Usage;
        init => _details = _details with { Usage = value };
    }

    /// <summary>On the last update: <inheritdoc cref="LlmResponse.CostUsd"/></summary>
    public decimal? CostUsd
    {
        get => _details.CostUsd;
        init => _details = _details with { CostUsd = value };
    }

    /// <summary>On the last update: <inheritdoc cref="LlmResponse.SavedUsd"/></summary>
    public decimal? SavedUsd
    {
        get => _details.SavedUsd;
        init => _details = _details with { SavedUsd = value };
    }

    /// <summary>On the first update, and on the last one where more is known by then: <inheritdoc cref="LlmResponse.Cache"/></summary>
    public CacheResult? Cache
    {
        get => _details.Cache;
        init => _details = _details with { Cache = value };
    }

    /// <summary>Whether it tells nothing but its text. By value: one that was read from another gateway has details of its own that say nothing.</summary>
    internal bool IsOnlyText => Origin is null && _details == Details.None;

    private sealed record Details
    {
        public static readonly Details None = new();

        public FinishReason? FinishReason { get; init; }

        public LlmUsage? Usage { get; init; }

        public decimal? CostUsd { get; init; }

        public decimal? SavedUsd { get; init; }

        public CacheResult? Cache { get; init; }
    }
}

/// <summary>How an answer was come by.</summary>
public enum CacheStatus
{
    /// <summary>The model was asked for this request.</summary>
    Miss,

    /// <summary>It was stored.</summary>
    Hit,

    /// <summary>It was under way for another request.</summary>
    Coalesced,

    /// <summary>The model was asked although an answer may have been stored.</summary>
    Bypass,

    /// <summary>It was stored, is past its time, and the model could not be asked.</summary>
    Stale,
}

/// <param name="Status">Where the answer came from.</param>
/// <param name="Stored">Whether the answer has been stored for the next request.</param>
/// <param name="Age">Of a stored answer; unknown of one that was put together.</param>
/// <param name="TimeToLive">What is left of a stored answer's time; negative past it, and as unknown as its age.</param>
/// <param name="Inherited">Whether the request that the answer was under way for has gone, and left it to this one to pay.</param>
public sealed record CacheResult(CacheStatus Status, bool Stored = false, TimeSpan? Age = null, TimeSpan? TimeToLive = null, bool Inherited = false)
{
    /// <summary>Whether somebody else paid for the answer.</summary>
    public bool IsFree => Status is CacheStatus.Hit or CacheStatus.Stale || (Status == CacheStatus.Coalesced && !Inherited);
}

/// <summary>The bytes that an endpoint made of an answer.</summary>
internal sealed class Rendering
{
    /// <summary>UTF-8; the same for every request that gets this answer.</summary>
    public byte[]? Body { get; set; }
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

    /// <summary>Of them, those made for one request: none where somebody else paid for the answer.</summary>
    internal int AttemptsFor(CacheResult? cache) => cache is { IsFree: true } ? 0 : Attempts;

    /// <summary>From the first upstream call to the first token, or to the whole answer where it came in one piece.</summary>
    public TimeSpan UpstreamTime { get; init; }

    /// <summary>Of that, the wait in the gateway until the provider's limits left room.</summary>
    public TimeSpan QueueTime { get; init; }
}

public sealed record EmbeddingResponse
{
    /// <summary>One for each input, in their order.</summary>
    public required IReadOnlyList<ReadOnlyMemory<float>> Vectors { get; init; }

    public required LlmOrigin Origin { get; init; }

    /// <inheritdoc cref="LlmResponse.Usage"/>
    public LlmUsage? Usage { get; init; }

    /// <summary>Tokens of the inputs whose vectors were stored.</summary>
    public int StoredTokens { get; init; }

    /// <summary>Where the vectors came from: a hit where none was asked for. Null below the cache.</summary>
    public CacheResult? Cache { get; init; }

    /// <inheritdoc cref="LlmResponse.CostUsd"/>
    public decimal? CostUsd { get; init; }

    /// <inheritdoc cref="LlmResponse.SavedUsd"/>
    public decimal? SavedUsd { get; init; }
}
