namespace LlmGateway.Llm.Pacing;

/// <summary>What is left of one limit by our own reckoning, which each answer sets right.</summary>
internal sealed class RateBucket
{
    // Kept back, for clocks and networks are never quite even: the provider would count what arrives early.
    private const double Reserve = 0.02;

    private double _limit = double.PositiveInfinity;
    private double _available = double.PositiveInfinity;
    private double _perSecond;
    private long _stamp;

    /// <summary>Whether an answer has told the limit.</summary>
    public bool IsKnown => !double.IsPositiveInfinity(_limit);

    private double Kept => Math.Min(Math.Floor(_limit * Reserve), 5);

    public void Refill(long now, TimeProvider timeProvider)
    {
        if (!IsKnown) return;
        _available = Math.Min(_limit, _available + (timeProvider.GetElapsedTime(_stamp, now).TotalSeconds * _perSecond));
        _stamp = now;
    }

    /// <returns>How long until there is room; zero if there is.</returns>
    public TimeSpan Wait(double amount)
    {
        if (!IsKnown) return TimeSpan.Zero;
        // What is more than the whole limit is for the provider to refuse.
        var missing = Math.Min(amount, _limit - Kept) + Kept - _available;
        return missing <= 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(Math.Min(missing / Math.Max(_perSecond, 1e-9), 86400));
    }

    public void Take(double amount) => _available -= amount;

    /// <summary>How long so much takes to come back.</summary>
    public TimeSpan TimeFor(double amount) => !IsKnown ? TimeSpan.Zero : TimeSpan.FromSeconds(Math.Min(amount / Math.Max(_perSecond, 1e-9), 86400));

    /// <param name="told">By an answer.</param>
    /// <param name="uncounted">Sent, and perhaps not yet counted in what was told, at most.</param>
    /// <param name="now">When.</param>
    public void Learn(RateLimit told, double uncounted, long now)
    {
        _available = Math.Clamp(IsKnown ? _available : double.MinValue, told.Remaining - uncounted, told.Remaining);
        (_limit, _perSecond, _stamp) = (told.Limit, told.PerSecond, now);
    }

    /// <summary>The provider says that nothing is left.</summary>
    public void Empty()
    {
        if (IsKnown) _available = Math.Min(_available, 0);
    }
}
