using System.Globalization;
using LlmGateway.Hosting;
using LlmGateway.Llm;
using LlmGateway.Llm.Models;

namespace LlmGateway.Endpoints;

/// <summary>What an answer's headers say of this request: its body says nothing of it, so that the same body serves every request.</summary>
internal static class AnswerHeaders
{
    public static void Set(HttpContext context, LlmResponse response, TimeProvider timeProvider)
    {
        var (headers, facts) = (context.Response.Headers, RequestFacts.Of(context));
        Note(facts, response.Origin, response.Usage, response.CostUsd);
        SetOrigin(headers, facts, response.Origin, response.Cache);
        if (response.Usage is { } usage)
        {
            SetNumber(headers, ResponseHeaders.InputTokens, usage.InputTokens);
            SetNumber(headers, ResponseHeaders.OutputTokens, usage.OutputTokens);
        }
        SetSpending(headers, facts, response.Origin, response.Cache, response.CostUsd, response.SavedUsd, timeProvider);
    }

    public static void Set(HttpContext context, EmbeddingResponse response, TimeProvider timeProvider)
    {
        var (headers, facts) = (context.Response.Headers, RequestFacts.Of(context));
        Note(facts, response.Origin, response.Usage, response.CostUsd);
        SetOrigin(headers, facts, response.Origin, response.Cache);
        if (response.Usage is { } usage) SetNumber(headers, ResponseHeaders.InputTokens, usage.InputTokens + response.StoredTokens);
        SetSpending(headers, facts, response.Origin, response.Cache, response.CostUsd, response.SavedUsd, timeProvider);
    }

    /// <summary>For the log alone.</summary>
    public static void Note(HttpContext context, LlmResponse response) => Note(RequestFacts.Of(context), response.Origin, response.Usage, response.CostUsd);

    /// <summary>What was done to the request so that it fits its model.</summary>
    public static void SetFit(HttpContext context, FittedRequest fitted)
    {
        var headers = context.Response.Headers;
        if (fitted.MaxTokens is { } maxTokens) SetNumber(headers, ResponseHeaders.MaxTokens, maxTokens);
        if (fitted.Dropped > 0) SetNumber(headers, ResponseHeaders.MessagesDropped, fitted.Dropped);
    }

    /// <summary>What is known before the answer's end: on a stream the rest is in its last frame.</summary>
    public static void SetOrigin(HttpContext context, LlmOrigin origin, CacheResult? cache) =>
        SetOrigin(context.Response.Headers, RequestFacts.Of(context), origin, cache);

    private static void SetOrigin(IHeaderDictionary headers, RequestFacts facts, LlmOrigin origin, CacheResult? cache)
    {
        headers[ResponseHeaders.Model] = origin.Model;
        headers[ResponseHeaders.Provider] = origin.Provider;
        SetNumber(headers, ResponseHeaders.Attempts, origin.AttemptsFor(cache));
        if (cache is null) return;
        facts.Cache = cache;
        SetCache(headers, cache);
    }

    private static void Note(RequestFacts facts, LlmOrigin origin, LlmUsage? usage, decimal? costUsd) =>
        (facts.Origin, facts.Usage, facts.CostUsd) = (origin, usage, costUsd);

    private static void SetSpending(
        IHeaderDictionary headers, RequestFacts facts, LlmOrigin origin, CacheResult? cache, decimal? costUsd, decimal? savedUsd, TimeProvider timeProvider)
    {
        if (costUsd is { } cost) SetNumber(headers, ResponseHeaders.CostUsd, cost);
        if (savedUsd is { } saved) SetNumber(headers, ResponseHeaders.SavedUsd, saved);
        var timing = Timing("total", Tenths(timeProvider.GetElapsedTime(facts.Started)));
        if (cache is not { IsFree: true })
        {
            timing = $"{Timing("upstream", Tenths(origin.UpstreamTime))}, {timing}";
            if (Tenths(origin.QueueTime) is > 0 and var queue) timing = $"{Timing("queue", queue)}, {timing}";
        }
        headers[ResponseHeaders.ServerTiming] = timing;
    }

    private static string Timing(string name, long tenths) => string.Create(CultureInfo.InvariantCulture, stackalloc char[64], $"{name};dur={tenths / 10}.{tenths % 10}");

    /// <summary>Of a millisecond; whole numbers are written several times faster than others, and every answer tells them.</summary>
    private static long Tenths(TimeSpan time) => (long)Math.Round(time.TotalMilliseconds * 10);

    private static void SetNumber<T>(IHeaderDictionary headers, string header, T number)
        where T : IFormattable =>
        headers[header] = number.ToString(null, CultureInfo.InvariantCulture);

    /// <summary>The standard's words (RFC 9211), and one for a quick look.</summary>
    private static void SetCache(IHeaderDictionary headers, CacheResult cache)
    {
        (headers[ResponseHeaders.Cache], headers[ResponseHeaders.CacheStatus]) = cache.Status switch
        {
            CacheStatus.Hit => ("HIT", Hit(cache.TimeToLive)),
            CacheStatus.Stale => ("STALE", Hit(cache.TimeToLive)),
            CacheStatus.Coalesced => ("COALESCED", "LlmGateway; fwd=miss; collapsed"),
            CacheStatus.Bypass => ("BYPASS", cache.Stored ? "LlmGateway; fwd=bypass; stored" : "LlmGateway; fwd=bypass"),
            _ => ("MISS", cache.Stored ? "LlmGateway; fwd=miss; stored" : "LlmGateway; fwd=miss"),
        };
        if (cache is { Status: CacheStatus.Hit or CacheStatus.Stale, Age: { } age })
            headers.Age = ((long)age.TotalSeconds).ToString(CultureInfo.InvariantCulture);
    }

    private static string Hit(TimeSpan? timeToLive) => timeToLive is { } left
        ? string.Create(CultureInfo.InvariantCulture, stackalloc char[64], $"LlmGateway; hit; ttl={(long)Math.Floor(left.TotalSeconds)}")
        : "LlmGateway; hit";
}
