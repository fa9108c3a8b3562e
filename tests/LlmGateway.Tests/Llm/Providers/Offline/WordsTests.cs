using LlmGateway.Llm.Providers.Offline;

namespace LlmGateway.Tests.Llm.Providers.Offline;

public class WordsTests
{
    [Theory]
    [InlineData("Don't stop, it's 3 o’clock!", "Don't|stop|it's|3|o’clock")]
    [InlineData("naïve café Ελλάδα", "naïve|café|Ελλάδα")]
    [InlineData("今天下雨", "今天|天下|下雨")]
    [InlineData("用 AI 学习", "用|AI|学习")]
    [InlineData("안녕 세계", "안녕|세계")]
    [InlineData("nice 😀👍🏽 ok", "nice|😀|👍|ok")]
    [InlineData("\ud800 a \udc00", "a")]
    [InlineData("… - !?", "")]
    public void ReadsWords(string text, string expected) =>
        Assert.Equal(expected, string.Join('|', Read(text).Select(word => text.Substring(word.Start, word.Length))));

    [Theory]
    [InlineData("charge charges charged charging Charging")]
    [InlineData("refund refunds refunded refunding")]
    [InlineData("delivery deliveries deliver delivered")]
    [InlineData("cancel cancelled canceled cancellation cancelling")]
    [InlineData("ship shipping shipped ships shipment")]
    [InlineData("don't don’t DON'T")]
    public void BringsTheFormsOfAWordTogether(string forms) => Assert.Single(Read(forms).Select(word => word.Term).Distinct());

    [Theory]
    [InlineData("process proceed")]
    [InlineData("bus bush")]
    [InlineData("nation native")]
    [InlineData("positive position")]
    public void KeepsDifferentWordsApart(string words) => Assert.Equal(2, Read(words).Select(word => word.Term).Distinct().Count());

    [Fact]
    public void ReadsRunsWithoutAnEndAsSeveral()
    {
        var words = Read(new string('a', 1_000));
        Assert.Equal(1_000, words.Sum(word => word.Length));
        Assert.All(words, word => Assert.InRange(word.Length, 1, 64));
    }

    private static List<Word> Read(string text)
    {
        var words = new List<Word>();
        foreach (var word in new Words(text))
            words.Add(word);
        return words;
    }
}
