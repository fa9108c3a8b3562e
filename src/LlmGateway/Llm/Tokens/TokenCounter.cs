namespace LlmGateway.Llm.Tokens;

/// <summary>
/// Counts tokens as OpenAI's tiktoken does, in time linear in the text and without allocating. Special tokens in a text, such as
/// <c>&lt;|endoftext|&gt;</c>, are plain text; a lone surrogate counts as U+FFFD. Safe for any number of threads.
/// </summary>
/// <param name="preTokenizer">The encoding's pattern.</param>
/// <param name="pieces">The encoding's tokens.</param>
internal sealed class TokenCounter(PreTokenizer preTokenizer, PieceCounter pieces)
{
    /// <summary>No char has more tokens than this: a char has at most three bytes, and each byte is a token.</summary>
    public const int MaxTokensPerChar = 3;

    // About a millisecond of work between two yields.
    private const int YieldChars = 64 * 1024;

    // Far more than any prefix has been seen to need; after that the cut is at the piece's beginning.
    private const int MaxSteps = 16;

    /// <summary>How the encoding splits a text into pieces.</summary>
    public PreTokenizer PreTokenizer => preTokenizer;

    /// <summary>How the encoding counts a piece.</summary>
    public PieceCounter Pieces => pieces;

    /// <summary>The number of tokens of a text.</summary>
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
    public ValueTask<int> CountAsync(ReadOnlyMemory<char> text, CancellationToken cancellationToken)
    {
        // Shorter than what is counted between two yields anyway, whatever it consists of.
        if (PieceCounter.IsLong(text.Length))
            return CountInBlocksAsync(text, cancellationToken);
        return cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled<int>(cancellationToken) : new(Count(text.Span));
    }

    private async ValueTask<int> CountInBlocksAsync(ReadOnlyMemory<char> text, CancellationToken cancellationToken)
    {
        var position = 0;
        var tokens = 0;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var longEnd = CountBlock(text.Span, ref position, ref tokens);
            if (longEnd > position)
            {
                tokens += await pieces.CountAsync(text[position..longEnd], int.MaxValue, cancellationToken);
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

        Span<int> scratch = stackalloc int[PieceCounter.ScratchLength];
        // Places from which a prefix may be counted again: piece ends after which white space cannot join with what is before.
        // The far one is far enough behind to lie before any grapheme cluster that is given up.
        var far = default(TokenCut);
        var near = default(TokenCut);
        var before = default(TokenCut);
        while (before.Length < text.Length)
        {
            var end = preTokenizer.PieceEnd(text, before.Length, out var plain);
            var piece = text[before.Length..end];
            var left = maxTokens - before.Tokens;
            var tokens = pieces.Count(piece, plain, left, scratch);
            if (tokens > left)
                return CutInside(text, before, before.Length + pieces.Fit(piece, left), far, maxTokens);

            before = new TokenCut(end, before.Tokens + tokens);
            if (end - near.Length >= Graphemes.MaxLength && !char.IsWhiteSpace(text[end - 1]))
                (far, near) = (near, before);
        }

        return before;
    }

    // Cutting a piece can change how it is split, and blanks at the end join with those before. So count what is left, and step back
    // while it is too much: at the latest at the piece's beginning it is not.
    private TokenCut CutInside(ReadOnlySpan<char> text, TokenCut before, int length, TokenCut anchor, int maxTokens)
    {
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
    private int CountBlock(ReadOnlySpan<char> text, ref int position, ref int tokens)
    {
        Span<int> scratch = stackalloc int[PieceCounter.ScratchLength];
        var blockEnd = (int)Math.Min((long)position + YieldChars, text.Length);
        while (position < blockEnd)
        {
            var end = preTokenizer.PieceEnd(text, position, out var plain);
            if (PieceCounter.IsLong(end - position))
                return end;
            tokens += pieces.Count(text[position..end], plain, int.MaxValue, scratch);
            position = end;
        }

        return position;
    }

    private int CountUpTo(ReadOnlySpan<char> text, int limit)
    {
        Span<int> scratch = stackalloc int[PieceCounter.ScratchLength];
        var tokens = 0;
        for (var start = 0; start < text.Length && tokens <= limit;)
        {
            var end = preTokenizer.PieceEnd(text, start, out var plain);
            tokens += pieces.Count(text[start..end], plain, limit - tokens, scratch);
            start = end;
        }

        return tokens;
    }
}
