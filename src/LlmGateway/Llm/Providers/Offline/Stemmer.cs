using System.Buffers;

namespace LlmGateway.Llm.Providers.Offline;

/// <summary>
/// Brings the forms of an English word together (<c>charge</c>, <c>charged</c>, <c>charging</c>) by cutting endings off.
/// The rest need not be a word; words that English endings do not fit stay as they are.
/// </summary>
internal static class Stemmer
{
    // Longest first: the first that fits is the one to go.
    private static readonly string[] Derivations =
        ["ization", "ation", "ement", "ment", "ness", "able", "ible", "ance", "ence", "ally", "ery", "ful", "ion", "ly", "er", "or"];

    private static readonly SearchValues<char> Vowels = SearchValues.Create("aeiouy");

    /// <param name="word">In lower case; what is over after the result's length is left behind.</param>
    public static ReadOnlySpan<char> Stem(Span<char> word)
    {
        var length = word.Length;
        if (length > 2 && word[^1] == 's' && word[^2] == '\'') length -= 2;
        length = Plural(word[..length]);
        length = Inflection(word[..length]);
        foreach (var ending in Derivations)
        {
            if (length - ending.Length < 4 || !word[..length].EndsWith(ending)) continue;
            length -= ending.Length;
            break;
        }
        if (length > 3 && word[length - 1] == 'e') length--;
        if (length > 3 && word[length - 1] == word[length - 2] && IsConsonant(word[length - 1])) length--;
        if (length > 2 && word[length - 1] == 'y') word[length - 1] = 'i';
        return word[..length];
    }

    private static int Plural(Span<char> word)
    {
        var length = word.Length;
        if (length < 4 || word[^1] != 's' || word[^2] is 's' or 'u' or 'i' || !char.IsAsciiLetter(word[^2])) return length;
        if (!word.EndsWith("ies")) return length - 1;
        word[^3] = 'y';
        return length - 2;
    }

    private static int Inflection(ReadOnlySpan<char> word)
    {
        var ending = word.EndsWith("ing") ? 3 : word.EndsWith("ed") ? 2 : 0;
        return ending > 0 && word.Length - ending >= 3 && word[..^ending].IndexOfAny(Vowels) >= 0 ? word.Length - ending : word.Length;
    }

    private static bool IsConsonant(char c) => char.IsAsciiLetter(c) && c is not ('a' or 'e' or 'i' or 'o' or 'u');
}
