using System.Runtime.InteropServices;

namespace LlmGateway.Llm.Providers.Offline;

/// <summary>
/// Turns a text into a vector by what it consists of: its words, pairs of words and threes of letters each add to, or take from, one
/// component. Texts that share many of them are near each other. Only square roots are taken, which every machine takes alike.
/// </summary>
internal static class HashedEmbedding
{
    private const float WordWeight = 1, PairWeight = 0.5f, TrigramWeight = 0.25f, StopWeight = 0.1f, SignWeight = 0.5f;

    // So that a word, a pair and three letters never meet by their hash.
    private const ulong WordSalt = 1, PairSalt = 2, TrigramSalt = 3, SignSalt = 4;

    /// <param name="text">Any text, also one without words.</param>
    /// <param name="dimensions">At least 1.</param>
    /// <returns>A vector of that length, whose own length is 1.</returns>
    public static float[] Of(string text, int dimensions)
    {
        var features = new Dictionary<ulong, (float Weight, int Count)>();
        Word? previous = null;
        foreach (var word in new Words(text))
        {
            Add(features, WordSalt, word.Term, word.IsStop ? StopWeight : WordWeight);
            if (word.IsStop) continue;
            AddTrigrams(features, text.AsSpan(word.Start, word.Length));
            if (previous is { } first) Add(features, PairSalt, StableHash.Of(first.Term, word.Term), PairWeight);
            previous = word;
        }
        if (features.Count == 0) AddSigns(features, text);
        return ToVector(features, dimensions);
    }

    private static void AddTrigrams(Dictionary<ulong, (float Weight, int Count)> features, ReadOnlySpan<char> word)
    {
        Span<char> padded = stackalloc char[word.Length + 2];
        padded[0] = padded[^1] = ' ';
        word.ToLowerInvariant(padded[1..^1]);
        for (var i = 0; i + 3 <= padded.Length; i++)
            Add(features, TrigramSalt, StableHash.Of(padded.Slice(i, 3)), TrigramWeight);
    }

    private static void AddSigns(Dictionary<ulong, (float Weight, int Count)> features, string text)
    {
        Add(features, SignSalt, 0, SignWeight);
        foreach (var sign in text.EnumerateRunes())
            Add(features, SignSalt, (ulong)sign.Value, SignWeight);
    }

    private static void Add(Dictionary<ulong, (float Weight, int Count)> features, ulong salt, ulong feature, float weight)
    {
        ref var entry = ref CollectionsMarshal.GetValueRefOrAddDefault(features, StableHash.Of(salt, feature), out _);
        entry = (weight, entry.Count + 1);
    }

    private static float[] ToVector(Dictionary<ulong, (float Weight, int Count)> features, int dimensions)
    {
        var sums = new double[dimensions];
        foreach (var (hash, (weight, count)) in features)
        {
            // Said three times is not three times as important.
            var value = weight * Math.Sqrt(count);
            sums[(int)(hash % (uint)dimensions)] += hash >> 63 == 0 ? value : -value;
        }
        var length = Math.Sqrt(sums.Sum(sum => sum * sum));
        var vector = new float[dimensions];
        // In very few dimensions everything may cancel out.
        if (length == 0) vector[0] = 1;
        else
        {
            for (var i = 0; i < dimensions; i++)
                vector[i] = (float)(sums[i] / length);
        }
        return vector;
    }
}
