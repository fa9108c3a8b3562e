using System.Security.Cryptography;
using StackExchange.Redis;

namespace LlmGateway.Llm.Generations.Redis;

/// <summary>
/// Lets several gateways make one call: the one that gets the lease on a question makes it and tells the others by a stream in Redis; they
/// read there. Where Redis does not answer, each is alone.
/// </summary>
internal sealed class SharedCalls(RedisConnection connection, RedisAnswers answers, RedisOptions options, TimeProvider timeProvider)
{
    private readonly string _gateway = RandomNumberGenerator.GetHexString(16, lowercase: true);
    private int _calls;

    /// <summary>Whether there may be other gateways.</summary>
    public bool IsConfigured => connection.IsConfigured;

    /// <returns>The call as its owner, or as a follower of another gateway's; neither, if that one has just ended.</returns>
    public async ValueTask<(OwnedCall? Owned, FollowedCall? Followed)> OpenAsync(GenerationKey key, Generation generation, CancellationToken cancellationToken)
    {
        var owner = $"{_gateway}:{Interlocked.Increment(ref _calls)}";
        var lease = RedisKeys.Lease(options, key);
        var (answered, mine) = await connection.TryAsync(
            // Not to be left in the middle: the lease may be ours by then, and nobody there to give it back.
            database => database.StringSetAsync(lease, owner, options.Lease, When.NotExists), CancellationToken.None);
        if (!answered && !connection.IsConnected) return (OwnedCall.Alone, null);
        // Without an answer the lease may yet be ours: it is given back at the end all the same, or it would stand in everybody's way.
        if (mine || !answered) return (Own(), null);
        var (told, holder) = await connection.TryAsync(database => database.StringGetAsync(lease), cancellationToken);
        if (!told) return (OwnedCall.Alone, null);
        if (holder.IsNullOrEmpty) return (null, null);
        if (!holder.ToString().StartsWith(_gateway, StringComparison.Ordinal))
            return (null, new FollowedCall(key, holder.ToString(), generation, connection, options, timeProvider));
        // A call of our own that has ended, and could not give its lease back; unless it has run out since, and is another's by now.
        var (tried, taken) = await connection.TryAsync(
            database => database.ScriptEvaluateAsync(
                "if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3]) return 1",
                [lease], [holder, owner, (long)options.Lease.TotalMilliseconds]),
            CancellationToken.None);
        return tried && !(bool)taken! ? (null, null) : (Own(), null);

        OwnedCall Own() => new(key, owner, generation, connection, answers, options, timeProvider);
    }
}
