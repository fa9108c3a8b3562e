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

    [Fact]
    public void TakesLittleMoreMemoryThanItsText()
    {
        for (var i = 0; i < 10_000; i++)
            _buffer.Append("token");
        Assert.InRange(_buffer.Size, 100_000, 101_100);
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
}
