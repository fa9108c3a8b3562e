using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using LlmGateway.Llm.Resilience;

namespace LlmGateway.Llm.Providers.OpenAI;

/// <summary>Turns every way in which OpenAI can fail into an <see cref="LlmException"/>.</summary>
internal static class OpenAIFailures
{
    public const string Provider = "openai";

    public static LlmException FromResponse(PipelineResponse response, OpenAIError? error, TimeProvider timeProvider)
    {
        response.Headers.TryGetValue("retry-after-ms", out var retryAfterMs);
        response.Headers.TryGetValue("retry-after", out var retryAfter);
        return new LlmException(Kind(response.Status, error), Message(response.Status, error))
        {
            Provider = Provider,
            UpstreamStatus = response.Status,
            RetryAfter = RetryAfterHeader.Parse(retryAfterMs, retryAfter, timeProvider),
        };
    }

    /// <summary>An <c>error</c> event in a stream that had begun with 200.</summary>
    public static LlmException FromEvent(OpenAIError error) => new(
        (error.Code ?? error.Type) switch
        {
            "insufficient_quota" => LlmErrorKind.UpstreamQuotaExhausted,
            "rate_limit_exceeded" or "requests" or "tokens" => LlmErrorKind.UpstreamRateLimited,
            "content_filter" or "content_policy_violation" => LlmErrorKind.ContentFiltered,
            _ => LlmErrorKind.UpstreamUnavailable,
        },
        $"The model's provider broke the stream off with an error{Named(error)}.")
    {
        Provider = Provider,
    };

    /// <summary>An exception of the SDK, the HTTP stack or the parser; null where it is none of theirs.</summary>
    public static LlmException? FromException(Exception exception) => exception switch
    {
        LlmException known => known,
        JsonException or InvalidOperationException or FormatException or KeyNotFoundException =>
            Invalid("The model's provider sent something that is no answer.", exception),
        // A connection that is not made in time is told as a cancellation; that of the caller has been ruled out.
        HttpRequestException or IOException or ClientResultException or OperationCanceledException =>
            new LlmException(LlmErrorKind.UpstreamUnavailable, "The connection to the model's provider failed.", exception) { Provider = Provider },
        _ => null,
    };

    public static LlmException Invalid(string message, Exception? exception = null) =>
        new(LlmErrorKind.UpstreamInvalidResponse, message, exception) { Provider = Provider };

    public static LlmException Filtered() =>
        new(LlmErrorKind.ContentFiltered, "The model declined to answer, or its answer was filtered. Rephrase the request.") { Provider = Provider };

    public static LlmException Idle(TimeSpan after) =>
        new(LlmErrorKind.UpstreamTimeout, $"The model's provider sent nothing for {after.TotalSeconds:0.###} s.") { Provider = Provider };

    private static LlmErrorKind Kind(int status, OpenAIError? error) => status switch
    {
        401 or 403 => LlmErrorKind.UpstreamAuth,
        429 when error is { Code: "insufficient_quota" or "billing_hard_limit_reached" } or { Type: "insufficient_quota" } =>
            LlmErrorKind.UpstreamQuotaExhausted,
        429 => LlmErrorKind.UpstreamRateLimited,
        413 => LlmErrorKind.ContextLengthExceeded,
        400 when error?.Code is "context_length_exceeded" or "string_above_max_length" => LlmErrorKind.ContextLengthExceeded,
        400 when error?.Code is "content_filter" or "content_policy_violation" => LlmErrorKind.ContentFiltered,
        408 or 409 or >= 500 => LlmErrorKind.UpstreamUnavailable,
        >= 400 => LlmErrorKind.UpstreamRejected,
        _ => LlmErrorKind.UpstreamInvalidResponse,
    };

    private static string Message(int status, OpenAIError? error) => Kind(status, error) switch
    {
        LlmErrorKind.UpstreamAuth => $"The model's provider did not accept the gateway's key (status {status}). Check OPENAI_API_KEY.",
        LlmErrorKind.UpstreamQuotaExhausted => "The gateway's account with the model's provider has no credit left. Top it up.",
        LlmErrorKind.UpstreamRateLimited => "The model's provider limits the rate of requests. Try again later.",
        LlmErrorKind.ContextLengthExceeded => "The prompt is longer than the model can read. Shorten it, or choose a model with a larger window.",
        LlmErrorKind.ContentFiltered => "The model's provider filtered the prompt. Rephrase the request.",
        LlmErrorKind.UpstreamUnavailable => $"The model's provider failed (status {status}). Try again later.",
        _ => $"The model's provider refused the request (status {status}{Named(error)}).",
    };

    private static string Named(OpenAIError? error) => error switch
    {
        { Code: { } code, Param: { } param } => $", {code}, parameter {param}",
        { Code: { } code } => $", {code}",
        { Param: { } param } => $", parameter {param}",
        { Type: { } type } => $", {type}",
        _ => "",
    };
}
