namespace LlmGateway.Llm.Generations;

/// <summary>How other gateways find a call that they can read along.</summary>
/// <param name="Key">Under which question it is told.</param>
/// <param name="Owner">Who makes it.</param>
internal sealed record SharedName(GenerationKey Key, string Owner);
