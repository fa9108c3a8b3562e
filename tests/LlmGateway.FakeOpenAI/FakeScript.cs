namespace LlmGateway.FakeOpenAI;

/// <summary>What one call gets: when, what, and how it goes wrong. The default is a quick, whole, correct answer of eight tokens.</summary>
/// <remarks>The same settings can be written into a prompt: see <see cref="FakeDirective"/>.</remarks>
public sealed record FakeScript
{
    /// <summary>Wait before the head of the response.</summary>
    public TimeSpan Latency { get; init; }

    /// <summary>Pause between single bytes of the head; zero sends it at once.</summary>
    public TimeSpan HeadDrip { get; init; }

    /// <summary>Length of the generated text, where neither <see cref="Text"/> nor <see cref="Pieces"/> is set.</summary>
    public int Tokens { get; init; } = 8;

    /// <summary>Pause before every token but the first. A JSON answer waits for all of them before its head.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>The exact text; streamed word by word.</summary>
    public string? Text { get; init; }

    /// <summary>The exact pieces of a stream, one event each; wins over <see cref="Text"/>. May hold lone surrogates.</summary>
    public IReadOnlyList<string>? Pieces { get; init; }

    /// <summary>A refusal instead of content.</summary>
    public string? Refusal { get; init; }

    /// <summary>Replaces the finish reason, with any string at all. <c>length</c> also cuts a tool call's arguments in half.</summary>
    public string? FinishReason { get; init; }

    /// <summary>The raw arguments of a forced tool call, valid or not; by default they are built from the function's schema.</summary>
    public string? ToolArguments { get; init; }

    /// <summary>What the arguments say where the schema has an <c>enum</c>, listed there or not; by default its first value.</summary>
    public string? Choice { get; init; }

    /// <summary>What the arguments say where the schema has a <c>number</c>.</summary>
    public double Confidence { get; init; } = 0.9;

    /// <summary><c>content: null</c> and no content events.</summary>
    public bool NullContent { get; init; }

    /// <summary><c>choices: []</c> in a JSON answer, and in every content event of a stream.</summary>
    public bool EmptyChoices { get; init; }

    /// <summary>No usage, asked for or not.</summary>
    public bool NoUsage { get; init; }

    /// <summary>Usage to report instead of the estimates.</summary>
    public int? PromptTokens { get; init; }

    /// <inheritdoc cref="PromptTokens"/>
    public int? CompletionTokens { get; init; }

    public int CachedTokens { get; init; }

    /// <summary>Anything from 400 up is answered with an error body.</summary>
    public int Status { get; init; } = 200;

    /// <summary>The error's fields, in an error body and in an error event; by default those that fit the status.</summary>
    public string? ErrorCode { get; init; }

    /// <inheritdoc cref="ErrorCode"/>
    public string? ErrorType { get; init; }

    /// <inheritdoc cref="ErrorCode"/>
    public string? ErrorMessage { get; init; }

    /// <summary>An HTML page as the body, whatever the status.</summary>
    public bool Html { get; init; }

    /// <summary><c>Retry-After</c>, verbatim: seconds, an HTTP-date, or nonsense.</summary>
    public string? RetryAfter { get; init; }

    /// <summary><c>Retry-After</c> as the HTTP-date this far from now.</summary>
    public TimeSpan? RetryAfterDate { get; init; }

    /// <summary><c>retry-after-ms</c>, verbatim.</summary>
    public string? RetryAfterMs { get; init; }

    /// <summary>Further response headers.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// Only the first n calls of a <see cref="Key"/> get <see cref="Status"/> and <see cref="Fault"/> (a plain 500 if neither is set);
    /// later ones succeed. Zero: all of them.
    /// </summary>
    public int FailFirst { get; init; }

    /// <summary>Whose failures are counted together; by default those of the same request body.</summary>
    public string? Key { get; init; }

    /// <summary>What breaks, and where.</summary>
    public FakeFault? Fault { get; init; }

    /// <summary>Holds the answer at a milestone until the test opens it. A gate serves one call.</summary>
    public FakeGate? Gate { get; init; }

    /// <summary>Sends a stream in slices of this many bytes, each a TCP write of its own; zero sends events whole.</summary>
    public int SplitBytes { get; init; }

    /// <summary>Pause between slices, so that the client reads them one by one.</summary>
    public TimeSpan SplitDelay { get; init; } = TimeSpan.FromMilliseconds(1);

    /// <summary>CRLF as the line end of events.</summary>
    public bool Crlf { get; init; }

    /// <summary>A comment before every event.</summary>
    public bool Comments { get; init; }

    internal bool Fails => Status >= 400 || Fault is not null || Html;

    internal FakeScript Healed() => this with
    {
        Status = 200,
        Fault = null,
        Html = false,
        RetryAfter = null,
        RetryAfterDate = null,
        RetryAfterMs = null,
    };
}
