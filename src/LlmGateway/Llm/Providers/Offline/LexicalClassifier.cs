using System.Runtime.InteropServices;

namespace LlmGateway.Llm.Providers.Offline;

/// <summary>Puts a text in one of some categories by the words it uses.</summary>
internal static class LexicalClassifier
{
    /// <summary>In words: longer texts use some words of every category, which is no evidence.</summary>
    private const double UsualLength = 40;

    private const int LeastSimilarLength = 5;

    private static readonly HashSet<ulong> Negators = """
        not no never without nor neither cannot can't don't doesn't didn't isn't wasn't aren't weren't won't wouldn't couldn't shouldn't
        hasn't haven't hadn't
        """
        .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
        .Select(word => StableHash.Of(word))
        .ToHashSet();

    /// <param name="text">Any text.</param>
    /// <param name="categories">At least one.</param>
    /// <returns>
    /// One of the categories, and how sure that is: from 1 / their number, where nothing speaks for any of them, to 1. Without evidence it
    /// is the one that stands for the rest (<c>other</c>), or else the first.
    /// </returns>
    public static (Category Category, double Confidence) Classify(string text, IReadOnlyList<Category> categories)
    {
        var vocabulary = new CategoryVocabulary(categories);
        var scores = Evidence(text, vocabulary, categories.Count);
        for (var i = 0; i < scores.Length; i++)
        {
            // Ten good reasons are not much better than five.
            scores[i] = 6 * (1 - Math.Exp(-scores[i] / 4));
            if (vocabulary.IsOther[i]) scores[i] += 0.5;
        }
        var best = Array.IndexOf(scores, scores.Max());
        return (categories[best], 1 / scores.Sum(score => Math.Exp(score - scores[best])));
    }

    private static double[] Evidence(string text, CategoryVocabulary vocabulary, int count)
    {
        var (counts, words) = Count(text, vocabulary);
        var scale = Math.Min(1, Math.Sqrt(UsualLength / Math.Max(1, words)));
        var evidence = new double[count];
        foreach (var (term, times) in counts)
        {
            var weights = vocabulary.Find(term)!;
            for (var i = 0; i < count; i++)
                evidence[i] += weights[i] * Math.Min(2, Math.Sqrt(times)) * scale;
        }
        return evidence;
    }

    private static (Dictionary<ulong, double> Counts, int Words) Count(string text, CategoryVocabulary vocabulary)
    {
        var counts = new Dictionary<ulong, double>();
        var similar = new Dictionary<ulong, (ulong Term, double Similarity)>();
        var words = 0;
        var sinceNegator = int.MaxValue;
        Word? previous = null;
        foreach (var word in new Words(text))
        {
            words++;
            if (previous is { } first) Add(CategoryVocabulary.Pair(first.Term, word.Term), 1);
            var isNegated = sinceNegator < 3 && Add(CategoryVocabulary.Negated(word.Term), 1);
            if (!isNegated && !Add(word.Term, 1) && !word.IsStop && word.Length >= LeastSimilarLength) AddSimilar(word);
            sinceNegator = Negators.Contains(word.Term) ? 0 : sinceNegator == int.MaxValue ? sinceNegator : sinceNegator + 1;
            previous = word;
        }
        return (counts, words);

        bool Add(ulong term, double times)
        {
            if (vocabulary.Find(term) is null) return false;
            CollectionsMarshal.GetValueRefOrAddDefault(counts, term, out _) += times;
            return true;
        }

        void AddSimilar(Word word)
        {
            ref var found = ref CollectionsMarshal.GetValueRefOrAddDefault(similar, word.Term, out var known);
            if (!known) found = vocabulary.FindSimilar(text.AsSpan(word.Start, word.Length));
            if (found.Similarity > 0) Add(found.Term, found.Similarity * found.Similarity);
        }
    }
}
