namespace LlmGateway.Llm.Generations.Redis;

/// <summary>After some failures in a row nobody asks for a while; then one does, and its answer decides for all.</summary>
internal sealed class RedisBreaker(RedisOptions options, TimeProvider timeProvider)
{
    private int _failures;
    private int _probing;
    private long _pausedAt;

    public bool TryEnter()
    {
        if (Volatile.Read(ref _failures) < options.BreakerFailures) return true;
        return timeProvider.GetElapsedTime(Volatile.Read(ref _pausedAt)) >= options.BreakerPause && Interlocked.CompareExchange(ref _probing, 1, 0) == 0;
    }

    public void Succeeded()
    {
        if (Volatile.Read(ref _failures) == 0) return;
        Volatile.Write(ref _failures, 0);
        Volatile.Write(ref _probing, 0);
    }

    /// <returns>Whether this was the failure that began a pause.</returns>
    public bool Failed()
    {
        Volatile.Write(ref _pausedAt, timeProvider.GetTimestamp());
        Volatile.Write(ref _probing, 0);
        return Interlocked.Increment(ref _failures) == options.BreakerFailures;
    }

    /// <summary>Whoever asked did not wait for the answer.</summary>
    public void Left() => Volatile.Write(ref _probing, 0);
}
