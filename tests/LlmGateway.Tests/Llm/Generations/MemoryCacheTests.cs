using LlmGateway.Llm;
using LlmGateway.Llm.Generations;

namespace LlmGateway.Tests.Llm.Generations;

public class MemoryCacheTests
{
    private static readonly int EmptySize = Entry(0).Size;

    [Fact]
    public void GivesWhatItWasGiven()
    {
        var cache = new MemoryCache(1_000_000);
        var entry = Entry(10);
        cache.Set(Key(1), entry);
        Assert.Same(entry, cache.Get(Key(1)));
        Assert.Null(cache.Get(Key(2)));
        Assert.Equal(1, cache.Count);
        Assert.Equal(entry.Size, cache.Bytes);
    }

    [Fact]
    public void CountsTheTextsOfAnEntryAndWhatIsMadeOfThem()
    {
        // As it stands in memory, and as UTF-8 in a body.
        Assert.Equal(EmptySize + 2 + 1, Entry("a").Size);
        Assert.Equal(EmptySize + 2 + 2, Entry("é").Size);
        Assert.Equal(EmptySize + 4 + 4, Entry("🎈").Size);
        Assert.Equal(EmptySize + 6, new CacheEntry(Entry("").Response with { ToolArguments = "{}" }, default, default, default).Size);
    }

    [Fact]
    public void AnEntryReplacesTheOneOfItsKey()
    {
        var cache = new MemoryCache(1_000_000);
        cache.Set(Key(1), Entry(1000));
        var entry = Entry(10);
        cache.Set(Key(1), entry);
        Assert.Same(entry, cache.Get(Key(1)));
        Assert.Equal(1, cache.Count);
        Assert.Equal(entry.Size, cache.Bytes);
    }

    [Fact]
    public void ForgetsWhatIsRemoved()
    {
        var cache = new MemoryCache(1_000_000);
        cache.Set(Key(1), Entry(10));
        cache.Remove(Key(1));
        cache.Remove(Key(2));
        Assert.Null(cache.Get(Key(1)));
        Assert.Equal(0, cache.Count);
        Assert.Equal(0, cache.Bytes);
    }

    [Fact]
    public void AnEntryThatIsLargerThanTheCacheIsNotKeptAndDrivesNothingOut()
    {
        var cache = new MemoryCache(10 * EmptySize);
        cache.Set(Key(1), Entry(0));
        cache.Set(Key(2), Entry(10 * EmptySize));
        Assert.Null(cache.Get(Key(2)));
        Assert.NotNull(cache.Get(Key(1)));
    }

    [Fact]
    public void AnEntryThatIsLargerThanTheCacheStillEndsTheOneOfItsKey()
    {
        var cache = new MemoryCache(10 * EmptySize);
        cache.Set(Key(1), Entry(0));
        cache.Set(Key(1), Entry(10 * EmptySize));
        Assert.Null(cache.Get(Key(1)));
        Assert.Equal(0, cache.Bytes);
    }

    [Fact]
    public void AnEntryOfExactlyTheCachesSizeFits()
    {
        var cache = new MemoryCache(Entry(100).Size);
        cache.Set(Key(1), Entry(0));
        cache.Set(Key(2), Entry(100));
        Assert.Null(cache.Get(Key(1)));
        Assert.NotNull(cache.Get(Key(2)));
    }

    [Fact]
    public void ACacheWithoutRoomKeepsNothing()
    {
        var cache = new MemoryCache(0);
        cache.Set(Key(1), Entry(0));
        Assert.Null(cache.Get(Key(1)));
        Assert.Equal(0, cache.Bytes);
    }

    [Fact]
    public void WhatWasAskedForStaysThoughItIsOldest()
    {
        var cache = new MemoryCache(3 * EmptySize);
        foreach (var key in new[] { 1, 2, 3 })
            cache.Set(Key(key), Entry(0));
        cache.Get(Key(1));
        foreach (var key in new[] { 4, 5, 6 })
            cache.Set(Key(key), Entry(0));

        Assert.NotNull(cache.Get(Key(1)));
        Assert.Null(cache.Get(Key(2)));
        Assert.Null(cache.Get(Key(3)));
        Assert.Null(cache.Get(Key(4)));
    }

    [Fact]
    public void WhatNobodyAskedForGoesOldestFirst()
    {
        var cache = new MemoryCache(3 * EmptySize);
        for (var key = 1; key <= 5; key++)
            cache.Set(Key(key), Entry(0));
        Assert.Equal([3, 4, 5], Enumerable.Range(1, 5).Where(key => cache.Get(Key(key)) is not null));
    }

    [Fact]
    public void StaysWithinItsBytes()
    {
        const int Limit = 1_000_000;
        var random = new Random(21);
        var cache = new MemoryCache(Limit);
        for (var i = 0; i < 10_000; i++)
        {
            cache.Set(Key(random.Next(2_000)), Entry(random.Next(random.Next(10) == 0 ? 400_000 : 5_000)));
            Assert.InRange(cache.Bytes, 0, Limit);
            if (random.Next(2) == 0) cache.Get(Key(random.Next(2_000)));
            if (i % 1_000 == 0) AssertAddsUp(cache, 2_000);
        }
        AssertAddsUp(cache, 2_000);
        Assert.InRange(cache.Bytes, Limit / 2, Limit);
    }

    [Fact]
    public void DropsWhatSieveDrops()
    {
        const int Limit = 40_000;
        for (var seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            var cache = new MemoryCache(Limit);
            var sieve = new Sieve(Limit);
            for (var i = 0; i < 2_000; i++)
            {
                var key = random.Next(60);
                switch (random.Next(10))
                {
                    case < 5:
                        Assert.Equal(sieve.Get(key), cache.Get(Key(key)) is not null);
                        break;
                    case 9:
                        sieve.Remove(key);
                        cache.Remove(Key(key));
                        break;
                    default:
                        var entry = Entry(random.Next(2_000));
                        sieve.Set(key, entry.Size);
                        cache.Set(Key(key), entry);
                        break;
                }
                Assert.Equal(sieve.Bytes, cache.Bytes);
                Assert.Equal(sieve.Count, cache.Count);
            }
        }
    }

    [Fact]
    public async Task HoldsWhenManyUseItAtOnce()
    {
        const int Limit = 200_000;
        const int Keys = 300;
        var cache = new MemoryCache(Limit);
        var entries = Enumerable.Range(0, Keys).Select(key => Entry(key * 10)).ToArray();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(seed => Task.Run(() =>
        {
            var random = new Random(seed);
            for (var i = 0; i < 20_000; i++)
            {
                var key = random.Next(Keys);
                switch (random.Next(8))
                {
                    case 0: cache.Remove(Key(key)); break;
                    case < 4: cache.Set(Key(key), entries[key]); break;
                    // Never somebody else's.
                    default: Assert.True(cache.Get(Key(key)) is not { } found || found == entries[key]); break;
                }
                Assert.InRange(cache.Bytes, 0, Limit);
            }
        }))).WaitAsync(GeneratingHarness.Patience);
        AssertAddsUp(cache, Keys);
    }

    private static void AssertAddsUp(MemoryCache cache, int keys)
    {
        var kept = Enumerable.Range(0, keys).Select(key => cache.Get(Key(key))).OfType<CacheEntry>().ToList();
        Assert.Equal(kept.Count, cache.Count);
        Assert.Equal(kept.Sum(entry => (long)entry.Size), cache.Bytes);
    }

    private static GenerationKey Key(int number) => new((ulong)number, 0, 0, 0);

    private static CacheEntry Entry(int length) => Entry(new string('a', length));

    private static CacheEntry Entry(string text) => new(
        new LlmResponse { Text = text, Origin = new LlmOrigin("stub", "m"), FinishReason = FinishReason.Stop }, default, TimeSpan.FromHours(1), TimeSpan.Zero);

    /// <summary>The algorithm as its paper tells it, without a thought for speed.</summary>
    private sealed class Sieve(long limit)
    {
        private readonly List<(int Key, int Size, bool Visited)> _oldestFirst = [];
        private int _hand;

        public int Count => _oldestFirst.Count;

        public long Bytes => _oldestFirst.Sum(slot => (long)slot.Size);

        public bool Get(int key)
        {
            var i = _oldestFirst.FindIndex(slot => slot.Key == key);
            if (i < 0) return false;
            _oldestFirst[i] = _oldestFirst[i] with { Visited = true };
            return true;
        }

        public void Remove(int key)
        {
            var i = _oldestFirst.FindIndex(slot => slot.Key == key);
            if (i >= 0) RemoveAt(i);
        }

        public void Set(int key, int size)
        {
            Remove(key);
            if (size > limit) return;
            while (Bytes + size > limit)
            {
                while (_oldestFirst[_hand].Visited)
                {
                    _oldestFirst[_hand] = _oldestFirst[_hand] with { Visited = false };
                    _hand = (_hand + 1) % _oldestFirst.Count;
                }
                RemoveAt(_hand);
            }
            _oldestFirst.Add((key, size, false));
        }

        // The hand stays where it is, which is then at the next newer one.
        private void RemoveAt(int i)
        {
            _oldestFirst.RemoveAt(i);
            if (i < _hand) _hand--;
            if (_hand == _oldestFirst.Count) _hand = 0;
        }
    }
}
