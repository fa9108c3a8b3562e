namespace LlmGateway.Llm.Providers.OpenAI;

/// <summary>How OpenAI is reached. The key is set by <c>OPENAI_API_KEY</c>, the address by <c>OPENAI_BASE_URL</c>.</summary>
public sealed class OpenAIOptions : ProviderOptions
{
    public const string Provider = "openai";
    public const string KeyVariable = "OPENAI_API_KEY";
    public const string AddressVariable = "OPENAI_BASE_URL";

    /// <summary>The address has the version in it, and not the endpoint.</summary>
    public OpenAIOptions() => BaseUrl = new Uri("https://api.openai.com/v1");
}
