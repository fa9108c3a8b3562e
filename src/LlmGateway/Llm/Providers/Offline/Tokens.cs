namespace LlmGateway.Llm.Providers.Offline;

/// <summary>Counts tokens roughly, as pieces of a stream.</summary>
internal static class Tokens
{
    public static int Count(string text) => Cut(text, int.MaxValue).Tokens;

    /// <returns>How much of the text is at most so many tokens, in UTF-16 units, and how many that are.</returns>
    public static (int Length, int Tokens) Cut(string text, int maxTokens)
    {
        int length = 0, tokens = 0;
        foreach (var piece in Pieces.Of(text))
        {
            if (tokens == maxTokens) break;
            length += piece.Length;
            tokens++;
        }
        return (length, tokens);
    }
}
