namespace LlmGateway.Llm.Tokens;

/// <summary>A part of a text.</summary>
/// <param name="Start">Where it begins, in chars.</param>
/// <param name="Length">Its length in chars.</param>
/// <param name="Tokens">How many tokens it has, counted by itself.</param>
internal readonly record struct TextSlice(int Start, int Length, int Tokens);
