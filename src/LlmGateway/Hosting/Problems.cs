using LlmGateway.Llm;

namespace LlmGateway.Hosting;

/// <summary>How a kind of failure is told to the caller.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Code">For programs; never changes.</param>
/// <param name="Title">For people; the same for all failures of the kind.</param>
/// <param name="Retryable">Whether the same request may succeed later.</param>
internal sealed record Problem(int Status, string Code, string Title, bool Retryable = false);

/// <summary>The one table from failures to answers.</summary>
internal static class Problems
{
    public static Problem Of(LlmErrorKind kind) => kind switch
    {
        LlmErrorKind.InvalidRequest => new(400, "invalid_request", "The request is not valid."),
        LlmErrorKind.ModelNotAllowed => new(400, "model_not_allowed", "The model is not offered."),
        LlmErrorKind.NotFound => new(404, "not_found", "There is nothing here."),
        LlmErrorKind.MethodNotAllowed => new(405, "method_not_allowed", "The method is not allowed here."),
        LlmErrorKind.OriginNotAllowed => new(403, "origin_not_allowed", "Pages of this origin may not call the gateway."),
        LlmErrorKind.TicketNotValid => new(410, "ticket_not_valid", "The ticket is not valid."),
        LlmErrorKind.StreamStopped => new(409, "stream_stopped", "The stream was stopped."),
        LlmErrorKind.RequestTimeout => new(408, "request_timeout", "The request came too slowly.", Retryable: true),
        LlmErrorKind.RequestTooLarge => new(413, "request_too_large", "The request is too large."),
        LlmErrorKind.ContextLengthExceeded => new(413, "context_length_exceeded", "The prompt does not fit the model."),
        LlmErrorKind.UnsupportedMediaType => new(415, "unsupported_media_type", "The request is not JSON."),
        LlmErrorKind.ContentFiltered => new(422, "content_filtered", "The model refused, or its answer was filtered."),
        LlmErrorKind.RateLimited => new(429, "rate_limited", "The gateway has too much to do.", Retryable: true),
        LlmErrorKind.UpstreamRateLimited => new(429, "upstream_rate_limited", "The model's provider limits the rate.", Retryable: true),
        LlmErrorKind.UpstreamQuotaExhausted => new(502, "upstream_quota_exhausted", "The account with the model's provider is exhausted."),
        LlmErrorKind.UpstreamAuth => new(502, "upstream_auth", "The model's provider refused the gateway's key."),
        LlmErrorKind.UpstreamRejected => new(502, "upstream_rejected", "The model's provider refused the request."),
        LlmErrorKind.UpstreamInvalidResponse => new(502, "upstream_invalid_response", "The model's answer is no answer.", Retryable: true),
        LlmErrorKind.UpstreamUnavailable => new(503, "upstream_unavailable", "The model's provider cannot be reached.", Retryable: true),
        LlmErrorKind.ShuttingDown => new(503, "upstream_unavailable", "The gateway is shutting down.", Retryable: true),
        LlmErrorKind.UpstreamTimeout => new(504, "upstream_timeout", "The model's provider took too long.", Retryable: true),
        _ => new(500, "internal_error", "The gateway failed."),
    };

    /// <summary>The failure that an HTTP status stands for, where a component below us set nothing but a status.</summary>
    public static LlmException FromStatus(int status) => status switch
    {
        404 => new(LlmErrorKind.NotFound, "There is no such path. See /openapi/v1.json for those there are."),
        405 => new(LlmErrorKind.MethodNotAllowed, "Use one of the methods that the allow header names."),
        408 => new(LlmErrorKind.RequestTimeout, "The body came too slowly."),
        413 => new(LlmErrorKind.RequestTooLarge, "The body is larger than the gateway accepts."),
        415 => new(LlmErrorKind.UnsupportedMediaType, "Send JSON, with the header content-type: application/json."),
        >= 500 => new(LlmErrorKind.InternalError, "The gateway failed. Its log has this request's id."),
        _ => new(LlmErrorKind.InvalidRequest, "The request is not valid HTTP."),
    };
}
