using System.Text;
using LlmGateway.Llm.Tokens;

namespace LlmGateway.Tests.Llm.Tokens;

public sealed class TextSlicerTests
{
    private const string Encoding = TokenCounters.O200kBase;

    private static readonly TokenCounter Counter = TokenCounters.Get(Encoding);

    // About a million tokens of text, in paragraphs that are all different.
    private static readonly Lazy<string> Document = new(() => Paragraphs("english", 20_000));

    [Theory]
    [InlineData(TokenCounters.O200kBase)]
    [InlineData(TokenCounters.Cl100kBase)]
    public async Task JoinsToTheTextInSlicesThatFit(string encoding)
    {
        var counter = TokenCounters.Get(encoding);
        foreach (var text in TokenCounterTests.Texts())
        {
            foreach (var limit in (int[])[16, 100, 1_000])
                await AssertSlices(counter, text, limit);
        }

        for (var seed = 0; seed < 300; seed++)
            await AssertSlices(counter, string.Concat(Enumerable.Range(3_000_000 + (seed * 10), 10).Select(TokenCorpus.Fuzz)), 16 + (seed % 40));
    }

    [Fact]
    public async Task HasNoSlicesOfAnEmptyText() => Assert.Empty(await Slice(Counter, "", 16));

    [Fact]
    public async Task RefusesALimitThatAGraphemeClusterCanExceed() =>
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => Slice(Counter, "text", 15));

    [Theory]
    [InlineData("english")]
    [InlineData("german")]
    [InlineData("russian")]
    [InlineData("chinese")]
    [InlineData("japanese")]
    [InlineData("hindi")]
    public async Task FillsSlicesAndEndsThemWithSentences(string language)
    {
        var text = Paragraphs(language, 300).Replace("\n", "").Replace("\r", "");
        const int Limit = 1_000;
        var slices = await Slice(Counter, text, Limit);
        foreach (var slice in slices.SkipLast(1))
        {
            Assert.InRange(slice.Tokens, Limit * 85 / 100, Limit);
            Assert.Contains(text.AsSpan(slice.Start, slice.Length).TrimEnd("\"')]”»」’")[^1], ".!?。！？।");
        }
    }

    [Fact]
    public async Task EndsSlicesAtBlankLinesWhereThereAreAny()
    {
        var slices = await Slice(Counter, Document.Value[..400_000], 5_000);
        Assert.All(slices.SkipLast(1), slice => Assert.EndsWith("\n\n", Document.Value.Substring(slice.Start, slice.Length)));
    }

    [Fact]
    public async Task PrefersLinesToSentencesAndSentencesToWords()
    {
        var lines = string.Concat(Enumerable.Range(0, 400).Select(i => $"Sentence {i} ends. Here is a line that does not\n"));
        Assert.All((await Slice(Counter, lines, 500)).SkipLast(1), slice => Assert.Equal('\n', lines[slice.Start + slice.Length - 1]));
        var words = string.Concat(Enumerable.Range(0, 4_000).Select(i => $"word{i} "));
        Assert.All((await Slice(Counter, words, 500)).SkipLast(1), slice => Assert.Equal(' ', words[slice.Start + slice.Length]));
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.5)]
    public async Task KeepsMostSlicesWhenAParagraphIsInserted(double place)
    {
        var text = Document.Value;
        var at = text.IndexOf("\n\n", (int)(text.Length * place), StringComparison.Ordinal) + 2;
        var before = await Slice(Counter, text, TextSlicer.DefaultTokens);
        var edited = text.Insert(at, "A new paragraph, which nobody has seen before. It has two sentences.\n\n");
        var after = await Slice(Counter, edited, TextSlicer.DefaultTokens);

        var known = before.Select(slice => text.Substring(slice.Start, slice.Length)).ToHashSet();
        var kept = after.Count(slice => known.Contains(edited.Substring(slice.Start, slice.Length)));
        Assert.InRange(before.Count, 15, 40);
        Assert.True(kept >= 0.8 * after.Count, $"{kept} of {after.Count} slices are as they were");
    }

    [Theory]
    [InlineData("a")]
    [InlineData(" ")]
    [InlineData("的")]
    [InlineData("👍🏽")]
    public async Task SlicesTextWithoutABoundary(string part)
    {
        var text = TokenCounterTests.Repeat(part, 40_000);
        await AssertSlices(Counter, text, 1_000);
        Assert.All((await Slice(Counter, text, 1_000)).SkipLast(1), slice => Assert.Equal(0, slice.Length % part.Length));
    }

    [Theory]
    // Pieces that are longer than a slice needs to look: they begin with a slice, in its middle, and end in one.
    [InlineData("a", 16)]
    [InlineData("的", 1_000)]
    [InlineData("A", 200)]
    [InlineData("  \n", 200)]
    [InlineData("=/", 200)]
    public async Task SlicesPiecesThatAreFarLongerThanASlice(string part, int limit)
    {
        var giant = TokenCounterTests.Repeat(part, 60_000);
        await AssertSlices(Counter, giant, limit);
        await AssertSlices(Counter, Document.Value[..3_000] + giant + Document.Value[3_000..9_000] + giant + "end", limit);
    }

    [Theory]
    [InlineData("的")]
    [InlineData("a")]
    [InlineData(" ")]
    public async Task TakesTimeThatGrowsWithAPieceAndNotWithItsSquare(string part)
    {
        // Ten times the text has ten times the slices, and takes ten times the time; or a hundred times, if all of it is looked through for each.
        var text = TokenCounterTests.Repeat(part, 400_000);
        await TimeAsync(text[..40_000]);
        var once = await TimeAsync(text[..40_000]);
        var tenTimes = await TimeAsync(text);
        if (tenTimes > 30 * once) tenTimes = await TimeAsync(text);

        Assert.True(tenTimes < 30 * once, $"{once} and {tenTimes}");

        static async Task<TimeSpan> TimeAsync(string slicedText)
        {
            var started = System.Diagnostics.Stopwatch.GetTimestamp();
            await Slice(Counter, slicedText, 200);
            return System.Diagnostics.Stopwatch.GetElapsedTime(started);
        }
    }

    [Fact]
    public async Task StopsWhenCancelled()
    {
        using var cancelled = new CancellationTokenSource();
        var slicing = new TextSlicer(Counter).SliceAsync(Document.Value.AsMemory(), TextSlicer.DefaultTokens, cancelled.Token).AsTask();
        Assert.False(slicing.IsCompleted);
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => slicing);
    }

    private static async Task AssertSlices(TokenCounter counter, string text, int limit)
    {
        var position = 0;
        foreach (var slice in await Slice(counter, text, limit))
        {
            Assert.Equal(position, slice.Start);
            position += slice.Length;
            Assert.InRange(slice.Tokens, 1, limit);
            Assert.Equal(counter.Count(text.AsSpan(slice.Start, slice.Length)), slice.Tokens);
            Assert.False(position < text.Length && char.IsSurrogatePair(text, position - 1), "inside a code point");
        }

        Assert.Equal(text.Length, position);
    }

    private static async Task<IReadOnlyList<TextSlice>> Slice(TokenCounter counter, string text, int limit) =>
        await new TextSlicer(counter).SliceAsync(text.AsMemory(), limit, CancellationToken.None);

    private static string Paragraphs(string language, int count)
    {
        var text = new StringBuilder();
        for (var i = 0; i < count; i++)
        {
            var sentences = TokenCorpus.Natural(language, i).ReplaceLineEndings(" ");
            text.Append(sentences.AsSpan(0, Math.Min(sentences.Length, 240))).Append(i).Append(language is "chinese" or "japanese" ? "。" : ". ");
            text.Append("\n\n");
        }

        return text.ToString();
    }
}
