namespace LlmGateway.Llm;

/// <summary>Everything that can go wrong with a request, each with its own status and code in <c>Hosting/Problems.cs</c>.</summary>
public enum LlmErrorKind
{
    InvalidRequest,
    ModelNotAllowed,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    OriginNotAllowed,
    TicketNotValid,
    StreamStopped,
    RequestTooLarge,
    ContextLengthExceeded,
    UnsupportedMediaType,
    ContentFiltered,
    RateLimited,
    UpstreamRateLimited,
    UpstreamQuotaExhausted,
    UpstreamAuth,
    UpstreamRejected,
    UpstreamInvalidResponse,
    UpstreamUnavailable,
    UpstreamTimeout,
    ShuttingDown,
    InternalError,
}

/// <summary>A request that could not be answered. The message is shown to the caller: it holds no prompt, no completion and no key.</summary>
public sealed class LlmException(LlmErrorKind kind, string message, Exception? innerException = null) : Exception(message, innerException)
{
    public LlmErrorKind Kind { get; } = kind;

    /// <summary>How long the upstream asked to wait before the next try.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The upstream's HTTP status, where there was one.</summary>
    public int? UpstreamStatus { get; init; }

    /// <summary>What broke a connection, where that is known.</summary>
    public HttpRequestError? ConnectionError { get; init; }

    /// <summary>Who failed: a provider's name in the configuration.</summary>
    public string? Provider { get; init; }

    /// <summary>Upstream calls made for this request.</summary>
    public int Attempts { get; set; }

    /// <summary>The fields that were wrong, each with what is wrong with it.</summary>
    public IReadOnlyDictionary<string, string[]>? Errors { get; init; }

    /// <summary>Nobody knows how the call ended, for another gateway made it: whoever has shown nothing of it yet may make it anew.</summary>
    public bool MayBeAskedAgain { get; init; }

    /// <summary>The same failure, as that of a part of what was asked for.</summary>
    /// <param name="part">Stands before the message.</param>
    public LlmException Of(string part) => new(Kind, $"{part}: {Message}", this)
    {
        RetryAfter = RetryAfter,
        UpstreamStatus = UpstreamStatus,
        ConnectionError = ConnectionError,
        Provider = Provider,
        Attempts = Attempts,
        Errors = Errors,
    };
}
