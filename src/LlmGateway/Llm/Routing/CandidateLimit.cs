namespace LlmGateway.Llm.Routing;

/// <summary>The time that one candidate has, within the caller's own.</summary>
internal sealed class CandidateLimit : IDisposable
{
    private readonly CancellationTokenSource _timer;
    private readonly CancellationTokenSource _linked;

    public CandidateLimit(TimeSpan time, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        _timer = new CancellationTokenSource(time > TimeSpan.Zero ? time : TimeSpan.Zero, timeProvider);
        _linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _timer.Token);
    }

    public CancellationToken Token => _linked.Token;

    /// <summary>The first token has come: from here on only the caller ends it.</summary>
    public void Lift() => _timer.CancelAfter(Timeout.InfiniteTimeSpan);

    public void Dispose()
    {
        _linked.Dispose();
        _timer.Dispose();
    }
}
