using LlmGateway.Llm.Providers.Offline;

namespace LlmGateway.Llm;

/// <summary>Whether models are asked, or the offline provider stands in for them.</summary>
internal sealed class ProviderChoice(LlmOptions options)
{
    public bool Offline { get; } = options.Provider == OfflineLlmClient.Name || string.IsNullOrWhiteSpace(options.OpenAI.ApiKey);
}
