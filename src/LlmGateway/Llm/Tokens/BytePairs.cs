using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LlmGateway.Llm.Tokens;

/// <summary>
/// Byte-pair merging in place: of all neighbours whose concatenation is a token, the pair of the lowest rank is merged first, the
/// leftmost first among equals, until none is left. Quadratic, so for short sequences only.
/// </summary>
internal static class BytePairs
{
    // A rank has 18 bits, so both are in an int.
    private const int PlaceBits = 12;

    /// <summary>How many ints of scratch space a sequence of <paramref name="length"/> bytes takes.</summary>
    public static int ScratchLength(int length) => (3 * length) + Vector128<int>.Count;

    /// <summary>Merges until no pair can be merged, or only <paramref name="parts"/> parts are left.</summary>
    /// <param name="vocabulary">The tokens.</param>
    /// <param name="bytes">At least two bytes, at most 4,096.</param>
    /// <param name="parts">Where to stop; 1 for all merges.</param>
    /// <param name="scratch">At least <see cref="ScratchLength"/> ints. Holds at 0 where the second part begins, when this returns.</param>
    /// <returns>The number of parts.</returns>
    public static int Merge(Vocabulary vocabulary, ReadOnlySpan<byte> bytes, int parts, Span<int> scratch)
    {
        // By where a part begins: where the next one and the one before begin, and the rank of the part and the next one together with
        // the place in the lowest bits. So the least of these numbers is the leftmost pair of the lowest rank.
        var next = scratch[..(bytes.Length + 1)];
        var previous = scratch.Slice(bytes.Length + 1, bytes.Length);
        var pairs = scratch.Slice((2 * bytes.Length) + 1, (bytes.Length + Vector128<int>.Count - 1) & -Vector128<int>.Count);
        pairs.Fill(int.MaxValue);
        for (var i = 0; i < bytes.Length; i++)
        {
            next[i] = i + 1;
            previous[i] = i - 1;
            if (i + 1 < bytes.Length)
                pairs[i] = Pair(vocabulary.Rank(bytes.Slice(i, 2)), i);
        }

        var count = bytes.Length;
        for (; count > parts; count--)
        {
            var least = Least(pairs);
            if (least == int.MaxValue)
                break;

            var at = least & ((1 << PlaceBits) - 1);
            var merged = next[at];
            var end = next[merged];
            next[at] = end;
            pairs[merged] = int.MaxValue;
            pairs[at] = int.MaxValue;
            if (end < bytes.Length)
            {
                previous[end] = at;
                pairs[at] = Pair(vocabulary.Rank(bytes[at..next[end]]), at);
            }

            if (at > 0)
                pairs[previous[at]] = Pair(vocabulary.Rank(bytes[previous[at]..end]), previous[at]);
        }

        return count;
    }

    private static int Pair(int rank, int place) => rank == Vocabulary.None ? int.MaxValue : (rank << PlaceBits) | place;

    private static int Least(ReadOnlySpan<int> pairs)
    {
        var least = Vector128.Create(int.MaxValue);
        foreach (var four in MemoryMarshal.Cast<int, Vector128<int>>(pairs))
            least = Vector128.Min(least, four);
        least = Vector128.Min(least, Vector128.Shuffle(least, Vector128.Create(2, 3, 0, 1)));
        return Math.Min(least[0], least[1]);
    }
}
