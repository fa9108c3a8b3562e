using System.Globalization;
using System.Runtime.CompilerServices;

namespace LlmGateway.Llm.Tokens;

/// <summary>The sets of characters that the patterns of the encodings tell apart; a character can be in several.</summary>
[Flags]
internal enum CharKinds : byte
{
    /// <summary>Lu, Lt, Lm, Lo, M: what may begin a word.</summary>
    Upper = 1,

    /// <summary>Ll, Lm, Lo, M: what may end a word.</summary>
    Lower = 2,

    /// <summary>L</summary>
    Letter = 4,

    /// <summary>N</summary>
    Number = 8,

    /// <summary>White_Space</summary>
    Space = 16,

    /// <summary>CR and LF, which are white space too.</summary>
    NewLine = 32,

    /// <summary>Everything that is no letter, number or white space. Marks are symbols too.</summary>
    Symbol = 64,

    /// <summary>Half of a code point.</summary>
    Surrogate = 128,
}

/// <summary>Tells the kinds of the code point at a place in a text.</summary>
internal static class CharTable
{
    private static readonly CharKinds[] Plane0 = [.. Enumerable.Range(0, 0x10000).Select(KindsOf)];

    /// <param name="text">The text.</param>
    /// <param name="index">Where a code point begins.</param>
    /// <param name="width">How many chars it has. A lone surrogate has one and counts as U+FFFD, a symbol.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CharKinds At(ReadOnlySpan<char> text, int index, out int width)
    {
        var kinds = Plane0[text[index]];
        width = 1;
        return kinds == CharKinds.Surrogate ? Beyond(text, index, out width) : kinds;
    }

    /// <summary>The end of the run of code points from <paramref name="index"/> on that are of one of these kinds.</summary>
    public static int RunEnd(ReadOnlySpan<char> text, int index, CharKinds kinds)
    {
        while (index < text.Length && (At(text, index, out var width) & kinds) != 0)
            index += width;
        return index;
    }

    private static CharKinds Beyond(ReadOnlySpan<char> text, int index, out int width)
    {
        if (char.IsHighSurrogate(text[index]) && index + 1 < text.Length && char.IsLowSurrogate(text[index + 1]))
        {
            width = 2;
            return KindsOf(char.ConvertToUtf32(text[index], text[index + 1]));
        }

        width = 1;
        return CharKinds.Symbol;
    }

    private static CharKinds KindsOf(int codePoint) => CharUnicodeInfo.GetUnicodeCategory(codePoint) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter => CharKinds.Upper | CharKinds.Letter,
        UnicodeCategory.LowercaseLetter => CharKinds.Lower | CharKinds.Letter,
        UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => CharKinds.Upper | CharKinds.Lower | CharKinds.Letter,
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark =>
            CharKinds.Upper | CharKinds.Lower | CharKinds.Symbol,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => CharKinds.Number,
        UnicodeCategory.Surrogate => CharKinds.Surrogate,
        _ when codePoint is '\r' or '\n' => CharKinds.Space | CharKinds.NewLine,
        _ when codePoint < 0x10000 && char.IsWhiteSpace((char)codePoint) => CharKinds.Space,
        _ => CharKinds.Symbol,
    };
}
