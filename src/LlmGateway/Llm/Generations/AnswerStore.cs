namespace LlmGateway.Llm.Generations;

/// <summary>Where whole answers are kept: in this process.</summary>
internal sealed class AnswerStore(CacheOptions options)
{
    private readonly MemoryCache _memory = new(options.MemoryBytes);

    public CacheEntry? GetFromMemory(GenerationKey key) => _memory.Get(key);

    /// <returns>The entry, past its time or not; null where there is none, or none that can be read.</returns>
    public ValueTask<CacheEntry?> GetAsync(GenerationKey key, CancellationToken cancellationToken) => new(_memory.Get(key));

    public void Set(GenerationKey key, CacheEntry entry) => _memory.Set(key, entry);
}
