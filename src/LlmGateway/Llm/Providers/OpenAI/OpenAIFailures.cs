using System.ClientModel.Primitives;
using LlmGateway.Llm.Resilience;

namespace LlmGateway.Llm.Providers.OpenAI;

/// <summary>Turns every way in which OpenAI, and those who speak like it, can fail into an <see cref="LlmException"/>.</summary>
internal static class OpenAIFailures
{
    public static LlmException FromResponse(this ProviderFailures failures, PipelineResponse response, OpenAIError? error, TimeProvider timeProvider)
    {
        response.Headers.TryGetValue("retry-after-ms", out var retryAfterMs);
        response.Headers.TryGetValue("retry-after", out var retryAfter);
        return failures.FromStatus(Kind(response.Status, error), response.Status, Named(error), RetryAfterHeader.Parse(retryAfterMs, retryAfter, timeProvider));
    }

    /// <summary>An <c>error</c> event in a stream that had begun with 200.</summary>
    public static LlmException FromEvent(this ProviderFailures failures, OpenAIError error) => failures.FromEvent(
        (error.Code ?? error.Type) switch
        {
            "insufficient_quota" => LlmErrorKind.UpstreamQuotaExhausted,
            "rate_limit_exceeded" or "requests" or "tokens" => LlmErrorKind.UpstreamRateLimited,
            "content_filter" or "content_policy_violation" => LlmErrorKind.ContentFiltered,
            _ => LlmErrorKind.UpstreamUnavailable,
        },
        Named(error));

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

    private static string Named(OpenAIError? error) => error switch
    {
        { Code: { } code, Param: { } param } => $", {code}, parameter {param}",
        { Code: { } code } => $", {code}",
        { Param: { } param } => $", parameter {param}",
        { Type: { } type } => $", {type}",
        _ => "",
    };
}
