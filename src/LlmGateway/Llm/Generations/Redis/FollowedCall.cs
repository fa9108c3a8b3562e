using StackExchange.Redis;

namespace LlmGateway.Llm.Generations.Redis;

/// <summary>A follower's side of a shared call: reads the owner's log, says that somebody does, and notices when the owner has died.</summary>
internal sealed class FollowedCall(
    GenerationKey key, string owner, Generation generation, RedisConnection connection, RedisOptions options, TimeProvider timeProvider)
{
    private const int MaxEntriesAtOnce = 1000;

    // The owner looks every few tens of milliseconds; this much longer survives a lost round.
    private static readonly TimeSpan Presence = TimeSpan.FromSeconds(1);

    private RedisValue _position = "0-0";
    private long _heardAt = timeProvider.GetTimestamp();
    private long? _presentAt;
    private int _read;
    private bool _redisIsSilent;

    public SharedName Name { get; } = new(key, owner);

    /// <returns>Whether there is something to read: the call is being made, or its end was told. What was aborted, or died, has no end.</returns>
    public async Task<bool> IsThereAsync(CancellationToken cancellationToken)
    {
        var (answered, holder) = await connection.TryAsync(database => database.StringGetAsync(RedisKeys.Lease(options, key)), cancellationToken);
        if (answered && holder == owner) return true;
        var (_, last) = await connection.TryAsync(
            database => database.StreamRangeAsync(RedisKeys.Log(options, key, owner), count: 1, messageOrder: Order.Descending), cancellationToken);
        return last is [var entry] && SharedForm.ReadEnd(entry) is not null;
    }

    /// <summary>Reads the call into the generation.</summary>
    /// <returns>The whole answer; null if the owner has ended without a word, so that the call is anybody's again.</returns>
    /// <exception cref="LlmException">The call failed, or its owner died in the middle of it.</exception>
    public async Task<LlmResponse?> ReadAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(options.ShareInterval, timeProvider);
        while (true)
        {
            await SayPresentAsync(cancellationToken);
            var alive = await IsAliveAsync(cancellationToken);
            // After the lease: an owner tells its end before it gives the lease back.
            if (await ReadEntriesAsync(cancellationToken) is { } end)
                return end.Response ?? throw (end.Failure?.ToException() ?? Died());
            if (!alive)
            {
                if (generation.IsEmpty) return null;
                throw Died();
            }
            await timer.WaitForNextTickAsync(cancellationToken);
        }
    }

    private async Task<SharedEnd?> ReadEntriesAsync(CancellationToken cancellationToken)
    {
        var (_, entries) = await connection.TryAsync(
            database => database.StreamReadAsync(RedisKeys.Log(options, key, owner), _position, MaxEntriesAtOnce), cancellationToken);
        foreach (var entry in entries ?? [])
        {
            _position = entry.Id;
            if (SharedForm.ReadUpdates(entry) is { } told)
            {
                // After a gap nothing is added any more: the end has the whole text.
                foreach (var update in told.Updates.Skip(_read - told.From).Take(told.From <= _read ? int.MaxValue : 0))
                {
                    generation.Append(update);
                    _read++;
                }
            }
            if (SharedForm.ReadEnd(entry) is not { } end) continue;
            if (end.Response is not null) generation.CatchUp(end.Response);
            return end;
        }
        generation.Publish();
        return null;
    }

    private async Task SayPresentAsync(CancellationToken cancellationToken)
    {
        if (_presentAt is { } at && timeProvider.GetElapsedTime(at) < Presence / 4) return;
        _presentAt = timeProvider.GetTimestamp();
        await connection.TryAsync(database => database.StringSetAsync(RedisKeys.Followed(options, key, owner), "1", Presence), cancellationToken);
    }

    /// <returns>False once the lease is another's or nobody's, or nothing has been heard of Redis for as long as a lease lasts.</returns>
    private async Task<bool> IsAliveAsync(CancellationToken cancellationToken)
    {
        var (answered, holder) = await connection.TryAsync(database => database.StringGetAsync(RedisKeys.Lease(options, key)), cancellationToken);
        _redisIsSilent = !answered;
        if (!answered) return timeProvider.GetElapsedTime(_heardAt) < options.Lease;
        _heardAt = timeProvider.GetTimestamp();
        return holder == owner;
    }

    private LlmException Died()
    {
        var why = _redisIsSilent
            ? "Another gateway was giving this answer, and Redis, which connects the two, does not answer any more. Try again."
            : "The gateway that was giving this answer has gone. Try again.";
        return new LlmException(LlmErrorKind.UpstreamUnavailable, why) { MayBeAskedAgain = true };
    }
}
