using System.Text;
using System.Text.Json;
using LlmGateway.Llm;

namespace LlmGateway.Tests.Llm;

public class LoneSurrogatesTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("plain", "plain")]
    [InlineData("\\", "\\")]
    [InlineData("\\u", "\\u")]
    [InlineData("\\ud8", "\\ud8")]
    [InlineData("\\ud83d", "\\ufffd")]
    [InlineData("\\uD83D", "\\ufffd")]
    [InlineData("\\ude00", "\\ufffd")]
    [InlineData("\\udfff", "\\ufffd")]
    [InlineData("\\ud800", "\\ufffd")]
    [InlineData("\\ud7ff\\ue000", "\\ud7ff\\ue000")]
    [InlineData("\\ud83d\\ude00", "\\ud83d\\ude00")]
    [InlineData("\\ude00\\ud83d", "\\ufffd\\ufffd")]
    [InlineData("\\ud83d\\ud83d\\ude00", "\\ufffd\\ud83d\\ude00")]
    [InlineData("\\ud83d\\ude00\\ude00", "\\ud83d\\ude00\\ufffd")]
    [InlineData("\\ud83d\\n\\ude00", "\\ufffd\\n\\ufffd")]
    [InlineData("\\ud83d \\ude00", "\\ufffd \\ufffd")]
    [InlineData("\\ud83d\\u", "\\ufffd\\u")]
    [InlineData("\\ud83d\\ude0", "\\ufffd\\ude0")]
    [InlineData("\\\\ud83d", "\\\\ud83d")]
    [InlineData("\\\\\\ud83d", "\\\\\\ufffd")]
    [InlineData("\\u+d83", "\\u+d83")]
    [InlineData("\\uzzzz\\ud83d", "\\uzzzz\\ufffd")]
    [InlineData("größer 😀 \\ud83d", "größer 😀 \\ufffd")]
    public void BecomeReplacementCharacters(string json, string expected)
    {
        var bytes = Encoding.UTF8.GetBytes(json);

        LoneSurrogates.Replace(bytes);

        Assert.Equal(expected, Encoding.UTF8.GetString(bytes));
    }

    [Fact]
    public void ReadAsAnEncoderReadsThem()
    {
        string[] pieces = ["\ud83d", "\ude00", "a", "\n", "\\", "\"", "é", "\u0000"];
        var random = new Random(1);
        for (var i = 0; i < 20_000; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(1, 8)).Select(_ => pieces[random.Next(pieces.Length)]));
            var json = Encoding.ASCII.GetBytes("\"" + string.Concat(text.Select(c => $"\\u{(int)c:x4}")) + "\"");

            LoneSurrogates.Replace(json);

            Assert.Equal(Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)), JsonSerializer.Deserialize<string>(json));
        }
    }
}
