using System.Globalization;
using System.Net.Http.Headers;

namespace LlmGateway.Llm.Resilience;

/// <summary>How long an upstream asks to wait, from the headers of its answer.</summary>
internal static class RetryAfterHeader
{
    /// <summary>Longer waits than this mean the same to everybody who waits.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    /// <param name="retryAfterMs">The value of <c>retry-after-ms</c>: milliseconds. The more exact one, so it goes first.</param>
    /// <param name="retryAfter">The value of <c>Retry-After</c>: seconds, or any date of RFC 9110, section 5.6.7.</param>
    /// <param name="timeProvider">The clock that a date is measured against.</param>
    /// <returns>Zero to one day; null where nothing sensible is said.</returns>
    public static TimeSpan? Parse(string? retryAfterMs, string? retryAfter, TimeProvider timeProvider)
    {
        if (Number(retryAfterMs) is { } milliseconds) return Capped(milliseconds / TimeSpan.MillisecondsPerDay);
        if (Number(retryAfter) is { } seconds) return Capped(seconds / TimeSpan.SecondsPerDay);
        if (!RetryConditionHeaderValue.TryParse(retryAfter, out var condition) || condition.Date is not { } date) return null;
        return Capped((date - timeProvider.GetUtcNow()).TotalDays);
    }

    private static double? Number(string? value) =>
        double.TryParse(value, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite,
            CultureInfo.InvariantCulture, out var number) && !double.IsNaN(number) && !double.IsNegative(number)
            ? number
            : null;

    private static TimeSpan Capped(double days) => Longest * Math.Clamp(days, 0, 1);
}
