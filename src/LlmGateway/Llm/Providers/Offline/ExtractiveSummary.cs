using System.Runtime.InteropServices;
using System.Text;

namespace LlmGateway.Llm.Providers.Offline;

/// <summary>
/// A summary of a text's own sentences: those whose words the rest of the text speaks of most, each of them saying something new, in the
/// order of the text. The time it takes grows with the text and not with its square.
/// </summary>
internal static class ExtractiveSummary
{
    /// <summary>Only so many of the best sentences are compared with each other.</summary>
    private const int Candidates = 64;

    private const int MostSentences = 3;

    /// <param name="text">Any text; white space in it is nothing but a blank.</param>
    /// <param name="fits">Whether a summary is short enough; one sentence is given even where it is not.</param>
    /// <returns>Up to three sentences; empty where the text is.</returns>
    public static string Of(string text, Func<string, bool> fits)
    {
        var sentences = Sentences.Split(text);
        var terms = sentences.ConvertAll(range => Terms(text.AsSpan(range)));
        var weights = Weights(terms);
        var scores = new double[sentences.Count];
        for (var i = 0; i < scores.Length; i++)
            scores[i] = Score(text.AsSpan(sentences[i]), terms[i], weights, i);

        var chosen = Choose(terms, weights, scores, sentences.Count switch { < 3 => 1, < 8 => 2, _ => MostSentences });
        while (true)
        {
            var summary = Join(text, chosen.Order().Select(index => sentences[index]));
            if (chosen.Count <= 1 || fits(summary)) return summary;
            chosen.RemoveAt(chosen.Count - 1);
        }
    }

    private static HashSet<ulong> Terms(ReadOnlySpan<char> sentence)
    {
        var terms = new HashSet<ulong>();
        foreach (var word in new Words(sentence))
            if (!word.IsStop) terms.Add(word.Term);
        return terms;
    }

    // What a text speaks of in many of its sentences is its topic; a word that comes once says little about the whole.
    private static Dictionary<ulong, double> Weights(List<HashSet<ulong>> sentences)
    {
        var weights = new Dictionary<ulong, double>();
        foreach (var term in sentences.SelectMany(terms => terms))
            CollectionsMarshal.GetValueRefOrAddDefault(weights, term, out _)++;
        foreach (var (term, count) in weights)
            weights[term] = count > 1 ? Math.Log2(1 + count) : 0.5;
        return weights;
    }

    private static double Score(ReadOnlySpan<char> sentence, HashSet<ulong> terms, Dictionary<ulong, double> weights, int index)
    {
        var score = terms.Sum(term => weights[term]) / Math.Sqrt(terms.Count + 1);
        if (terms.Count < 5) score *= (terms.Count + 1) / 6.0;
        if (terms.Count > 30) score *= 30.0 / terms.Count;
        var ended = sentence.TrimEnd("\"'”’»)]」』）*_");
        var isWhole = !ended.IsEmpty && Sentences.IsTerminator(ended[^1]) && ended[^1] is not ('?' or '？');
        if (!isWhole) score *= 0.7;
        return score * (1 + (0.5 / (1 + index)));
    }

    private static List<int> Choose(List<HashSet<ulong>> terms, Dictionary<ulong, double> weights, double[] scores, int count)
    {
        var order = Enumerable.Range(0, scores.Length).ToArray();
        Array.Sort(order, (a, b) => scores[b] != scores[a] ? scores[b].CompareTo(scores[a]) : a - b);
        var candidates = order.Take(Candidates).ToList();
        var novelty = new double[scores.Length];
        Array.Fill(novelty, 1);
        var chosen = new List<int>();
        while (chosen.Count < count && candidates.Count > 0)
        {
            var best = candidates.MaxBy(index => scores[index] * novelty[index]);
            if (chosen.Count > 0 && scores[best] * novelty[best] <= 0) break;
            chosen.Add(best);
            candidates.Remove(best);
            foreach (var index in candidates)
                novelty[index] = Math.Min(novelty[index], 1 - Similarity(terms[best], terms[index], weights));
        }
        return chosen;
    }

    // The share of the smaller one's weight that both have: a sentence that another one contains says nothing new.
    private static double Similarity(HashSet<ulong> first, HashSet<ulong> second, Dictionary<ulong, double> weights)
    {
        var smaller = Math.Min(first.Sum(term => weights[term]), second.Sum(term => weights[term]));
        return smaller == 0 ? 1 : Math.Min(1, second.Where(first.Contains).Sum(term => weights[term]) / smaller);
    }

    private static string Join(string text, IEnumerable<Range> sentences)
    {
        var summary = new StringBuilder();
        foreach (var range in sentences)
        {
            if (summary.Length > 0)
            {
                // Headings and list items would otherwise run into what follows.
                if (char.IsAsciiLetterOrDigit(summary[^1])) summary.Append('.');
                if (!Sentences.IsWideStop(summary[^1])) summary.Append(' ');
            }
            var afterBlank = false;
            foreach (var c in text.AsSpan(range))
            {
                var isBlank = Sentences.IsBlank(c);
                if (!isBlank) summary.Append(c);
                else if (!afterBlank) summary.Append(' ');
                afterBlank = isBlank;
            }
        }
        return summary.ToString();
    }
}
