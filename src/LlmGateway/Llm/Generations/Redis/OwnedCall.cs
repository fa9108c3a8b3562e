using StackExchange.Redis;

namespace LlmGateway.Llm.Generations.Redis;

/// <summary>The owner's side of a shared call: keeps the lease, tells the log, and does not end while others read.</summary>
internal sealed class OwnedCall : IAsyncDisposable
{
    /// <summary>A call that nobody else knows of; keeps nothing, so one does for all.</summary>
    public static OwnedCall Alone { get; } = new();

    // A stream longer than any answer; the bound is for what should not happen.
    private const int MaxEntries = 10_000;

    // What was said while Redis was away is more than it takes in the time that it has for an answer. In a second these are 5,000 tokens: nobody falls behind.
    private const int MaxUpdatesAtOnce = 256;
    private const int MaxTextAtOnce = 64 * 1024;

    private static readonly TimeSpan Readable = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Resumable = TimeSpan.FromMinutes(2);

    private readonly GenerationKey _key;
    private readonly string _owner = "";
    private readonly Generation? _generation;
    private readonly RedisConnection? _connection;
    private readonly RedisAnswers? _answers;
    private readonly RedisOptions? _options;
    private readonly TimeProvider? _timeProvider;
    private readonly CancellationTokenSource _ended = new();
    private readonly Task _telling = Task.CompletedTask;
    private int _told;
    private long? _unansweredSince;
    private SharedEnd? _end;
    private CacheEntry? _entry;

    public OwnedCall(
        GenerationKey key, string owner, Generation generation, RedisConnection connection, RedisAnswers answers, RedisOptions options, TimeProvider timeProvider)
    {
        (_key, _owner, _generation, _connection, _answers, _options, _timeProvider) = (key, owner, generation, connection, answers, options, timeProvider);
        generation.HoldWhenAbandoned();
        _telling = TellAsync();
    }

    private OwnedCall()
    {
    }

    /// <summary>How it is found by others; null where it is not told to them.</summary>
    public SharedName? Name => _connection is null ? null : new SharedName(_key, _owner);

    /// <summary>To be told when the call is disposed of.</summary>
    /// <param name="response">The whole answer.</param>
    /// <param name="entry">The answer as it is stored; null if it is not.</param>
    public void Completed(LlmResponse response, CacheEntry? entry)
    {
        if (_connection is not null) (_end, _entry) = (new SharedEnd(response, null), entry);
    }

    /// <inheritdoc cref="Completed"/>
    public void Failed(LlmException failure)
    {
        if (_connection is not null) _end = new SharedEnd(null, SharedFailure.Of(failure));
    }

    /// <summary>Tells the end and gives the lease back, in this order: whoever comes finds the one or the other.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_connection is null) return;
        await _ended.CancelAsync();
        await _telling;
        // Until all is told, or Redis does not answer. Whoever follows sees by the lease that somebody is there.
        while (await TellUpdatesAsync() && _generation!.TryRead(_told, out _))
            await RenewAsync();
        if (_entry is not null) await _answers!.SetAsync(_key, _entry, CancellationToken.None);
        if (_end is not null) await AddAsync(SharedForm.End, SharedForm.Write(_end));
        await _connection.TryAsync(database => database.ScriptEvaluateAsync(
            "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0", [Lease], [_owner]), CancellationToken.None);
        _ended.Dispose();
    }

    private RedisKey Lease => RedisKeys.Lease(_options!, _key);

    private RedisKey Log => RedisKeys.Log(_options!, _key, _owner);

    private async Task TellAsync()
    {
        using var timer = new PeriodicTimer(_options!.ShareInterval, _timeProvider!);
        var renewedAt = _timeProvider!.GetTimestamp();
        try
        {
            while (await timer.WaitForNextTickAsync(_ended.Token))
            {
                await TellUpdatesAsync();
                if (_timeProvider.GetElapsedTime(renewedAt) >= _options.Lease / 3)
                {
                    renewedAt = _timeProvider.GetTimestamp();
                    await RenewAsync();
                }
                // Its last reader here has gone; others may read elsewhere.
                if (_generation!.IsAbandoned && await IsForsakenAsync()) _generation.AbortIfAbandoned();
            }
        }
        catch (OperationCanceledException) when (_ended.IsCancellationRequested)
        {
            // The call has come to its end.
        }
    }

    /// <returns>Whether something was told: there may be more.</returns>
    private async Task<bool> TellUpdatesAsync()
    {
        if (!_connection!.IsConnected) return false;
        var updates = new List<LlmUpdate>();
        var length = 0;
        while (updates.Count < MaxUpdatesAtOnce && length < MaxTextAtOnce && _generation!.TryRead(_told + updates.Count, out var update))
        {
            updates.Add(update!);
            length += update!.Text.Length;
        }
        if (updates.Count == 0 || !await AddAsync(SharedForm.Updates, SharedForm.Write(new SharedUpdates(_told, updates)))) return false;
        _told += updates.Count;
        return true;
    }

    private async Task<bool> AddAsync(string field, byte[] value)
    {
        var (answered, _) = await _connection!.TryAsync(
            database => database.StreamAddAsync(Log, field, value, maxLength: MaxEntries, useApproximateMaxLength: true), CancellationToken.None);
        if (answered) await _connection.TryAsync(database => database.KeyExpireAsync(Log, _generation!.IsResumable ? Resumable : Readable), CancellationToken.None);
        return answered;
    }

    private async Task RenewAsync() => await _connection!.TryAsync(
        database => database.ScriptEvaluateAsync(
            // A lease that Redis has lost is taken again, as long as it is nobody else's.
            "local holder = redis.call('get', KEYS[1]) if not holder or holder == ARGV[1] then redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2]) return 1 end return 0",
            [Lease], [_owner, (long)_options!.Lease.TotalMilliseconds]),
        CancellationToken.None);

    /// <returns>Whether nobody reads elsewhere. A Redis that is merely slow has not said so; one that is not there has no readers.</returns>
    private async Task<bool> IsForsakenAsync()
    {
        if (!_connection!.IsConnected) return true;
        var (answered, followed) = await _connection!.TryAsync(database => database.KeyExistsAsync(RedisKeys.Followed(_options!, _key, _owner)), CancellationToken.None);
        if (answered) _unansweredSince = null;
        else _unansweredSince ??= _timeProvider!.GetTimestamp();
        return answered ? !followed : _timeProvider!.GetElapsedTime(_unansweredSince!.Value) >= _options!.Lease;
    }
}
