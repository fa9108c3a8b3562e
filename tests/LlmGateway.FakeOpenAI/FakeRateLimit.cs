using System.Globalization;

namespace LlmGateway.FakeOpenAI;

/// <summary>A limit as OpenAI keeps it: a bucket that fills at a steady rate, told of in every answer.</summary>
/// <param name="limit">Requests that may come at once.</param>
/// <param name="perSecond">How fast they come back.</param>
/// <param name="timeProvider">The clock; the system's by default.</param>
public sealed class FakeRateLimit(int limit, double perSecond, TimeProvider? timeProvider = null)
{
    private readonly TimeProvider _time = timeProvider ?? TimeProvider.System;
    private readonly Lock _lock = new();
    private double _available = limit;
    private long? _stamp;

    internal FakeScript Apply(FakeScript script)
    {
        lock (_lock)
        {
            var now = _time.GetTimestamp();
            _available = Math.Min(limit, _available + (_stamp is { } stamp ? _time.GetElapsedTime(stamp, now).TotalSeconds * perSecond : 0));
            _stamp = now;
            var allowed = _available >= 1;
            if (allowed)
                _available--;
            var headers = new Dictionary<string, string>(script.Headers)
            {
                ["x-ratelimit-limit-requests"] = limit.ToString(CultureInfo.InvariantCulture),
                ["x-ratelimit-remaining-requests"] = Math.Floor(_available).ToString(CultureInfo.InvariantCulture),
                ["x-ratelimit-reset-requests"] = string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling((limit - Math.Floor(_available)) / perSecond * 1000)}ms"),
            };
            return allowed
                ? script with { Headers = headers }
                : script with { Status = 429, Headers = headers, RetryAfterMs = Math.Ceiling((1 - _available) / perSecond * 1000).ToString(CultureInfo.InvariantCulture) };
        }
    }
}
