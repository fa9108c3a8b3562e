using System.Security.Cryptography;
using StackExchange.Redis;

namespace LlmGateway.Llm.Generations.Redis;

/// <summary>
/// Lets several gateways make one call: the one that gets the lease on a question makes it and tells the others by a stream in Redis; they
/// read there. Where Redis does not answer, each is alone.
/// </summary>
internal sealed class SharedCalls(RedisConnection connection, RedisAnswers answers, RedisOptions options, TimeProvider timeProvider)
{
    /// <returns>The right, and the duty, to make the call; null if another gateway is making it.</returns>
    public async ValueTask<OwnedCall?> TryOwnAsync(GenerationKey key, Generation generation, CancellationToken cancellationToken)
    {
        if (!connection.IsConfigured) return OwnedCall.Alone;
        var owner = RandomNumberGenerator.GetHexString(16, lowercase: true);
        var lease = RedisKeys.Lease(options, key);
        var (answered, mine) = await connection.TryAsync(
            database => database.StringSetAsync(lease, owner, options.Lease, When.NotExists), cancellationToken);
        if (!answered) return OwnedCall.Alone;
        return mine ? new OwnedCall(key, owner, generation, connection, answers, options, timeProvider) : null;
    }

    /// <summary>Reads another gateway's call into <paramref name="generation"/>.</summary>
    /// <returns>The whole answer; null if the other one has ended without a word, so that the call is anybody's again.</returns>
    /// <exception cref="LlmException">The call failed, or its owner died in the middle of it.</exception>
    public async Task<LlmResponse?> FollowAsync(GenerationKey key, Generation generation, CancellationToken cancellationToken)
    {
        var (answered, owner) = await connection.TryAsync(database => database.StringGetAsync(RedisKeys.Lease(options, key)), cancellationToken);
        if (!answered || owner.IsNullOrEmpty) return null;
        var follower = new FollowedCall(key, owner.ToString(), generation, connection, options, timeProvider);
        return await follower.ReadAsync(cancellationToken);
    }
}
