using LlmGateway.Llm.Generations.Redis;

namespace LlmGateway.Llm.Generations;

/// <summary>Where whole answers are kept: in this process first, and in Redis, where there is one, for all of them.</summary>
internal sealed class AnswerStore(CacheOptions options, RedisAnswers redis, TimeProvider timeProvider)
{
    private readonly MemoryCache _memory = new(options.MemoryBytes);

    public CacheEntry? GetFromMemory(GenerationKey key) => _memory.Get(key);

    /// <returns>The entry, past its time or not; null where there is none, or none that can be read.</returns>
    public ValueTask<CacheEntry?> GetAsync(GenerationKey key, CancellationToken cancellationToken)
    {
        var known = _memory.Get(key);
        return !redis.IsConfigured || known?.IsFresh(timeProvider.GetUtcNow()) == true ? new(known) : GetFromRedisAsync(key, known, cancellationToken);
    }

    /// <param name="key">The question.</param>
    /// <param name="entry">The answer.</param>
    /// <param name="alreadyShared">Whether another gateway has stored it for all.</param>
    public void Set(GenerationKey key, CacheEntry entry, bool alreadyShared)
    {
        _memory.Set(key, entry);
        if (!alreadyShared) redis.Set(key, entry);
    }

    private async ValueTask<CacheEntry?> GetFromRedisAsync(GenerationKey key, CacheEntry? known, CancellationToken cancellationToken)
    {
        var found = await redis.GetAsync(key, cancellationToken);
        if (found is null || found.StoredAt <= known?.StoredAt) return known;
        _memory.Set(key, found);
        return found;
    }
}
