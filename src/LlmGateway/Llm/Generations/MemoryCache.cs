using System.Collections.Concurrent;

namespace LlmGateway.Llm.Generations;

/// <summary>
/// Answers kept in this process, bounded by bytes. A hit takes no lock. What goes first is found as in the SIEVE algorithm (Zhang et al.,
/// NSDI 2024): a hand walks from the oldest to the newest, spares once what has been asked for since it last came by, and drops the rest.
/// </summary>
internal sealed class MemoryCache(long maxBytes)
{
    private readonly ConcurrentDictionary<GenerationKey, LinkedListNode<Slot>> _slots = new();
    private readonly LinkedList<Slot> _newestFirst = new();
    private readonly Lock _lock = new();
    private LinkedListNode<Slot>? _hand;
    private long _bytes;

    public int Count => _slots.Count;

    public long Bytes => Volatile.Read(ref _bytes);

    public CacheEntry? Get(GenerationKey key)
    {
        if (!_slots.TryGetValue(key, out var node)) return null;
        node.ValueRef.Visited = true;
        return node.ValueRef.Entry;
    }

    public void Set(GenerationKey key, CacheEntry entry)
    {
        lock (_lock)
        {
            if (_slots.TryGetValue(key, out var old)) Remove(old);
            if (entry.Size > maxBytes) return;
            while (_bytes + entry.Size > maxBytes) Evict();
            _slots[key] = _newestFirst.AddFirst(new Slot(key, entry));
            _bytes += entry.Size;
        }
    }

    public void Remove(GenerationKey key)
    {
        lock (_lock)
        {
            if (_slots.TryGetValue(key, out var node)) Remove(node);
        }
    }

    private void Evict()
    {
        var candidate = _hand ?? _newestFirst.Last!;
        while (candidate.ValueRef.Visited)
        {
            candidate.ValueRef.Visited = false;
            candidate = candidate.Previous ?? _newestFirst.Last!;
        }
        _hand = candidate.Previous;
        Remove(candidate);
    }

    private void Remove(LinkedListNode<Slot> node)
    {
        if (_hand == node) _hand = node.Previous;
        _newestFirst.Remove(node);
        _slots.TryRemove(node.ValueRef.Key, out _);
        _bytes -= node.ValueRef.Entry.Size;
    }

    private struct Slot(GenerationKey key, CacheEntry entry)
    {
        public readonly GenerationKey Key = key;
        public readonly CacheEntry Entry = entry;
        public volatile bool Visited;
    }
}
