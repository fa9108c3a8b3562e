using System.Globalization;

namespace LlmGateway.Llm.Tokens;

/// <summary>Keeps grapheme clusters, such as letters with marks and joined emoji, in one piece.</summary>
internal static class Graphemes
{
    /// <summary>Longer clusters, in chars, are torn: text of others must not decide how far there is to look.</summary>
    public const int MaxLength = 256;

    /// <summary>The last end of a grapheme cluster at or before <paramref name="length"/>, which is the end of a code point.</summary>
    public static int Floor(ReadOnlySpan<char> text, int length)
    {
        if (length == 0 || length == text.Length)
            return length;

        // Between two ASCII characters there is always an end, but in CR LF.
        var start = length;
        while (start > 0 && length - start < MaxLength && !(IsPlain(text[start]) && IsPlain(text[start - 1])))
            start--;
        if (start > 0 && char.IsSurrogatePair(text[start - 1], text[start]))
            start++;

        while (start < length)
        {
            var end = start + StringInfo.GetNextTextElementLength(text[start..]);
            if (end > length)
                return start > 0 && length - start < MaxLength ? start : length;
            start = end;
        }

        return start;
    }

    private static bool IsPlain(char c) => c is >= ' ' and < '\x7F';
}
