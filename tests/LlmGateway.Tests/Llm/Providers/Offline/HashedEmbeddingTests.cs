using LlmGateway.Llm.Providers.Offline;

namespace LlmGateway.Tests.Llm.Providers.Offline;

public class HashedEmbeddingTests
{
    [Theory]
    [InlineData("How do I reset my password?", "I want to reset the password of my account", "The best pasta is made in Bologna")]
    [InlineData("The cat sleeps on the sofa.", "A cat is sleeping on our sofa", "Interest rates were raised again by the bank")]
    [InlineData("Invoices can be downloaded as PDF", "Where is the PDF download of my invoice?", "Our office is closed on Sundays")]
    [InlineData("delivery was late", "the late deliveries", "delightful songs")]
    [InlineData("海港大桥因为裂缝关闭", "海港大桥关闭了", "今天晚饭吃面条")]
    public void LiesNearWhatSaysTheSame(string text, string paraphrase, string unrelated)
    {
        Assert.True(Similarity(text, paraphrase) > Similarity(text, unrelated) + 0.2, $"{Similarity(text, paraphrase)} {Similarity(text, unrelated)}");
        Assert.InRange(Similarity(text, unrelated), -0.15, 0.25);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("!?")]
    [InlineData("\ud83d")]
    [InlineData("\0\u0001")]
    [InlineData("👩‍👩‍👧‍👦")]
    [InlineData("a longer text with several words, and words again")]
    public void HasTheLengthOne(string text)
    {
        foreach (var dimensions in new[] { 1, 2, 1536 })
            Assert.Equal(1, HashedEmbedding.Of(text, dimensions).Sum(x => (double)x * x), 5);
    }

    [Fact]
    public void IsTheSameOnEveryMachine()
    {
        var vector = HashedEmbedding.Of("The quick brown fox jumps over the lazy dog. 速い 🦊", 8);

        Assert.Equal([0.19781363f, 0.2637515f, 0.7912545f, 0.13187575f, 0.32968938f, 0.2637515f, 0.2637515f, -0.0022626293f], vector);
    }

    [Fact]
    public void TellsSignsApart() => Assert.True(Similarity("!!!", "???") < 0.9);

    private static double Similarity(string first, string second) =>
        HashedEmbedding.Of(first, 1536).Zip(HashedEmbedding.Of(second, 1536), (a, b) => (double)a * b).Sum();
}
