using LlmGateway.Llm;

namespace LlmGateway.Tests.Llm;

public class TextBufferTests
{
    private readonly TextBuffer _buffer = new();

    [Fact]
    public void IsEmptyAtFirst()
    {
        Assert.Equal((0, 0L, "", ""), (_buffer.Length, _buffer.Size, _buffer.ToString(), _buffer.ToString(0, 0)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(512)]
    [InlineData(513)]
    [InlineData(1500)]
    public void GivesBackAnyPartOfWhatWasAppended(int length)
    {
        var text = string.Concat(Enumerable.Range(0, 500).Select(i => i.ToString("X4", null)));
        foreach (var part in text.Chunk(length))
            _buffer.Append(part);

        Assert.Equal(text, _buffer.ToString());
        Assert.Equal(text.Length, _buffer.Length);
        for (var start = 0; start <= text.Length; start += 61)
        {
            foreach (var end in new[] { start, Math.Min(start + 5, text.Length), Math.Min(start + 512, text.Length), text.Length })
                Assert.Equal(text[start..end], _buffer.ToString(start, end - start));
        }
    }

    /// <summary>Characters of each length in bytes, which the ends of the pieces of memory cut at each place.</summary>
    [Theory]
    [InlineData("é")]
    [InlineData("文")]
    [InlineData("🎈")]
    [InlineData("aé文🎈")]
    public void GivesBackWhatLiesAcrossItsPieces(string said)
    {
        for (var before = 0; before < 4; before++)
            GivesBackWhatLiesAcrossThePieces(new TextBuffer(), said, before);
    }

    [Fact]
    public void TakesALongTextAtOnce()
    {
        var text = string.Concat(Enumerable.Repeat("aé文🎈", 5000));
        _buffer.Append(text);
        Assert.Equal(text, _buffer.ToString());
    }

    [Fact]
    public void ReplacesHalfASurrogatePair()
    {
        _buffer.Append("a\uD83D");
        _buffer.Append("\uDE00b\uD83D");
        Assert.Equal("a\uFFFD\uFFFDb\uFFFD", _buffer.ToString());
    }

    [Fact]
    public void TakesLittleMoreMemoryThanItsText()
    {
        for (var i = 0; i < 10_000; i++)
            _buffer.Append("token");
        Assert.InRange(_buffer.Size, 50_000, 50_520);
    }

    [Theory]
    [InlineData(0, 4)]
    [InlineData(4, 0)]
    [InlineData(3, int.MaxValue)]
    public void HasNothingBehindItsEnd(int start, int length)
    {
        _buffer.Append("one");
        Assert.Throws<ArgumentOutOfRangeException>(() => _buffer.ToString(start, length));
    }

    private static void GivesBackWhatLiesAcrossThePieces(TextBuffer buffer, string said, int before)
    {
        var ends = new List<int> { 0 };
        buffer.Append(new string('a', before));
        ends.Add(buffer.Length);
        for (var i = 0; i < 600; i++)
        {
            buffer.Append(said);
            ends.Add(buffer.Length);
        }

        Assert.Equal(new string('a', before) + string.Concat(Enumerable.Repeat(said, 600)), buffer.ToString());
        for (var i = 1; i < ends.Count - 1; i++)
            Assert.Equal(said, buffer.ToString(ends[i], ends[i + 1] - ends[i]));
    }
}
