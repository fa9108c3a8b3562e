using System.Buffers;
using System.Globalization;

namespace LlmGateway.Llm.Pacing;

/// <summary>One limit as an answer tells it.</summary>
/// <param name="Limit">Requests, or tokens.</param>
/// <param name="Remaining">Of them, when the answer was made.</param>
/// <param name="PerSecond">How fast they come back.</param>
internal readonly record struct RateLimit(double Limit, double Remaining, double PerSecond);

/// <summary>What an answer's headers tell of its provider's limits.</summary>
internal readonly record struct RateLimitHeaders(RateLimit? Requests, RateLimit? Tokens)
{
    private const double PerMinute = 1 / 60d;

    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789.");

    /// <summary>Reads a header; null where there is none.</summary>
    public delegate string? Reader(string name);

    /// <summary><c>x-ratelimit-*</c>, whose reset is the time until all of it is back.</summary>
    public static RateLimitHeaders OfOpenAI(Reader header) => new(OpenAI(header, "requests"), OpenAI(header, "tokens"));

    /// <summary><c>anthropic-ratelimit-*</c>: limits for a minute, whose reset is a date of whole seconds, too coarse to reckon with.</summary>
    public static RateLimitHeaders OfAnthropic(Reader header) => new(Anthropic(header, "requests"), Anthropic(header, "input-tokens"));

    private static RateLimit? OpenAI(Reader header, string kind)
    {
        if (Number(header("x-ratelimit-limit-" + kind)) is not { } limit || Number(header("x-ratelimit-remaining-" + kind)) is not { } remaining) return null;
        var reset = Duration(header("x-ratelimit-reset-" + kind));
        return new RateLimit(limit, remaining, reset is { TotalSeconds: > 0 } && remaining < limit ? (limit - remaining) / reset.Value.TotalSeconds : limit * PerMinute);
    }

    private static RateLimit? Anthropic(Reader header, string kind) =>
        Number(header($"anthropic-ratelimit-{kind}-limit")) is { } limit && Number(header($"anthropic-ratelimit-{kind}-remaining")) is { } remaining
            ? new RateLimit(limit, remaining, limit * PerMinute)
            : null;

    private static double? Number(string? text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : null;

    /// <summary><c>1s</c>, <c>6m0s</c>, <c>12ms</c>, <c>1h2m3.5s</c>, or seconds without a unit.</summary>
    internal static TimeSpan? Duration(string? text)
    {
        if (string.IsNullOrWhiteSpace(text)) return null;
        double seconds = 0;
        for (ReadOnlySpan<char> rest = text.AsSpan().Trim(); !rest.IsEmpty;)
        {
            var digits = rest.IndexOfAnyExcept(Digits);
            if (digits < 0) digits = rest.Length;
            if (!double.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value)) return null;
            rest = rest[digits..];
            var letters = rest.IndexOfAny(Digits);
            if (letters < 0) letters = rest.Length;
            double? unit = rest[..letters] switch { "" or "s" => 1, "ms" => 0.001, "us" or "µs" => 0.000001, "m" => 60, "h" => 3600, "d" => 86400, _ => null };
            if (unit is null) return null;
            seconds += value * unit.Value;
            rest = rest[letters..];
        }
        return seconds < TimeSpan.FromDays(365).TotalSeconds ? TimeSpan.FromSeconds(seconds) : null;
    }
}
