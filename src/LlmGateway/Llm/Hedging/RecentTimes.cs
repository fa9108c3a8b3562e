namespace LlmGateway.Llm.Hedging;

/// <summary>How long a model's last calls took to speak.</summary>
internal sealed class RecentTimes
{
    public const int Size = 200;

    private readonly Lock _lock = new();
    private readonly TimeSpan[] _times = new TimeSpan[Size];
    private int _count;
    private long _calls;
    private long _extra;

    public void Add(TimeSpan time)
    {
        lock (_lock) _times[_count++ % Size] = time;
    }

    /// <summary>A call begins.</summary>
    /// <returns>When it is late; null as long as too little is known.</returns>
    public TimeSpan? Begin(HedgingOptions options)
    {
        lock (_lock)
        {
            _calls++;
            var known = Math.Min(_count, Size);
            if (known < options.MinSamples) return null;
            var sorted = _times[..known];
            Array.Sort(sorted);
            return sorted[(int)Math.Min(Math.Ceiling(known * options.Percentile), known) - 1];
        }
    }

    /// <returns>Whether there may be a second call now.</returns>
    public bool TrySpend(HedgingOptions options)
    {
        lock (_lock)
        {
            if (_extra + 1 > _calls * options.MaxExtra) return false;
            _extra++;
            return true;
        }
    }
}
