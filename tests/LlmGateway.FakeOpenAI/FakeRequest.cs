using System.Text.Json;

namespace LlmGateway.FakeOpenAI;

/// <summary>A call as it came in, and how it ended.</summary>
public sealed class FakeRequest
{
    /// <summary>1 for the first call.</summary>
    public required long Number { get; init; }

    public required string Path { get; init; }

    /// <summary>Names are case-insensitive; repeated headers are joined by commas.</summary>
    public required IReadOnlyDictionary<string, string> Headers { get; init; }

    public required string Body { get; init; }

    /// <summary>The body as JSON; <see cref="JsonValueKind.Undefined"/> if it is none.</summary>
    public required JsonElement Json { get; init; }

    public required DateTimeOffset ArrivedAt { get; init; }

    /// <summary>How it ended; null while it runs.</summary>
    public FakeOutcome? Outcome { get; internal set; }

    public DateTimeOffset? EndedAt { get; internal set; }

    /// <summary>When the client was seen to have left before the answer was whole.</summary>
    public DateTimeOffset? AbortedAt => Outcome == FakeOutcome.Aborted ? EndedAt : null;

    /// <summary>Tokens written to this call's stream, or 0 and then all of them for a JSON answer.</summary>
    public int TokensSent { get; internal set; }
}

public enum FakeOutcome
{
    /// <summary>The whole answer went out.</summary>
    Completed,

    /// <summary>The script asked for an error status.</summary>
    Failed,

    /// <summary>The script broke the answer off, or the server stopped.</summary>
    Cut,

    /// <summary>The client left first.</summary>
    Aborted,

    BadRequest,
    AuthFailure,
}

/// <summary>Counts since the start or the last reset. Every call is in flight or in exactly one outcome.</summary>
public sealed record FakeStats
{
    public int Calls { get; init; }
    public int InFlight { get; init; }
    public int MaxInFlight { get; init; }
    public int Streams { get; init; }
    public long TokensSent { get; init; }
    public int Completed { get; init; }
    public int Failed { get; init; }
    public int Cut { get; init; }
    public int Aborted { get; init; }
    public int BadRequests { get; init; }
    public int AuthFailures { get; init; }
}
