namespace LlmGateway.Llm.Providers.Offline;

/// <summary>Finds the words that say what a message is about.</summary>
internal static class KeyPhrase
{
    private const int MostWords = 4;

    /// <summary>A longer message is about what its beginning is about.</summary>
    private const int Examined = 2_000;

    /// <returns>The longest run of telling words, as it stands in the text; empty where there are no words.</returns>
    public static string Of(string text)
    {
        var examined = text.AsSpan(0, Math.Min(text.Length, Examined));
        Range best = default, run = default;
        var count = 0;
        foreach (var word in new Words(examined))
        {
            if (word.IsStop)
            {
                count = 0;
                continue;
            }
            var goesOn = count is > 0 and < MostWords && IsNext(examined, run.End.Value, word.Start);
            run = (goesOn ? run.Start.Value : word.Start)..word.End;
            count = goesOn ? count + 1 : 1;
            if (Length(run) >= Length(best)) best = run;
        }
        return examined[best].ToString();
    }

    private static int Length(Range range) => range.End.Value - range.Start.Value;

    // Words of one phrase are parted by a blank or a hyphen, or overlap.
    private static bool IsNext(ReadOnlySpan<char> text, int end, int start) =>
        start <= end || (start == end + 1 && text[end] is (' ' or '-'));
}
