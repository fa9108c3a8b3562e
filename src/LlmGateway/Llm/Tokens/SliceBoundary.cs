namespace LlmGateway.Llm.Tokens;

/// <summary>What ends at a place in a text; more is better.</summary>
internal enum BoundaryKind
{
    None,
    Piece,
    Word,
    Sentence,
    Line,
    BlankLine,
}

/// <summary>A place where a slice may end.</summary>
/// <param name="Position">The place, in chars.</param>
/// <param name="Tokens">The tokens of the slice that ends there.</param>
/// <param name="Kind">What ends there.</param>
/// <param name="Hash">Of the text around it: a choice that the same text makes again elsewhere.</param>
internal readonly record struct SliceBoundary(int Position, int Tokens, BoundaryKind Kind, ulong Hash)
{
    // Enough to tell apart boundaries of the same kind; little, so that an edit changes few.
    private const int HashedBefore = 48;
    private const int HashedAfter = 16;

    // How far back over white space to look for the line before.
    private const int MaxBlank = 64;

    /// <summary>Whether to end a slice here rather than at the other place.</summary>
    public bool IsBetterThan(SliceBoundary other) => Kind != other.Kind ? Kind > other.Kind : Hash <= other.Hash;

    /// <summary>A boundary, with the hash of what is around it.</summary>
    public static SliceBoundary At(ReadOnlySpan<char> text, int position, int tokens, BoundaryKind kind) =>
        new(position, tokens, kind, HashAround(text, position));

    /// <summary>What ends at a piece's end that is not the end of the text.</summary>
    public static BoundaryKind KindAt(ReadOnlySpan<char> text, int position)
    {
        var last = text[position - 1];
        if (last is '\n' or '\r')
            return IsBlankLine(text[..position]) ? BoundaryKind.BlankLine : BoundaryKind.Line;
        if (char.IsWhiteSpace(last))
            return BoundaryKind.None;

        var sentence = text[..position].TrimEnd("\"')]}”’»」』）】》");
        var blankFollows = char.IsWhiteSpace(text[position]);
        if (!sentence.IsEmpty && (EndsCjkSentence(sentence[^1]) || (blankFollows && ".!?…؟۔।॥".Contains(sentence[^1]))))
            return BoundaryKind.Sentence;
        return blankFollows ? BoundaryKind.Word : BoundaryKind.Piece;
    }

    /// <summary>A full stop that no blank follows. The patterns count it to the next word.</summary>
    public static bool EndsCjkSentence(char c) => c is '。' or '！' or '？' or '．' or '｡';

    private static bool IsBlankLine(ReadOnlySpan<char> text)
    {
        var lines = 0;
        var returns = 0;
        for (var i = text.Length - 1; i >= 0 && i >= text.Length - MaxBlank && char.IsWhiteSpace(text[i]); i--)
        {
            lines += text[i] == '\n' ? 1 : 0;
            returns += text[i] == '\r' ? 1 : 0;
        }

        return lines > 1 || returns > 1;
    }

    private static ulong HashAround(ReadOnlySpan<char> text, int position)
    {
        var hash = 0xCBF2_9CE4_8422_2325;
        foreach (var c in text[Math.Max(0, position - HashedBefore)..Math.Min(text.Length, position + HashedAfter)])
            hash = (hash ^ c) * 0x0000_0100_0000_01B3;
        // The low bits of such a hash are far better than the high ones, which decide the comparison.
        return (hash ^ (hash >> 32)) * 0x9E37_79B9_7F4A_7C15;
    }
}
