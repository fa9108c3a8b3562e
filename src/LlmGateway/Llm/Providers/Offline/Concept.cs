namespace LlmGateway.Llm.Providers.Offline;

/// <summary>What people write about, and how they put it.</summary>
/// <param name="Name">Its main word.</param>
/// <param name="Keys">Words of category names that mean it.</param>
/// <param name="AlsoKeys">Words of category names that it is a part of.</param>
/// <param name="Phrases">Words and pairs of words that tell of it, parted by commas.</param>
/// <param name="Opposite">The concept whose phrases mean this one after a "not".</param>
internal sealed record Concept(string Name, string Keys, string AlsoKeys, string Phrases, string Opposite = "");
