using System.Globalization;

namespace LlmGateway.Llm.Providers.Offline;

/// <summary>
/// Cuts a text into pieces of about a token: a word with the white space before it, or a single character of a script without blanks.
/// </summary>
internal static class Pieces
{
    private const int LongestWord = 12;

    /// <returns>Pieces that make up the text when joined; none is cut inside of what a reader sees as one character.</returns>
    public static IEnumerable<string> Of(string text)
    {
        var start = 0;
        while (start < text.Length)
        {
            var end = PieceEnd(text, start);
            yield return text[start..end];
            start = end;
        }
    }

    private static int PieceEnd(string text, int start)
    {
        var end = start;
        var hasWord = false;
        while (end < text.Length)
        {
            var isBlank = char.IsWhiteSpace(text[end]);
            if (isBlank && hasWord) break;
            // From the Thai block on, which leaves the Latin, Greek, Cyrillic and Semitic scripts, a character is more than a letter.
            var isWide = text[end] >= '\u0E00';
            if (hasWord && (isWide || end - start >= LongestWord)) break;
            end += StringInfo.GetNextTextElementLength(text.AsSpan(end));
            hasWord |= !isBlank;
            if (isWide) break;
        }
        return end;
    }
}
