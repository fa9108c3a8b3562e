namespace LlmGateway.Llm.Providers.Offline;

/// <summary>One of the classes that a text may be put in.</summary>
internal sealed record Category(string Name, string Description = "");
