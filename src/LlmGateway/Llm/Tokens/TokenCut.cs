namespace LlmGateway.Llm.Tokens;

/// <summary>A prefix of a text.</summary>
/// <param name="Length">Its length in chars.</param>
/// <param name="Tokens">How many tokens it has, counted by itself.</param>
internal readonly record struct TokenCut(int Length, int Tokens);
