namespace LlmGateway.Llm.Tokens;

/// <summary>
/// Byte-pair merging in place: of all neighbours whose concatenation is a token, the pair of the lowest rank is merged first, the
/// leftmost first among equals, until none is left. Quadratic, so for short sequences only.
/// </summary>
internal static class BytePairs
{
    /// <summary>How many ints of scratch space a sequence of <paramref name="length"/> bytes takes.</summary>
    public static int ScratchLength(int length) => 2 * (length + 1);

    /// <summary>Merges until no pair can be merged, or only <paramref name="parts"/> parts are left.</summary>
    /// <param name="vocabulary">The tokens.</param>
    /// <param name="bytes">At least two bytes.</param>
    /// <param name="parts">Where to stop; 1 for all merges.</param>
    /// <param name="scratch">At least <see cref="ScratchLength"/> ints. Begins with where each part begins, when this returns.</param>
    /// <returns>The number of parts.</returns>
    public static int Merge(Vocabulary vocabulary, ReadOnlySpan<byte> bytes, int parts, Span<int> scratch)
    {
        var starts = scratch[..(bytes.Length + 1)];
        var ranks = scratch.Slice(bytes.Length + 1, bytes.Length);
        for (var i = 0; i < bytes.Length; i++)
        {
            starts[i] = i;
            ranks[i] = i + 1 < bytes.Length ? vocabulary.Rank(bytes.Slice(i, 2)) : Vocabulary.None;
        }

        starts[bytes.Length] = bytes.Length;
        var count = bytes.Length;
        while (count > parts)
        {
            var at = 0;
            var lowest = Vocabulary.None;
            for (var i = 0; i < count - 1; i++)
            {
                if (ranks[i] < lowest)
                {
                    lowest = ranks[i];
                    at = i;
                }
            }

            if (lowest == Vocabulary.None)
                break;

            starts[(at + 2)..(count + 1)].CopyTo(starts[(at + 1)..]);
            ranks[(at + 1)..count].CopyTo(ranks[at..]);
            count--;
            ranks[at] = RankOfPair(at, bytes, starts);
            if (at > 0)
                ranks[at - 1] = RankOfPair(at - 1, bytes, starts);
        }

        return count;

        int RankOfPair(int part, ReadOnlySpan<byte> bytes, Span<int> starts) =>
            part + 1 < count ? vocabulary.Rank(bytes[starts[part]..starts[part + 2]]) : Vocabulary.None;
    }
}
