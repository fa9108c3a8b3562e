using LlmGateway.Llm;

namespace LlmGateway.Hosting;

/// <summary>
/// Counts the requests under way: refuses those beyond the limit, and holds the end of the process until they are done or their time is up.
/// Health checks and pages do not count.
/// </summary>
internal sealed partial class Work : IHostedLifecycleService, IDisposable
{
    private readonly HttpOptions _http;
    private readonly ShutdownOptions _shutdown;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger<Work> _logger;
    /// <summary>What it takes to write an answer that nobody has to wait for any more.</summary>
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(0.5);

    private readonly CancellationTokenSource _streamsEnd;
    private readonly CancellationTokenSource _callsEnd = new();
    private readonly CancellationTokenRegistration _stopping;
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _underWay;
    private volatile bool _draining;

    public Work(HttpOptions http, ShutdownOptions shutdown, TimeProvider timeProvider, IHostApplicationLifetime lifetime, ILogger<Work> logger)
    {
        _http = http;
        _shutdown = shutdown;
        _timeProvider = timeProvider;
        _logger = logger;
        _streamsEnd = new CancellationTokenSource(Timeout.InfiniteTimeSpan, timeProvider);
        _stopping = lifetime.ApplicationStopping.Register(Drain);
    }

    /// <summary>The process has been told to stop: it takes no new work.</summary>
    public bool IsDraining => _draining;

    /// <summary>Open streams have to end now.</summary>
    public CancellationToken StreamsEnd => _streamsEnd.Token;

    /// <summary>Calls to models have to end now: the drain is over.</summary>
    public CancellationToken CallsEnd => _callsEnd.Token;

    public int UnderWay => Volatile.Read(ref _underWay);

    /// <exception cref="LlmException">There is no room for one more.</exception>
    public void Enter()
    {
        if (Interlocked.Increment(ref _underWay) <= _http.MaxConcurrentRequests && !_draining) return;
        Exit();
        throw _draining ? ShuttingDown() : new LlmException(LlmErrorKind.RateLimited, "The gateway has as many requests under way as it may. Try again shortly.");
    }

    public void Exit()
    {
        if (Interlocked.Decrement(ref _underWay) == 0 && _draining) _idle.TrySetResult();
    }

    public static LlmException ShuttingDown() => new(LlmErrorKind.ShuttingDown, "The gateway is shutting down. Try again shortly.");

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        Drain();
        if (UnderWay == 0) return;
        Draining(UnderWay, _shutdown.DrainTimeout);
        try
        {
            await _idle.Task.WaitAsync(_shutdown.DrainTimeout, _timeProvider, cancellationToken);
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            Aborting(UnderWay);
            await _callsEnd.CancelAsync();
            await _idle.Task.WaitAsync(LastWords, _timeProvider, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _stopping.Dispose();
        _streamsEnd.Dispose();
        _callsEnd.Dispose();
    }

    private void Drain()
    {
        if (_draining) return;
        _draining = true;
        _streamsEnd.CancelAfter(_shutdown.DrainTimeout * _shutdown.StreamsShare);
        if (UnderWay == 0) _idle.TrySetResult();
    }

    [LoggerMessage(EventId = 3, EventName = "Draining", Level = LogLevel.Information, Message = "Stopping: {UnderWay} requests may end within {DrainTimeout}")]
    private partial void Draining(int underWay, TimeSpan drainTimeout);

    [LoggerMessage(EventId = 4, EventName = "Aborting", Level = LogLevel.Warning, Message = "Stopping: {UnderWay} requests did not end in time and are aborted")]
    private partial void Aborting(int underWay);
}
