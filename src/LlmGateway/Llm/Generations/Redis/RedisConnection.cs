using StackExchange.Redis;

namespace LlmGateway.Llm.Generations.Redis;

/// <summary>
/// The connection to Redis, made in the background and tuned to fail fast: a request never waits for it, and one that asks it waits a few
/// milliseconds at the most.
/// </summary>
internal sealed partial class RedisConnection(RedisOptions options, TimeProvider timeProvider, ILogger<RedisConnection> logger) : BackgroundService, IAsyncDisposable
{
    private readonly RedisBreaker _breaker = new(options, timeProvider);
    private readonly List<(RedisChannel Channel, Action<RedisValue> Hear)> _channels = [];
    private ConnectionMultiplexer? _multiplexer;
    private int _lost;

    public bool IsConfigured { get; } = !string.IsNullOrWhiteSpace(options.Url);

    public bool IsConnected => _multiplexer is { IsConnected: true };

    /// <param name="ask">Asks Redis.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>Whether Redis answered, and what; it did not if it is not there, too slow, or wrong.</returns>
    public async ValueTask<(bool Answered, T? Value)> TryAsync<T>(Func<IDatabase, Task<T>> ask, CancellationToken cancellationToken)
    {
        if (_multiplexer is not { IsConnected: true } multiplexer || !_breaker.TryEnter()) return default;
        Task<T>? asked = null;
        try
        {
            asked = ask(multiplexer.GetDatabase());
            var value = await asked.WaitAsync(options.ReadTimeout, timeProvider, cancellationToken);
            _breaker.Succeeded();
            return (true, value);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            Abandon(asked);
            _breaker.Left();
            throw;
        }
        catch (Exception exception)
        {
            // Whatever it is: Redis is never a condition, and the breaker has to hear of it.
            Abandon(asked);
            if (_breaker.Failed()) Paused(exception.GetType().Name, options.BreakerPause.TotalMilliseconds);
            return default;
        }
    }

    /// <summary>Hears what other gateways say, whenever there is a connection. To be called before the start.</summary>
    public void Listen(string channel, Action<RedisValue> hear) => _channels.Add((RedisChannel.Literal(channel), hear));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!IsConfigured) return;
        var configuration = RedisAddress.TryParse(options.Url!)!;
        configuration.AbortOnConnectFail = false;
        configuration.ConnectTimeout = 1000;
        configuration.ConnectRetry = 1;
        // The driver gives up by itself: not before ReadTimeout does.
        configuration.SyncTimeout = configuration.AsyncTimeout = Math.Max(100, (int)options.ReadTimeout.TotalMilliseconds);
        // Asynchronous timeouts are looked at on the heartbeat only.
        configuration.HeartbeatInterval = TimeSpan.FromMilliseconds(100);
        configuration.BacklogPolicy = BacklogPolicy.FailFast;
        configuration.ReconnectRetryPolicy = new LinearRetry(500);
        configuration.KeepAlive = 1;
        configuration.ClientName = "llm-gateway";
        await Task.Yield();
        try
        {
            _multiplexer = await ConnectionMultiplexer.ConnectAsync(configuration);
        }
        catch (Exception exception)
        {
            // An address that cannot even be tried: the gateway works without.
            NoteLost(exception.GetType().Name);
            return;
        }
        // Of each of its two connections; the first one tells.
        _multiplexer.ConnectionFailed += (_, failure) => NoteLost(failure.FailureType.ToString());
        _multiplexer.ConnectionRestored += (_, _) => NoteRestored();
        if (!_multiplexer.IsConnected) NoteLost("UnableToConnect");
        await ListenAsync(_multiplexer);
    }

    private async Task ListenAsync(ConnectionMultiplexer multiplexer)
    {
        foreach (var (channel, hear) in _channels)
        {
            try
            {
                await multiplexer.GetSubscriber().SubscribeAsync(channel, (_, said) => hear(said));
            }
            catch (RedisException)
            {
                // It is not there yet. The subscription is noted, and made when it is.
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_multiplexer is not null) await _multiplexer.DisposeAsync();
        Dispose();
    }

    private void NoteLost(string failureType)
    {
        if (Interlocked.Exchange(ref _lost, 1) == 0) Lost(failureType);
    }

    private void NoteRestored()
    {
        if (IsConnected && Interlocked.Exchange(ref _lost, 0) == 1) Restored();
    }

    /// <summary>Nobody waits for it any more; should it fail yet, that is known already.</summary>
    private static void Abandon(Task? asked) =>
        asked?.ContinueWith(static done => _ = done.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

    [LoggerMessage(EventId = 30, EventName = "RedisLost", Level = LogLevel.Warning, Message = "Redis is not there ({FailureType}): answers are kept in this process alone")]
    private partial void Lost(string failureType);

    [LoggerMessage(EventId = 31, EventName = "RedisRestored", Level = LogLevel.Information, Message = "Redis is back")]
    private partial void Restored();

    [LoggerMessage(EventId = 32, EventName = "RedisPaused", Level = LogLevel.Warning, Message = "Redis fails ({Failure}) and is left alone for {PauseMs} ms")]
    private partial void Paused(string failure, double pauseMs);
}
