namespace LlmGateway.Llm.Providers.Anthropic;

/// <summary>How Anthropic is reached. The key is set by <c>ANTHROPIC_API_KEY</c>, the address by <c>ANTHROPIC_BASE_URL</c>.</summary>
public sealed class AnthropicOptions : ProviderOptions
{
    public const string Provider = "anthropic";
    public const string KeyVariable = "ANTHROPIC_API_KEY";
    public const string AddressVariable = "ANTHROPIC_BASE_URL";

    /// <summary>The address has neither the version nor the endpoint in it.</summary>
    public AnthropicOptions() => BaseUrl = new Uri("https://api.anthropic.com");
}
