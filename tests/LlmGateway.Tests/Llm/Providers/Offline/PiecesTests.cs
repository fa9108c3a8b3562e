using System.Globalization;
using LlmGateway.Llm.Providers.Offline;

namespace LlmGateway.Tests.Llm.Providers.Offline;

public class PiecesTests
{
    [Theory]
    [InlineData("Hello, big world", "Hello,| big| world")]
    [InlineData("a\n\n- b  ", "a|\n\n-| b|  ")]
    [InlineData("你好 吗", "你|好| 吗")]
    [InlineData("internationalization", "internationa|lization")]
    [InlineData("", "")]
    public void AreWordsWithTheBlanksBeforeThem(string text, string expected) => Assert.Equal(expected, string.Join('|', Pieces.Of(text)));

    [Theory]
    [InlineData("family 👩‍👩‍👧‍👦👍🏽 flags 🇩🇪🇫🇷 e\u0301\u0301te\u0301 \r\n नमस्ते ภาษาไทย 한국어")]
    [InlineData("\ud83d lone \udc00\ud800")]
    [InlineData("abcdefghijk😀😀😀")]
    [InlineData("abcdefghijke\u0301e\u0301")]
    public void KeepCharactersWhole(string text)
    {
        var starts = StringInfo.ParseCombiningCharacters(text).ToHashSet();
        var position = 0;
        foreach (var piece in Pieces.Of(text))
        {
            Assert.NotEmpty(piece);
            Assert.Contains(position, starts);
            position += piece.Length;
        }
        Assert.Equal(text, string.Concat(Pieces.Of(text)));
    }
}
