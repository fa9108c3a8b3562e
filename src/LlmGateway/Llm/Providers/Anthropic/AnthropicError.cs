using System.Text.Json;

namespace LlmGateway.Llm.Providers.Anthropic;

/// <summary>
/// What <c>{"type":"error","error":{"type","message"}}</c> says. One type stands for many causes, which only the message tells apart: it is
/// looked at, and never passed on, for it may quote the prompt.
/// </summary>
internal sealed record AnthropicError(string? Type, AnthropicError.Cause Told)
{
    public enum Cause
    {
        Other,
        TooLong,
        NoCredit,
        Filtered,
    }

    public LlmErrorKind Kind(int? status) => Told switch
    {
        Cause.TooLong => LlmErrorKind.ContextLengthExceeded,
        Cause.NoCredit => LlmErrorKind.UpstreamQuotaExhausted,
        Cause.Filtered => LlmErrorKind.ContentFiltered,
        _ => status is { } known ? OfStatus(known, Type) : Type switch
        {
            "rate_limit_error" => LlmErrorKind.UpstreamRateLimited,
            "billing_error" => LlmErrorKind.UpstreamQuotaExhausted,
            "authentication_error" or "permission_error" => LlmErrorKind.UpstreamAuth,
            _ => LlmErrorKind.UpstreamUnavailable,
        },
    };

    public string Named => Type is null ? "" : $", {Type}";

    public static LlmErrorKind OfStatus(int status, string? type) => status switch
    {
        401 or 403 => LlmErrorKind.UpstreamAuth,
        402 => LlmErrorKind.UpstreamQuotaExhausted,
        429 => LlmErrorKind.UpstreamRateLimited,
        413 => LlmErrorKind.ContextLengthExceeded,
        408 or 409 or >= 500 => LlmErrorKind.UpstreamUnavailable,
        >= 400 when type == "billing_error" => LlmErrorKind.UpstreamQuotaExhausted,
        >= 400 => LlmErrorKind.UpstreamRejected,
        _ => LlmErrorKind.UpstreamInvalidResponse,
    };

    /// <param name="body">The whole body of an error answer, JSON or not.</param>
    public static AnthropicError? Parse(ReadOnlySpan<byte> body) => ProviderJson.Error(body, Read);

    /// <param name="json">Stands on the property's name; on its value's end afterwards.</param>
    public static AnthropicError Read(ref Utf8JsonReader json)
    {
        string? type = null;
        var told = Cause.Other;
        if (!json.ReadValue(JsonTokenType.StartObject)) return new AnthropicError(null, told);
        while (json.ReadProperty())
        {
            if (json.ValueTextEquals("type"u8)) type = Identifier(json.ReadString());
            else if (json.ValueTextEquals("message"u8)) told = CauseIn(json.ReadString() ?? "");
            else json.SkipValue();
        }
        return new AnthropicError(type, told);
    }

    private static Cause CauseIn(string message) => message switch
    {
        _ when Begins(message, "prompt is too long") || Begins(message, "input length and `max_tokens` exceed context limit") => Cause.TooLong,
        _ when Begins(message, "Your credit balance is too low") || Begins(message, "You have reached your specified") => Cause.NoCredit,
        _ when Begins(message, "Output blocked by content filtering policy") => Cause.Filtered,
        _ => Cause.Other,
    };

    private static bool Begins(string message, string beginning) => message.StartsWith(beginning, StringComparison.OrdinalIgnoreCase);

    /// <summary>Only what looks like a name: free text would be quoted to the caller and the log.</summary>
    private static string? Identifier(string? text) =>
        text is { Length: > 0 and <= 64 } && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.') ? text : null;
}
