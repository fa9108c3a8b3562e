using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using static LlmGateway.Llm.Tokens.CharKinds;

namespace LlmGateway.Llm.Tokens;

/// <summary>
/// Splits a text into the pieces that an encoding merges by themselves: OpenAI's pattern of the encoding, matched by hand. Only the
/// text after a piece's beginning matters to its end, so a text may be split from any piece's end on.
/// </summary>
/// <param name="isO200k">
/// <c>o200k_base</c>: words are split by case, keep their contractions and marks, and a slash may follow symbols and new lines.
/// Otherwise <c>cl100k_base</c>.
/// </param>
internal sealed class PreTokenizer(bool isO200k)
{
    /// <summary>The end of the piece that begins at <paramref name="start"/>, which is less than the text's length.</summary>
    /// <param name="text">The text.</param>
    /// <param name="start">Where the piece begins.</param>
    /// <param name="plain">The piece's bytes, and those after it, if it is a plain word; nothing but zeros otherwise.</param>
    public int PieceEnd(ReadOnlySpan<char> text, int start, out Vector128<byte> plain)
    {
        var end = PlainWordEnd(text, start, out plain);
        if (end > start)
            return end;
        plain = default;
        return OtherEnd(text, start);
    }

    private int OtherEnd(ReadOnlySpan<char> text, int start)
    {
        var kinds = CharTable.At(text, start, out var width);
        if (!isO200k && text[start] == '\'')
        {
            var end = ContractionEnd(text, start);
            if (end > start)
                return end;
        }

        if ((kinds & Number) != 0)
            return NumberEnd(text, start);
        // Several blanks begin neither a word nor symbols: indented code is full of them.
        if ((kinds & Space) != 0 && start + 1 < text.Length && (CharTable.At(text, start + 1, out _) & Space) != 0)
            return SpaceEnd(text, start);
        var word = isO200k ? CasedWordEnd(text, start, kinds, width) : WordEnd(text, start, kinds, width);
        return word > start ? word : SymbolsOrSpaceEnd(text, start, kinds);
    }

    // [^\r\n\p{L}\p{N}]?\p{L}+
    private static int WordEnd(ReadOnlySpan<char> text, int start, CharKinds kinds, int width)
    {
        if ((kinds & Letter) != 0)
            return CharTable.RunEnd(text, start + width, Letter);
        if ((kinds & NewLine) != 0)
            return start;

        var end = CharTable.RunEnd(text, start + width, Letter);
        return end > start + width ? end : start;
    }

    // [^\r\n\p{L}\p{N}]?U*L+(contraction)?|[^\r\n\p{L}\p{N}]?U+L*(contraction)?
    private static int CasedWordEnd(ReadOnlySpan<char> text, int start, CharKinds kinds, int width)
    {
        if ((kinds & NewLine) != 0)
            return start;
        if ((kinds & Letter) != 0)
            return ContractionEnd(text, LettersEnd(text, start, out _));

        var end = LettersEnd(text, start + width, out var hasLower);
        // A mark can be the one before the word, but is itself a word if only capitals follow: the first alternative asks for a
        // lower-case character, and finds one by giving the capitals back.
        if (!hasLower && (kinds & Lower) != 0)
            end = start + width;
        else if (end == start + width)
            return start;
        return ContractionEnd(text, end);
    }

    // U*L+, and if there is none U+. Equal to start if there is neither.
    private static int LettersEnd(ReadOnlySpan<char> text, int start, out bool hasLower)
    {
        var upperEnd = start;
        var lowerEnd = start;
        while (upperEnd < text.Length)
        {
            var kinds = CharTable.At(text, upperEnd, out var width);
            if ((kinds & Upper) == 0)
                break;
            upperEnd += width;
            if ((kinds & Lower) != 0)
                lowerEnd = upperEnd;
        }

        var end = CharTable.RunEnd(text, upperEnd, Lower);
        hasLower = end > upperEnd || lowerEnd > start;
        return end > upperEnd || lowerEnd == start ? end : lowerEnd;
    }

    // Nearly every word of English and of code: a blank or none, a capital or none, small letters, and then something else, of which no
    // contraction and no mark is made. Equal to start if there is more to think about, or less than sixteen chars to look at.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int PlainWordEnd(ReadOnlySpan<char> text, int start, out Vector128<byte> bytes)
    {
        bytes = default;
        text = text[start..];
        if (text.Length < Vector128<byte>.Count || (text[0] != ' ' && !char.IsAsciiLetter(text[0])))
            return start;

        var chars = MemoryMarshal.Cast<char, ushort>(text);
        // What is not ASCII becomes another byte that is not.
        bytes = Vector128.NarrowWithSaturation(Vector128.Create(chars), Vector128.Create(chars[Vector128<ushort>.Count..]));
        var small = Vector128.LessThanOrEqual(bytes - Vector128.Create((byte)'a'), Vector128.Create((byte)('z' - 'a'))).ExtractMostSignificantBits();
        var first = text[0] == ' ' ? 1 : 0;
        if (char.IsAsciiLetterUpper(text[first]))
            first++;
        var letters = BitOperations.TrailingZeroCount(~(small >> first));
        var length = first + letters;
        return letters > 0 && length < Vector128<byte>.Count
            && char.IsAscii(text[length]) && text[length] != '\'' && (isO200k || !char.IsAsciiLetter(text[length]))
            ? start + length
            : start;
    }

    // (?i:'s|'t|'re|'ve|'m|'ll|'d); the long s folds to s. Equal to start if there is none.
    private static int ContractionEnd(ReadOnlySpan<char> text, int start)
    {
        if (start + 1 >= text.Length || text[start] != '\'')
            return start;

        var next = start + 2 < text.Length ? text[start + 2] | 0x20 : 0;
        return (text[start + 1] | 0x20) switch
        {
            's' or 't' or 'm' or 'd' => start + 2,
            'r' or 'v' when next == 'e' => start + 3,
            'l' when next == 'l' => start + 3,
            _ => text[start + 1] == '\u017F' ? start + 2 : start,
        };
    }

    // \p{N}{1,3}
    private static int NumberEnd(ReadOnlySpan<char> text, int start)
    {
        var end = start;
        for (var digits = 0; digits < 3 && end < text.Length; digits++)
        {
            if ((CharTable.At(text, end, out var width) & Number) == 0)
                break;
            end += width;
        }

        return end;
    }

    //  ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
    private int SymbolsOrSpaceEnd(ReadOnlySpan<char> text, int start, CharKinds kinds)
    {
        var symbols = text[start] == ' ' ? start + 1 : start;
        var end = CharTable.RunEnd(text, symbols, Symbol);
        if (end > symbols)
        {
            while (end < text.Length && (text[end] is '\r' or '\n' || (isO200k && text[end] == '/')))
                end++;
            return end;
        }

        return SpaceEnd(text, start);
    }

    // \s*[\r\n]+|\s+(?!\S)|\s+
    private static int SpaceEnd(ReadOnlySpan<char> text, int start)
    {
        var end = CharTable.RunEnd(text, start, Space);
        var newLine = text[start..end].LastIndexOfAny('\r', '\n');
        if (newLine >= 0)
            return start + newLine + 1;
        // The last blank of several goes with what follows.
        return end == text.Length || end == start + 1 ? end : end - 1;
    }
}
