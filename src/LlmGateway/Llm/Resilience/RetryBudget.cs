namespace LlmGateway.Llm.Resilience;

/// <summary>
/// Retries that answered requests have paid for. An upstream that fails now and then gets all its retries; one that is dead soon gets none,
/// so that retries never multiply the load on something that is already down.
/// </summary>
internal sealed class RetryBudget(double perSuccess, double max, double initial)
{
    private readonly Lock _lock = new();
    private double _tokens = Math.Min(initial, max);

    /// <summary>A request was answered.</summary>
    public void Fund()
    {
        lock (_lock) _tokens = Math.Min(_tokens + perSuccess, max);
    }

    /// <summary>Takes one retry out; false when there is none.</summary>
    public bool TrySpend()
    {
        lock (_lock)
        {
            if (_tokens < 1) return false;
            _tokens--;
            return true;
        }
    }
}
