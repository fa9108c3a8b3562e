using System.Diagnostics;
using LlmGateway.Llm.Tokens;

namespace LlmGateway.Tests.Llm.Tokens;

public sealed class TokenCounterTests
{
    private static readonly TokenCounter Counter = TokenCounters.Get(TokenCounters.O200kBase);

    public static TheoryData<string> Hostile => ["a", "A", "😀", " ", "\n", " \n", "ไ", "的", "!", "e\u0301", "'", "xQ7", "\u00a0", "👨\u200d👩"];

    [Theory]
    [InlineData(TokenCounters.O200kBase, "", 0)]
    [InlineData(TokenCounters.O200kBase, "hello world", 2)]
    [InlineData(TokenCounters.Cl100kBase, "hello world", 2)]
    [InlineData(TokenCounters.O200kBase, "<|endoftext|>", 7)]
    [InlineData(TokenCounters.Cl100kBase, "<|endoftext|>", 7)]
    public void CountsTokens(string encoding, string text, int tokens) => Assert.Equal(tokens, TokenCounters.Get(encoding).Count(text));

    [Fact]
    public void CountsALoneSurrogateAsTheReplacementCharacter() =>
        Assert.Equal(Counter.Count("a\ufffdb\ufffd"), Counter.Count("a\ud800b\udc00"));

    [Fact]
    public void RefusesAnEncodingThatIsNotThere() => Assert.Throws<ArgumentException>(() => TokenCounters.Get("p50k_base"));

    [Fact]
    public async Task WarmsEncodingsForEverybody()
    {
        await TokenCounters.WarmAsync([TokenCounters.O200kBase, TokenCounters.O200kBase], CancellationToken.None);
        Assert.Same(Counter, TokenCounters.Get(TokenCounters.O200kBase));
        await Assert.ThrowsAsync<ArgumentException>(() => TokenCounters.WarmAsync(["other"], CancellationToken.None));
    }

    [Fact]
    public void FitsExactlyUpToTheCount()
    {
        foreach (var text in Texts())
        {
            var tokens = Counter.Count(text);
            Assert.True(Counter.Fits(text, tokens));
            Assert.True(Counter.Fits(text, tokens + 1));
            Assert.False(Counter.Fits(text, tokens - 1));
            Assert.Equal(tokens <= tokens / 2, Counter.Fits(text, tokens / 2));
        }
    }

    [Fact]
    public async Task CountsTheSameWithPauses()
    {
        foreach (var text in Texts().Append(string.Concat(Texts())).Append(new string('a', 50_000) + " b" + new string(' ', 200_000)))
            Assert.Equal(Counter.Count(text), await Counter.CountAsync(text.AsMemory(), CancellationToken.None));
    }

    [Theory]
    [InlineData("a")]
    [InlineData("word ")]
    public async Task StopsCountingWhenCancelled(string part)
    {
        using var cancelled = new CancellationTokenSource();
        var counting = Counter.CountAsync(string.Concat(Enumerable.Repeat(part, 4_000_000)).AsMemory(), cancelled.Token).AsTask();
        Assert.False(counting.IsCompleted);
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => counting);
    }

    [Theory]
    [MemberData(nameof(Hostile))]
    public void CountsHostileTextsInLinearTime(string part)
    {
        var small = Best(() => Counter.Count(Repeat(part, 40_000)));
        var large = Best(() => Counter.Count(Repeat(part, 400_000)));
        // Ten times the text. A quadratic count would take a hundred times as long; what is between is for a busy machine.
        Assert.True(large < small * 40, $"{small.TotalMilliseconds:F1} ms, then {large.TotalMilliseconds:F1} ms");
    }

    [Theory]
    [MemberData(nameof(Hostile))]
    public void ReadsNoFurtherThanTheLimit(string part)
    {
        var text = Repeat(part, 200_000);
        var whole = Best(() => Counter.Count(text));
        Assert.False(Counter.Fits(text, 100));
        var some = Best(() => Counter.Fits(text, 100) ? 1 : 0);
        Assert.True(some < whole / 2, $"{some.TotalMilliseconds:F1} ms of {whole.TotalMilliseconds:F1} ms");
    }

    [Fact]
    public void DoesNotAllocate()
    {
        var text = string.Concat(Texts());
        Counter.Count(text);
        Counter.Cut(text, 1_000);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Counter.Count(text);
        Counter.Cut(text, 1_000);
        Counter.Fits(text, 1_000);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000);
    }

    internal static IEnumerable<string> Texts() =>
        TokenCorpus.Languages.Select(language => TokenCorpus.Natural(language, 77)).Concat(TokenCorpus.Repeated);

    internal static string Repeat(string part, int length) => string.Concat(Enumerable.Repeat(part, length / part.Length));

    private static TimeSpan Best(Func<int> work)
    {
        var best = TimeSpan.MaxValue;
        for (var run = 0; run < 3; run++)
        {
            var start = Stopwatch.GetTimestamp();
            work();
            var elapsed = Stopwatch.GetElapsedTime(start);
            best = elapsed < best ? elapsed : best;
        }

        return best;
    }
}
