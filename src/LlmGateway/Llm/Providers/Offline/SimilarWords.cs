namespace LlmGateway.Llm.Providers.Offline;

/// <summary>
/// Finds the known word that an unknown one is a misspelling or another form of, by the letters three in a row that both have.
/// </summary>
internal sealed class SimilarWords
{
    private const double LeastSimilarity = 0.55;

    private readonly List<(ulong Term, int Trigrams)> _words = [];
    private readonly Dictionary<ulong, List<int>> _wordsByTrigram = [];

    public void Add(ReadOnlySpan<char> word, ulong term)
    {
        if (word.Length < 4) return;
        var trigrams = Trigrams(word);
        foreach (var trigram in trigrams)
        {
            if (!_wordsByTrigram.TryGetValue(trigram, out var words)) _wordsByTrigram[trigram] = words = [];
            words.Add(_words.Count);
        }
        _words.Add((term, trigrams.Count));
    }

    /// <returns>The term of the most similar word, and from 0 to 1 how similar it is: 0 for none.</returns>
    public (ulong Term, double Similarity) Find(ReadOnlySpan<char> word)
    {
        var trigrams = Trigrams(word);
        var shared = new Dictionary<int, int>();
        foreach (var trigram in trigrams)
        {
            foreach (var index in _wordsByTrigram.GetValueOrDefault(trigram, []))
                shared[index] = shared.GetValueOrDefault(index) + 1;
        }
        var best = (Term: 0UL, Similarity: 0.0);
        foreach (var (index, count) in shared)
        {
            var similarity = 2.0 * count / (trigrams.Count + _words[index].Trigrams);
            if (similarity >= LeastSimilarity && similarity > best.Similarity) best = (_words[index].Term, similarity);
        }
        return best;
    }

    private static HashSet<ulong> Trigrams(ReadOnlySpan<char> word)
    {
        var padded = $"^{word}$".ToLowerInvariant();
        var trigrams = new HashSet<ulong>();
        for (var i = 0; i + 3 <= padded.Length; i++)
            trigrams.Add(StableHash.Of(padded.AsSpan(i, 3)));
        return trigrams;
    }
}
