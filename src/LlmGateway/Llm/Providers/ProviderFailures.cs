using System.Text.Json;

namespace LlmGateway.Llm.Providers;

/// <summary>Says in one way, whoever the provider is, how it failed.</summary>
/// <param name="provider">Its name in the configuration.</param>
/// <param name="keyVariable">Where its key comes from.</param>
internal sealed class ProviderFailures(string provider, string keyVariable)
{
    public string Provider => provider;

    /// <param name="kind">What went wrong.</param>
    /// <param name="status">The provider's.</param>
    /// <param name="named">The names that the provider gave the failure.</param>
    /// <param name="retryAfter">The wait that the provider asks for.</param>
    public LlmException FromStatus(LlmErrorKind kind, int status, string named, TimeSpan? retryAfter) => new(kind, Message(kind, status, named))
    {
        Provider = provider,
        UpstreamStatus = status,
        RetryAfter = retryAfter,
    };

    /// <summary>An error event in a stream that had begun with 200.</summary>
    public LlmException FromEvent(LlmErrorKind kind, string named) =>
        new(kind, $"The model's provider broke the stream off with an error{named}.") { Provider = provider };

    /// <summary>An exception of an SDK, the HTTP stack or a parser; null where it is none of theirs.</summary>
    public LlmException? FromException(Exception exception) => exception switch
    {
        LlmException known => known,
        JsonException or InvalidOperationException or FormatException or KeyNotFoundException =>
            Invalid("The model's provider sent something that is no answer.", exception),
        // A connection that is not made in time is told as a cancellation; that of the caller has been ruled out.
        HttpRequestException or IOException or OperationCanceledException => Lost(exception),
        _ => null,
    };

    public LlmException Lost(Exception exception)
    {
        var error = ConnectionError(exception);
        return new LlmException(LlmErrorKind.UpstreamUnavailable, Message(error), exception) { Provider = provider, ConnectionError = error };
    }

    public LlmException Invalid(string message, Exception? exception = null) =>
        new(LlmErrorKind.UpstreamInvalidResponse, message, exception) { Provider = provider };

    public LlmException TooLong(int maxBytes) => Invalid($"The model's provider sent more than {maxBytes} bytes.");

    public LlmException BrokenOff() => Invalid("The model's provider broke the stream off before its end.");

    public LlmException Filtered() =>
        new(LlmErrorKind.ContentFiltered, "The model declined to answer, or its answer was filtered. Rephrase the request.") { Provider = provider };

    public LlmException Idle(TimeSpan after) =>
        new(LlmErrorKind.UpstreamTimeout, $"The model's provider sent nothing for {after.TotalSeconds:0.###} s.") { Provider = provider };

    private static HttpRequestError? ConnectionError(Exception? exception)
    {
        // The SDKs have exceptions of their own around it.
        while (exception is not (null or HttpRequestException))
            exception = exception.InnerException;
        return exception is HttpRequestException { HttpRequestError: not HttpRequestError.Unknown and var error } ? error : null;
    }

    private static string Message(HttpRequestError? error) => error switch
    {
        HttpRequestError.NameResolutionError => "The name of the model's provider was not found.",
        HttpRequestError.SecureConnectionError => "The model's provider has no certificate that the gateway trusts, or does not speak TLS.",
        _ => "The connection to the model's provider failed.",
    };

    private string Message(LlmErrorKind kind, int status, string named) => kind switch
    {
        LlmErrorKind.UpstreamAuth => $"The model's provider did not accept the gateway's key (status {status}). Check {keyVariable}.",
        LlmErrorKind.UpstreamQuotaExhausted => "The gateway's account with the model's provider has no credit left. Top it up.",
        LlmErrorKind.UpstreamRateLimited => "The model's provider limits the rate of requests. Try again later.",
        LlmErrorKind.ContextLengthExceeded => "The prompt is longer than the model can read. Shorten it, or choose a model with a larger window.",
        LlmErrorKind.ContentFiltered => "The model's provider filtered the prompt. Rephrase the request.",
        LlmErrorKind.UpstreamUnavailable => $"The model's provider failed (status {status}). Try again later.",
        _ => $"The model's provider refused the request (status {status}{named}).",
    };
}
