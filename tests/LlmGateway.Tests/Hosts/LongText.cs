using System.Text;
using LlmGateway.Llm.Tokens;

namespace LlmGateway.Tests.Hosts;

/// <summary>Documents of any length, in paragraphs that are all different.</summary>
internal static class LongText
{
    private static readonly string[] Words =
        "the river council bridge report winter harbour engineer letter market answer village season machine window garden teacher signal".Split(' ');

    /// <param name="tokens">About so many; in fact a little more.</param>
    /// <param name="seed">Another one makes another text.</param>
    public static string Of(int tokens, int seed = 1)
    {
        var random = new Random(seed);
        var counter = TokenCounters.Get(TokenCounters.O200kBase);
        var text = new StringBuilder();
        for (var left = tokens; left > 0;)
        {
            var paragraph = Paragraph(random);
            text.Append(paragraph);
            left -= counter.Count(paragraph);
        }
        return text.ToString();
    }

    private static string Paragraph(Random random)
    {
        var text = new StringBuilder();
        for (var sentence = 0; sentence < 4; sentence++)
        {
            text.Append("In ").Append(random.Next(1000, 3000));
            for (var word = 0; word < 12; word++)
                text.Append(' ').Append(Words[random.Next(Words.Length)]);
            text.Append(". ");
        }
        return text.Append("\n\n").ToString();
    }
}
