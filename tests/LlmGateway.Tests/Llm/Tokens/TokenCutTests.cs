using System.Globalization;
using LlmGateway.Llm.Tokens;

namespace LlmGateway.Tests.Llm.Tokens;

public sealed class TokenCutTests
{
    // In tokens, of those in the texts: an emoji with a skin colour and a profession.
    private const int LongestCluster = 20;

    public static TheoryData<string> Encodings => [TokenCounters.O200kBase, TokenCounters.Cl100kBase];

    [Theory]
    [MemberData(nameof(Encodings))]
    public void CutsShortTextsToAPrefixThatFits(string encoding)
    {
        var counter = TokenCounters.Get(encoding);
        for (var seed = 2_000_000; seed < 2_006_000; seed++)
        {
            var text = TokenCorpus.Fuzz(seed);
            var tokens = counter.Count(text);
            for (var limit = 0; limit <= tokens + 1; limit++)
                AssertIsCut(counter, text, limit, tokens);
        }
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public void CutsLongTextsToAPrefixThatFits(string encoding)
    {
        var counter = TokenCounters.Get(encoding);
        foreach (var text in TokenCounterTests.Texts())
        {
            var tokens = counter.Count(text);
            var random = new TokenCorpus.Mulberry32(tokens);
            for (var i = 0; i < 8; i++)
                AssertIsCut(counter, text, random.Next(tokens + 1), tokens);
        }
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public void LeavesLittleOfTheLimit(string encoding)
    {
        var counter = TokenCounters.Get(encoding);
        foreach (var text in TokenCorpus.Languages.Select(language => TokenCorpus.Natural(language, 5)))
        {
            var tokens = counter.Count(text);
            for (var limit = 10; limit < tokens; limit += 7)
                Assert.InRange(counter.Cut(text, limit).Tokens, limit - LongestCluster, limit);
        }
    }

    [Theory]
    [InlineData("👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦")]
    [InlineData("🇩🇪🇫🇷🇩🇪🇫🇷🇩🇪🇫🇷")]
    [InlineData("e\u0301\u0323e\u0301\u0323e\u0301\u0323 e\u0301\u0323")]
    [InlineData("क्षि क्षि क्षि")]
    public void KeepsGraphemeClustersWhole(string text)
    {
        var counter = TokenCounters.Get(TokenCounters.Cl100kBase);
        var ends = StringInfo.ParseCombiningCharacters(text).Append(text.Length).ToHashSet();
        var first = counter.Count(text.AsSpan(0, StringInfo.GetNextTextElementLength(text)));
        for (var limit = first; limit <= counter.Count(text); limit++)
            Assert.Contains(counter.Cut(text, limit).Length, ends);
    }

    [Fact]
    public void TearsAClusterThatDoesNotFitByItself()
    {
        var counter = TokenCounters.Get(TokenCounters.O200kBase);
        var cut = counter.Cut("👨‍👩‍👧‍👦", 3);
        Assert.InRange(cut.Tokens, 1, 3);
        Assert.InRange(cut.Length, 1, 10);
    }

    private static void AssertIsCut(TokenCounter counter, string text, int limit, int tokens)
    {
        var cut = counter.Cut(text, limit);
        if (tokens <= limit)
            Assert.Equal(new TokenCut(text.Length, tokens), cut);
        Assert.True(cut.Tokens <= limit, $"{cut.Tokens} tokens for {limit}");
        Assert.Equal(counter.Count(text.AsSpan(0, cut.Length)), cut.Tokens);
        Assert.False(cut.Length > 0 && cut.Length < text.Length && char.IsSurrogatePair(text, cut.Length - 1), "inside a code point");
    }
}
