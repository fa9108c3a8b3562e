using LlmGateway.Llm;

namespace LlmGateway.Endpoints.Summaries;

/// <summary>Adds up what the calls of one summary took, so that its answer tells of all of them.</summary>
internal sealed class SummarySpending
{
    private readonly List<LlmResponse> _calls = [];

    /// <summary>Upstream attempts made so far.</summary>
    public int Attempts => _calls.Where(IsPaid).Sum(call => call.Origin.Attempts);

    public void Add(LlmResponse response) => _calls.Add(response with { Text = "", Rendering = null });

    /// <param name="last">The answer itself.</param>
    /// <param name="elapsed">The time of all calls, where any of them was made.</param>
    public LlmResponse Total(LlmResponse last, TimeSpan elapsed)
    {
        var free = _calls.Where(call => !IsPaid(call)).ToList();
        return last with
        {
            // Not kept with it: the same summaries may be those of two texts, and an answer tells the length of its own.
            Rendering = null,
            Usage = _calls.TrueForAll(call => call.Usage is not null)
                ? new LlmUsage(_calls.Sum(call => call.Usage!.InputTokens), _calls.Sum(call => call.Usage!.OutputTokens), _calls.Sum(call => call.Usage!.CachedInputTokens))
                : null,
            CostUsd = Sum(_calls, call => call.CostUsd),
            SavedUsd = free.Count > 0 ? Sum(free, call => call.SavedUsd) : null,
            Cache = Cache(),
            Origin = last.Origin with { Attempts = Attempts, UpstreamTime = elapsed },
        };
    }

    /// <summary>The worst of them: one call that had to be made makes a miss.</summary>
    private CacheResult? Cache()
    {
        var results = _calls.Select(call => call.Cache).OfType<CacheResult>().ToList();
        if (results.Count == 0) return null;
        CacheStatus[] worstFirst = [CacheStatus.Miss, CacheStatus.Bypass, CacheStatus.Stale, CacheStatus.Coalesced, CacheStatus.Hit];
        return new CacheResult(
            worstFirst.First(status => results.Exists(result => result.Status == status)),
            results.TrueForAll(result => result.Stored),
            results.Max(result => result.Age),
            results.Min(result => result.TimeToLive));
    }

    private static bool IsPaid(LlmResponse call) => call.Cache is not { IsFree: true };

    private static decimal? Sum(List<LlmResponse> calls, Func<LlmResponse, decimal?> cost) =>
        calls.TrueForAll(call => cost(call) is not null) ? calls.Sum(cost) : null;
}
