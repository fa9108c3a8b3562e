namespace LlmGateway.Llm.Providers;

/// <summary>
/// The token of a stream, which ends it with its caller, or when nothing has come for too long. It keeps one timer for the whole stream and notes the time of
/// each wait: to set a timer for each token costs a seventh of all that is done for the token.
/// </summary>
internal sealed class IdleTimeout : IDisposable
{
    private const long Nobody = long.MinValue, Over = long.MaxValue;

    private readonly TimeProvider _timeProvider;
    private readonly CancellationTokenSource _ending;
    private readonly ITimer _timer;
    private long _waitsSince = Nobody;

    /// <param name="limit">The longest silence.</param>
    /// <param name="timeProvider">Measures it.</param>
    /// <param name="cancellationToken">The caller's.</param>
    public IdleTimeout(TimeSpan limit, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        (Limit, _timeProvider) = (limit, timeProvider);
        _ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _timer = timeProvider.CreateTimer(static timeout => ((IdleTimeout)timeout!).Look(), this, limit, Timeout.InfiniteTimeSpan);
    }

    public TimeSpan Limit { get; }

    /// <summary>Ends the stream, for whatever reason.</summary>
    public CancellationToken Token => _ending.Token;

    /// <summary>The silence was too long. The caller may have gone before that: its own token says so.</summary>
    public bool HasExpired => Volatile.Read(ref _waitsSince) == Over;

    /// <summary>From here on the provider is waited for.</summary>
    public void Listen() => Note(_timeProvider.GetTimestamp());

    /// <summary>The provider has said something. A reader that takes its time with it is not the provider's silence.</summary>
    public void Heard() => Note(Nobody);

    public void Dispose()
    {
        _timer.Dispose();
        _ending.Dispose();
    }

    private void Note(long waitsSince)
    {
        if (Interlocked.Exchange(ref _waitsSince, waitsSince) == Over) Volatile.Write(ref _waitsSince, Over);
    }

    private void Look()
    {
        var since = Volatile.Read(ref _waitsSince);
        var left = since == Nobody ? Limit : Limit - _timeProvider.GetElapsedTime(since);
        try
        {
            // Not what has been heard at this very moment.
            if (left <= TimeSpan.Zero && Interlocked.CompareExchange(ref _waitsSince, Over, since) == since) _ending.Cancel();
            else _timer.Change(left > TimeSpan.Zero ? left : Limit, Timeout.InfiniteTimeSpan);
        }
        catch (ObjectDisposedException)
        {
            // The stream ended just now.
        }
    }
}
