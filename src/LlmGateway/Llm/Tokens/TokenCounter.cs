using System.Buffers;
using System.Text.Unicode;

namespace LlmGateway.Llm.Tokens;

/// <summary>
/// Counts tokens as OpenAI's tiktoken does, in time linear in the text and without allocating. Special tokens in a text, such as
/// <c>&lt;|endoftext|&gt;</c>, are plain text; a lone surrogate counts as U+FFFD. Safe for any number of threads.
/// </summary>
/// <param name="vocabulary">The encoding's tokens.</param>
/// <param name="preTokenizer">The encoding's pattern.</param>
internal sealed class TokenCounter(Vocabulary vocabulary, PreTokenizer preTokenizer)
{
    /// <summary>No char has more tokens than this: a char has at most three bytes, and each byte is a token.</summary>
    public const int MaxTokensPerChar = 3;

    // Up to this many bytes merging in place is faster than LongPiece; from there on it would be quadratic.
    private const int ShortBytes = 256;
    private const int ShortChars = ShortBytes / 3;

    // About a millisecond of work between two yields; a char of a long piece costs several times as much as another.
    private const int YieldChars = 64 * 1024;
    private const int YieldLongChars = 8 * 1024;

    // Far more than any prefix has been seen to need; after that the cut is at the piece's beginning.
    private const int MaxSteps = 16;

    /// <summary>The number of tokens of a text. Takes about 20 ms per million chars, hostile texts some hundred.</summary>
    public int Count(ReadOnlySpan<char> text) => CountUpTo(text, int.MaxValue);

    /// <summary>Whether a text has at most <paramref name="limit"/> tokens. Reads no further than it needs to.</summary>
    public bool Fits(ReadOnlySpan<char> text, int limit) =>
        text.Length <= limit / MaxTokensPerChar
        || (text.Length <= (long)limit * Vocabulary.MaxTokenLength && CountUpTo(text, limit) <= limit);

    /// <summary>
    /// Like <see cref="Count"/>, but gives the thread back every few milliseconds and looks at the token then. For texts of a
    /// size that others choose.
    /// </summary>
    /// <exception cref="OperationCanceledException"></exception>
    public async ValueTask<int> CountAsync(ReadOnlyMemory<char> text, CancellationToken cancellationToken)
    {
        var position = 0;
        var tokens = 0;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var longEnd = CountPieces(text.Span, ref position, ref tokens);
            if (longEnd > position)
            {
                tokens += await CountLongAsync(text[position..longEnd], cancellationToken);
                position = longEnd;
            }

            if (position == text.Length)
                return tokens;
            await Task.Yield();
        }
    }

    /// <summary>
    /// The longest prefix, or nearly, of at most <paramref name="maxTokens"/> tokens when it is counted again. It does not end
    /// inside a code point, nor inside a grapheme cluster unless that alone has more tokens than allowed, or hundreds of chars.
    /// Reads little more than the prefix.
    /// </summary>
    public TokenCut Cut(ReadOnlySpan<char> text, int maxTokens)
    {
        if (maxTokens <= 0)
            return default;

        Span<byte> utf8 = stackalloc byte[ShortBytes];
        Span<int> scratch = stackalloc int[BytePairs.ScratchLength(ShortBytes)];
        // Places from which a prefix may be counted again: piece ends after which white space cannot join with what is before.
        // The far one is far enough behind to lie before any grapheme cluster that is given up.
        var far = default(TokenCut);
        var near = default(TokenCut);
        var before = default(TokenCut);
        while (before.Length < text.Length)
        {
            var end = preTokenizer.PieceEnd(text, before.Length);
            var piece = text[before.Length..end];
            var tokens = CountPiece(piece, maxTokens - before.Tokens, utf8, scratch);
            if (tokens > maxTokens - before.Tokens)
                return CutInside(text, before, piece, far, maxTokens);

            before = new TokenCut(end, before.Tokens + tokens);
            if (end - near.Length >= Graphemes.MaxLength && !char.IsWhiteSpace(text[end - 1]))
                (far, near) = (near, before);
        }

        return before;
    }

    private TokenCut CutInside(ReadOnlySpan<char> text, TokenCut before, ReadOnlySpan<char> piece, TokenCut anchor, int maxTokens)
    {
        using var fitting = new LongPiece(vocabulary, maxTokens - before.Tokens);
        fitting.Read(piece, piece.Length);
        var length = before.Length + fitting.Fit;

        // Cutting a piece can change how it is split, and blanks at the end join with those before. So count what is left, and step
        // back while it is too much: at the latest at the piece's beginning it is not.
        for (var step = 0; step < MaxSteps; step++)
        {
            length = Graphemes.Floor(text, length);
            var tokens = anchor.Tokens + CountUpTo(text[anchor.Length..length], int.MaxValue);
            if (tokens <= maxTokens)
                return new TokenCut(length, tokens);
            if (length <= before.Length)
                break;
            length -= length > 1 && char.IsSurrogatePair(text[length - 2], text[length - 1]) ? 2 : 1;
        }

        return before;
    }

    // Counts pieces up to a long one or a block's length. Returns the end of the long one, or where it stopped.
    private int CountPieces(ReadOnlySpan<char> text, ref int position, ref int tokens)
    {
        Span<byte> utf8 = stackalloc byte[ShortBytes];
        Span<int> scratch = stackalloc int[BytePairs.ScratchLength(ShortBytes)];
        var blockEnd = (int)Math.Min((long)position + YieldChars, text.Length);
        while (position < blockEnd)
        {
            var end = preTokenizer.PieceEnd(text, position);
            if (end - position > YieldLongChars)
                return end;
            tokens += CountPiece(text[position..end], int.MaxValue, utf8, scratch);
            position = end;
        }

        return position;
    }

    private async ValueTask<int> CountLongAsync(ReadOnlyMemory<char> piece, CancellationToken cancellationToken)
    {
        using var counting = new LongPiece(vocabulary, int.MaxValue);
        while (!counting.Read(piece.Span, YieldLongChars))
        {
            await Task.Yield();
            cancellationToken.ThrowIfCancellationRequested();
        }

        return counting.Tokens;
    }

    private int CountUpTo(ReadOnlySpan<char> text, int limit)
    {
        Span<byte> utf8 = stackalloc byte[ShortBytes];
        Span<int> scratch = stackalloc int[BytePairs.ScratchLength(ShortBytes)];
        var tokens = 0;
        for (var start = 0; start < text.Length && tokens <= limit;)
        {
            var end = preTokenizer.PieceEnd(text, start);
            tokens += CountPiece(text[start..end], limit - tokens, utf8, scratch);
            start = end;
        }

        return tokens;
    }

    // The tokens of a piece, or any number over the limit if there are more.
    private int CountPiece(ReadOnlySpan<char> piece, int limit, Span<byte> utf8, Span<int> scratch)
    {
        if (Encode(piece, utf8, out var length))
        {
            var bytes = utf8[..length];
            return length == 1 || vocabulary.Rank(bytes) != Vocabulary.None
                ? 1
                : BytePairs.Merge(vocabulary, bytes, parts: 1, scratch);
        }

        using var counting = new LongPiece(vocabulary, limit);
        counting.Read(piece, piece.Length);
        return counting.Exceeds ? limit + 1 : counting.Tokens;
    }

    private static bool Encode(ReadOnlySpan<char> piece, Span<byte> utf8, out int length)
    {
        length = 0;
        if (piece.Length > utf8.Length)
            return false;

        foreach (var c in piece)
        {
            if (c >= 0x80)
                return Utf8.FromUtf16(piece, utf8, out _, out length, replaceInvalidSequences: true) == OperationStatus.Done;
            utf8[length++] = (byte)c;
        }

        return true;
    }
}
