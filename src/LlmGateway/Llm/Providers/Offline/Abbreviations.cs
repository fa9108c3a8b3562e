using System.Collections.Frozen;

namespace LlmGateway.Llm.Providers.Offline;

/// <summary>Words that keep their full stop inside a sentence.</summary>
internal static class Abbreviations
{
    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> BeforeAName = Set(
        "adm approx asst ave capt cf cmdr col dr e.g eg gen gov hon i.e ie incl lt maj messrs mr mrs ms mt prof rep rev sen sgt st viz vs");

    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> BeforeANumber = Set(
        "apr art aug ca ch dec eq feb fig figs jan jul jun mar no nos nov oct p para pp pt sec sect sep sept vol");

    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> Anywhere = Set(
        "al assn bros co corp dept est etc inc jr ltd op plc sq sr univ");

    /// <param name="word">The word before the full stop.</param>
    /// <param name="next">What follows, from its first character that is no white space.</param>
    public static bool Continues(ReadOnlySpan<char> word, ReadOnlySpan<char> next)
    {
        if (BeforeAName.Contains(word)) return true;
        if (BeforeANumber.Contains(word) && !next.IsEmpty && char.IsDigit(next[0])) return true;
        var isInitial = word.Length == 1 && char.IsLetter(word[0]);
        return (isInitial || word.Contains('.') || Anywhere.Contains(word)) && !StartsSentence(next);
    }

    // "Acme Inc. The firm" is two sentences and "J. Smith" is none: only a function word tells them apart.
    private static bool StartsSentence(ReadOnlySpan<char> next)
    {
        Span<char> lower = stackalloc char[12];
        var length = 0;
        while (length < next.Length && length < lower.Length && char.IsLetter(next[length])) length++;
        next[..length].ToLowerInvariant(lower);
        return StopWords.Contains(lower[..length]);
    }

    private static FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> Set(string words) =>
        words.Split(' ').ToFrozenSet(StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();
}
