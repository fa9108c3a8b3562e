namespace LlmGateway.FakeOpenAI.Wire;

internal static class FakeText
{
    private static readonly string[] Vocabulary =
    [
        "the", "quiet", "river", "carries", "small", "boats", "past", "green", "hills", "until",
        "evening", "comes", "and", "lamps", "are", "lit",
    ];

    /// <summary>One word a token, the same every time.</summary>
    public static IReadOnlyList<string> Generate(int tokens) =>
        Enumerable.Range(0, tokens).Select(i => i == 0 ? "The" : " " + Vocabulary[i % Vocabulary.Length]).ToList();

    /// <summary>Cuts before each blank that follows something else, so that the pieces add up to the text.</summary>
    public static IReadOnlyList<string> Words(string text)
    {
        var words = new List<string>();
        var start = 0;
        for (var i = 1; i <= text.Length; i++)
        {
            if (i < text.Length && (text[i] != ' ' || text[i - 1] == ' '))
                continue;
            words.Add(text[start..i]);
            start = i;
        }

        return words;
    }
}
