using LlmGateway.Llm.Providers.Offline;

namespace LlmGateway.Tests.Llm.Providers.Offline;

public class SentencesTests
{
    [Theory]
    [InlineData("It rained. We left! Did you? Yes…", "It rained.|We left!|Did you?|Yes…")]
    [InlineData("Dr. Smith met J. K. Rowling at 3.14 p.m. in St. Ives. They spoke.", "Dr. Smith met J. K. Rowling at 3.14 p.m. in St. Ives.|They spoke.")]
    [InlineData("Use a tool, e.g. Git. See fig. 3 and no. 5 there.", "Use a tool, e.g. Git.|See fig. 3 and no. 5 there.")]
    [InlineData("He joined Acme Inc. in May. She left Acme Inc. The firm grew.", "He joined Acme Inc. in May.|She left Acme Inc.|The firm grew.")]
    [InlineData("Did it work? No. We failed.", "Did it work?|No.|We failed.")]
    [InlineData("“Really?” he asked. (He meant it.) Then he left.", "“Really?” he asked.|(He meant it.)|Then he left.")]
    [InlineData("it works. it is fast. thanks", "it works.|it is fast.|thanks")]
    [InlineData("See www.example.com/a.b for v1.2.3 now.", "See www.example.com/a.b for v1.2.3 now.")]
    [InlineData("今天下雨。我们走了！你呢？好", "今天下雨。|我们走了！|你呢？|好")]
    [InlineData("Wait... what? Well... Never mind.", "Wait... what?|Well...|Never mind.")]
    public void EndsSentencesWhereTheyEnd(string text, string expected) => Assert.Equal(expected, Split(text));

    [Theory]
    [InlineData("# Title\nFirst paragraph here\n\nSecond one", "Title|First paragraph here|Second one")]
    [InlineData("Buy:\n- milk\n* two eggs\n1. bread\n2) tea", "Buy:|milk|two eggs|bread|tea")]
    [InlineData("This is a long line that was wrapped by an editor at\nsome column. Next", "This is a long line that was wrapped by an editor at\nsome column.|Next")]
    [InlineData("One line\r\nAnother line\r\n\r\nThird line", "One line|Another line|Third line")]
    [InlineData("The sum\r\nis wrapped by hand", "The sum\r\nis wrapped by hand")]
    [InlineData("1. First point. 2. Second point.", "First point.|Second point.")]
    public void EndsSentencesWithParagraphsItemsAndHeadings(string text, string expected) => Assert.Equal(expected, Split(text));

    [Theory]
    [InlineData("")]
    [InlineData(" \n\t\r\n \u0001")]
    public void FindsNothingInBlankTexts(string text) => Assert.Empty(Sentences.Split(text));

    [Fact]
    public void CutsRunsThatNeverEnd()
    {
        var words = string.Concat(Enumerable.Repeat("word ", 1_000)).Trim();
        Assert.All(Sentences.Split(words), range => Assert.InRange(range.End.Value - range.Start.Value, 1, 600));
        Assert.Equal(words, string.Join(' ', Sentences.Split(words).Select(range => words[range])));

        var emoji = string.Concat(Enumerable.Repeat("😀", 1_000));
        Assert.All(Sentences.Split(emoji), range => Assert.True(char.IsHighSurrogate(emoji[range][0]) && char.IsLowSurrogate(emoji[range][^1])));
        Assert.Equal(emoji, string.Concat(Sentences.Split(emoji).Select(range => emoji[range])));
    }

    private static string Split(string text) => string.Join('|', Sentences.Split(text).Select(range => text[range]));
}
