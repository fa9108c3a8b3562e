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
        Note(context, response);
        SetOrigin(context, response.Origin, response.Cache);
        var headers = context.Response.Headers;
        if (response.Usage is { } usage)
        {
            headers[ResponseHeaders.InputTokens] = usage.InputTokens.ToString(CultureInfo.InvariantCulture);
            headers[ResponseHeaders.OutputTokens] = usage.OutputTokens.ToString(CultureInfo.InvariantCulture);
        }
        if (response.CostUsd is { } cost) headers[ResponseHeaders.CostUsd] = cost.ToString(CultureInfo.InvariantCulture);
        if (response.SavedUsd is { } saved) headers[ResponseHeaders.SavedUsd] = saved.ToString(CultureInfo.InvariantCulture);
        SetTiming(context, response.Origin, response.Cache, timeProvider);
    }

    public static void SetTiming(HttpContext context, LlmOrigin origin, CacheResult? cache, TimeProvider timeProvider)
    {
        var total = Tenths(timeProvider.GetElapsedTime(RequestFacts.Of(context).Started));
        var (upstream, queue) = (Tenths(origin.UpstreamTime), Tenths(origin.QueueTime));
        context.Response.Headers[ResponseHeaders.ServerTiming] =
            cache is { IsFree: true } ? string.Create(CultureInfo.InvariantCulture, $"total;dur={total / 10}.{total % 10}")
            : queue > 0
                ? string.Create(CultureInfo.InvariantCulture, $"queue;dur={queue / 10}.{queue % 10}, upstream;dur={upstream / 10}.{upstream % 10}, total;dur={total / 10}.{total % 10}")
            : string.Create(CultureInfo.InvariantCulture, $"upstream;dur={upstream / 10}.{upstream % 10}, total;dur={total / 10}.{total % 10}");
    }

    /// <summary>Of a millisecond; whole numbers are written several times faster than others, and every answer tells them.</summary>
    private static long Tenths(TimeSpan time) => (long)Math.Round(time.TotalMilliseconds * 10);

    /// <summary>For the log alone.</summary>
    public static RequestFacts Note(HttpContext context, LlmResponse response)
    {
        var facts = RequestFacts.Of(context);
        facts.Origin = response.Origin;
        facts.Usage = response.Usage;
        facts.CostUsd = response.CostUsd;
        return facts;
    }

    /// <summary>What was done to the request so that it fits its model.</summary>
    public static void SetFit(HttpContext context, FittedRequest fitted)
    {
        var headers = context.Response.Headers;
        if (fitted.MaxTokens is { } maxTokens) headers[ResponseHeaders.MaxTokens] = maxTokens.ToString(CultureInfo.InvariantCulture);
        if (fitted.Dropped > 0) headers[ResponseHeaders.MessagesDropped] = fitted.Dropped.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>What is known before the answer's end: on a stream the rest is in its last frame.</summary>
    public static void SetOrigin(HttpContext context, LlmOrigin origin, CacheResult? cache)
    {
        var headers = context.Response.Headers;
        headers[ResponseHeaders.Model] = origin.Model;
        headers[ResponseHeaders.Provider] = origin.Provider;
        headers[ResponseHeaders.Attempts] = cache is { IsFree: true } ? "0" : origin.Attempts.ToString(CultureInfo.InvariantCulture);
        if (cache is null) return;
        RequestFacts.Of(context).Cache = cache.Status;
        SetCache(headers, cache);
    }

    /// <summary>The standard's words (RFC 9211), and one for a quick look.</summary>
    private static void SetCache(IHeaderDictionary headers, CacheResult cache)
    {
        (headers[ResponseHeaders.Cache], headers[ResponseHeaders.CacheStatus]) = cache.Status switch
        {
            CacheStatus.Hit or CacheStatus.Stale => (
                cache.Status == CacheStatus.Hit ? "HIT" : "STALE",
                string.Create(CultureInfo.InvariantCulture, $"LlmGateway; hit; ttl={(long)Math.Floor(cache.TimeToLive.TotalSeconds)}")),
            CacheStatus.Coalesced => ("COALESCED", "LlmGateway; fwd=miss; collapsed"),
            CacheStatus.Bypass => ("BYPASS", cache.Stored ? "LlmGateway; fwd=bypass; stored" : "LlmGateway; fwd=bypass"),
            _ => ("MISS", cache.Stored ? "LlmGateway; fwd=miss; stored" : "LlmGateway; fwd=miss"),
        };
        if (cache.Status is CacheStatus.Hit or CacheStatus.Stale)
            headers.Age = ((long)cache.Age.TotalSeconds).ToString(CultureInfo.InvariantCulture);
    }
}
