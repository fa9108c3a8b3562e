namespace LlmGateway.Tests.Hosts;

/// <summary>Whose language the upstream speaks.</summary>
/// <param name="Provider">Its name.</param>
/// <param name="Model">Asked where the caller names none.</param>
/// <param name="KeyVariable">Where its key comes from.</param>
/// <param name="AddressVariable">Where its address comes from.</param>
public sealed record Wire(string Provider, string Model, string KeyVariable, string AddressVariable)
{
    public static readonly Wire OpenAI = new("openai", "gpt-4o-mini", "OPENAI_API_KEY", "OPENAI_BASE_URL");

    public static readonly Wire Anthropic = new("anthropic", "claude-haiku-4-5", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL");

    /// <summary>Lets the provider answer where the caller names no model.</summary>
    public string[] Settings => [$"Summarize:Model={Model}", $"Chat:Model={Model}", $"Classify:Model={Model}"];
}
