namespace LlmGateway.Llm.Tokens;

/// <summary>
/// What <see cref="LongPiece"/> asks a vocabulary: which lengths tokens with a given end have, and whether two tokens can be
/// neighbours in a tokenized text.
/// </summary>
internal sealed class SuffixIndex
{
    private readonly Vocabulary _vocabulary;

    // By the last two bytes of a token: bit n for tokens of n bytes, bit 0 for those of 64 bytes and more.
    private readonly ulong[] _lengths = new ulong[1 << 16];

    // Recent answers, by a hash of both ranks: the ranks and the answer in one write of 64 bits, so threads may race. What makes a
    // piece long is mostly repetition.
    private readonly ulong[] _answers = new ulong[1 << 13];

    // By rank: the two tokens that were merged last, found when first asked for. One write of 64 bits, so threads may race.
    private readonly ulong[] _halves;

    public SuffixIndex(Vocabulary vocabulary)
    {
        _vocabulary = vocabulary;
        _halves = new ulong[vocabulary.Count];
        for (var rank = 0; rank < vocabulary.Count; rank++)
        {
            var bytes = vocabulary.Bytes(rank);
            if (bytes.Length > 1)
                _lengths[(bytes[^2] << 8) | bytes[^1]] |= bytes.Length < 64 ? 1UL << bytes.Length : 1UL;
        }
    }

    /// <summary>The lengths from 2 to 63 of the tokens that end in these two bytes, a bit each; bit 0: there are longer ones.</summary>
    public ulong Lengths(byte beforeLast, byte last) => _lengths[(beforeLast << 8) | last];

    /// <summary>
    /// Whether two tokens stay apart when their bytes are tokenized together. Undoes their merges, the latest first, and asks each
    /// time whether a merge across the border would have come before. A sequence of tokens is what its bytes are tokenized to
    /// exactly if this holds for all neighbours.
    /// </summary>
    /// <param name="left">The first token.</param>
    /// <param name="right">The second token.</param>
    /// <param name="text">Bytes around the border.</param>
    /// <param name="border">Where in <paramref name="text"/> the second token begins.</param>
    public bool CanBeNeighbours(int left, int right, ReadOnlySpan<byte> text, int border)
    {
        // Never 0, which stands for no answer.
        var question = ((ulong)left << 33) | ((ulong)right << 2) | 2;
        ref var answer = ref _answers[(question * 0x9E37_79B9_7F4A_7C15) >> 51];
        var recent = answer;
        if ((recent & ~1UL) == question)
            return (recent & 1) != 0;

        var can = StayApart(left, right, text, border);
        answer = question | (can ? 1UL : 0);
        return can;
    }

    private bool StayApart(int left, int right, ReadOnlySpan<byte> text, int border)
    {
        // No merge of a rank below this has been undone.
        var limit = int.MaxValue;
        while (true)
        {
            if (_vocabulary.Rank(text[(border - _vocabulary.Length(left))..(border + _vocabulary.Length(right))]) < limit)
                return false;

            var leftCanSplit = _vocabulary.Length(left) > 1;
            var rightCanSplit = _vocabulary.Length(right) > 1;
            if (leftCanSplit && (left > right || !rightCanSplit))
            {
                limit = left;
                left = (int)(uint)Halves(left);
            }
            else if (rightCanSplit)
            {
                // Among merges of equal rank the leftmost comes first, and the one across the border is on the left of this one.
                limit = right + 1;
                right = (int)(Halves(right) >> 32);
            }
            else
            {
                return true;
            }
        }
    }

    // The left half's rank in the upper 32 bits, the right half's in the lower.
    private ulong Halves(int rank)
    {
        var halves = _halves[rank];
        if (halves != 0)
            return halves;

        var bytes = _vocabulary.Bytes(rank);
        Span<int> scratch = stackalloc int[BytePairs.ScratchLength(Vocabulary.MaxTokenLength)];
        BytePairs.Merge(_vocabulary, bytes, parts: 2, scratch);
        var border = scratch[0];
        halves = ((ulong)_vocabulary.Rank(bytes[..border]) << 32) | (uint)_vocabulary.Rank(bytes[border..]);
        _halves[rank] = halves;
        return halves;
    }
}
