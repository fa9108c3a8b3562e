namespace LlmGateway.Llm.Providers;

/// <summary>
/// Ends a stream on which nothing has come for too long. It keeps one timer for the whole stream and notes the time of each wait: to set a
/// timer for each token costs a seventh of all that is done for the token.
/// </summary>
internal sealed class IdleTimeout : IDisposable
{
    private const long Nobody = long.MinValue;

    private readonly TimeSpan _limit;
    private readonly TimeProvider _timeProvider;
    private readonly CancellationTokenSource _ending;
    private readonly ITimer _timer;
    private long _waitsSince = Nobody;
    private volatile bool _hasExpired;

    /// <param name="limit">The longest silence.</param>
    /// <param name="timeProvider">The clock of that.</param>
    /// <param name="cancellationToken">Ends the stream too.</param>
    public IdleTimeout(TimeSpan limit, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        (_limit, _timeProvider) = (limit, timeProvider);
        _ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _timer = timeProvider.CreateTimer(static timeout => ((IdleTimeout)timeout!).Look(), this, limit, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Ends the stream, for whatever reason.</summary>
    public CancellationToken Token => _ending.Token;

    public bool HasExpired => _hasExpired;

    /// <summary>From here on the provider is waited for.</summary>
    public void Listen() => Volatile.Write(ref _waitsSince, _timeProvider.GetTimestamp());

    /// <summary>The provider has said something. A reader that takes its time with it is not the provider's silence.</summary>
    public void Heard() => Volatile.Write(ref _waitsSince, Nobody);

    public void Dispose()
    {
        _timer.Dispose();
        _ending.Dispose();
    }

    private void Look()
    {
        var since = Volatile.Read(ref _waitsSince);
        var left = since == Nobody ? _limit : _limit - _timeProvider.GetElapsedTime(since);
        try
        {
            if (left > TimeSpan.Zero)
            {
                _timer.Change(left, Timeout.InfiniteTimeSpan);
                return;
            }
            _hasExpired = true;
            _ending.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The stream ended just now.
        }
    }
}
