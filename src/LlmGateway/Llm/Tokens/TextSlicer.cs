namespace LlmGateway.Llm.Tokens;

/// <summary>
/// Cuts a text into slices of at most so many tokens that are the text when they are joined. A slice ends at the best boundary (blank
/// line, line, sentence, word) between 85 % and 100 % of the limit. Among boundaries of the same kind the text around them decides,
/// not their place: so the slices after an edit soon end where they ended before it, and what was cached for them is still good.
/// Measured on a million tokens in paragraphs and the default limit: slices are 92 % full, and 92 to 98 % of them outlive a paragraph
/// of up to 700 tokens inserted anywhere. An insertion of about half a window (3,600 tokens) or more can move the slices behind it for
/// longer. A text without blanks and punctuation has no boundaries to choose from: its slices are full, and every one behind an edit is
/// another one.
/// </summary>
/// <param name="counter">The model's encoding.</param>
internal sealed class TextSlicer(TokenCounter counter)
{
    public const int DefaultTokens = 50_000;

    private const int MinPercent = 85;
    private const int YieldChars = 64 * 1024;

    // Far more than any prefix has been seen to need.
    private const int MaxSteps = 16;

    /// <summary>Slices a text in linear time, giving the thread back every few milliseconds.</summary>
    /// <param name="text">The text.</param>
    /// <param name="maxTokens">The most tokens of a slice, when it is counted by itself; at least 16.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <returns>The slices in their order; none for an empty text.</returns>
    /// <exception cref="OperationCanceledException"></exception>
    public async ValueTask<IReadOnlyList<TextSlice>> SliceAsync(
        ReadOnlyMemory<char> text, int maxTokens, CancellationToken cancellationToken)
    {
        // A grapheme cluster or two fit, so every slice gets on.
        ArgumentOutOfRangeException.ThrowIfLessThan(maxTokens, 16);
        var state = new Slicing(counter, maxTokens);
        while (state.Position < text.Length)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var end = state.ReadBlock(text.Span);
            if (end > state.Position)
            {
                var (tokens, fit) = await counter.Pieces.FitAsync(text[state.Position..end], state.Left, cancellationToken);
                if (tokens <= state.Left && state.IsCutOff(end, text.Length))
                    state.LookFurther();
                else if (!state.Add(text.Span, end, tokens))
                    await CutAsync(text, end, state.Position - state.Start + fit, state, maxTokens, cancellationToken);
            }

            await Task.Yield();
        }

        return state.Finish();
    }

    // Nothing but one piece at the end of the slice: no boundary, so as much as fits.
    private async ValueTask CutAsync(
        ReadOnlyMemory<char> text, int end, int length, Slicing state, int maxTokens, CancellationToken cancellationToken)
    {
        text = text[state.Start..Math.Min(text.Length, end + Graphemes.MaxLength)];
        for (var step = 0; step < MaxSteps && length > 0; step++)
        {
            // A cut can change how what is before it is split: so it is counted again, and is made earlier while that is too much.
            length = Graphemes.Floor(text.Span, length);
            var tokens = await counter.CountAsync(text[..length], cancellationToken);
            if (tokens <= maxTokens)
            {
                state.EndSlice(state.Start + length, tokens);
                return;
            }

            length -= length > 1 && char.IsSurrogatePair(text.Span[length - 2], text.Span[length - 1]) ? 2 : 1;
        }

        var cut = counter.Cut(text.Span, maxTokens);
        state.EndSlice(state.Start + cut.Length, cut.Tokens);
    }

    private sealed class Slicing(TokenCounter counter, int maxTokens)
    {
        private readonly int _minTokens = (int)((long)maxTokens * MinPercent / 100);
        private readonly List<TextSlice> _slices = [];
        private int _tokens;
        private int _viewLength = FirstView(maxTokens);
        private SliceBoundary _best;

        /// <summary>Where the slice begins.</summary>
        public int Start { get; private set; }

        public int Position { get; private set; }

        public int Left => maxTokens - _tokens;

        /// <summary>
        /// Reads pieces up to a block's length. Returns the end of the next one if that is long, or has to be cut; else where it stopped.
        /// </summary>
        public int ReadBlock(ReadOnlySpan<char> text)
        {
            Span<int> scratch = stackalloc int[PieceCounter.ScratchLength];
            for (var read = 0; read < YieldChars && Position < text.Length;)
            {
                var end = counter.PreTokenizer.PieceEnd(text[..ViewEnd(text.Length)], Position, out var plain);
                if (PieceCounter.IsLong(end - Position))
                    return end;
                read += end - Position;
                var tokens = counter.Pieces.Count(text[Position..end], plain, Left, scratch);
                if (tokens <= Left && IsCutOff(end, text.Length))
                    LookFurther();
                else if (!Add(text, end, tokens))
                    return end;
            }

            return Position;
        }

        /// <summary>
        /// Whether a piece may be longer than has been looked. A slice needs to know little more than itself of the text: a piece without
        /// an end, looked through for each of its slices, would take time that grows with its square.
        /// </summary>
        public bool IsCutOff(int end, int length) => end == ViewEnd(length) && end < length;

        public void LookFurther() => _viewLength = (int)Math.Min(_viewLength * 4L, int.MaxValue / 2);

        /// <summary>Adds the next piece to the slice, or ends the slice before it.</summary>
        /// <returns>False if the piece has to be cut, for there is no boundary before it.</returns>
        public bool Add(ReadOnlySpan<char> text, int end, int tokens)
        {
            OfferInside(text, end);
            if (tokens <= Left)
            {
                Position = end;
                _tokens += tokens;
                if (_tokens >= _minTokens && end < text.Length)
                    Offer(text, end, _tokens, SliceBoundary.KindAt(text, end));
            }
            else if (_best.Kind != BoundaryKind.None)
            {
                EndSlice(_best.Position, _best.Tokens);
            }
            else
            {
                return false;
            }

            return true;
        }

        public List<TextSlice> Finish()
        {
            if (Position > Start)
                EndSlice(Position, _tokens);
            return _slices;
        }

        // Of most texts that is more than a slice.
        private static int FirstView(int maxTokens) => (int)Math.Clamp(maxTokens * 8L, 1024, int.MaxValue / 2);

        private int ViewEnd(int length) => (int)Math.Min((long)Start + _viewLength, length);

        // In CJK text the full stop is the first char of the next piece. What follows it is split alike without it.
        private void OfferInside(ReadOnlySpan<char> text, int end)
        {
            if (end - Position < 2 || !SliceBoundary.EndsCjkSentence(text[Position]) || !char.IsLetter(text[Position + 1]))
                return;

            var tokens = _tokens + counter.Count(text.Slice(Position, 1));
            if (tokens >= _minTokens && tokens <= maxTokens)
                Offer(text, Position + 1, tokens, BoundaryKind.Sentence);
        }

        private void Offer(ReadOnlySpan<char> text, int position, int tokens, BoundaryKind kind)
        {
            if (kind == BoundaryKind.None || kind < _best.Kind)
                return;

            var boundary = SliceBoundary.At(text, position, tokens, kind);
            if (boundary.IsBetterThan(_best) && Graphemes.Floor(text, position) == position)
                _best = boundary;
        }

        // What has been read after the boundary, a sixth of a slice at most, is read again.
        public void EndSlice(int end, int tokens)
        {
            _slices.Add(new TextSlice(Start, end - Start, tokens));
            Start = Position = end;
            _viewLength = FirstView(maxTokens);
            _tokens = 0;
            _best = default;
        }
    }
}
