using LlmGateway.Llm.Providers.Offline;
using LlmGateway.Llm.Providers.OpenAI;

namespace LlmGateway.Llm;

/// <summary>Which providers are asked, and for which the offline provider stands in.</summary>
internal sealed class ProviderChoice
{
    private readonly Dictionary<string, string?> _missing;
    private readonly bool _always;
    private readonly bool _development;

    public ProviderChoice(LlmOptions options, IConfiguration configuration, IHostEnvironment environment)
    {
        _missing = options.AllProviders().ToDictionary(
            provider => provider.Name, provider => provider.Keys(configuration).Count > 0 ? null : provider.KeyName);
        _always = options.Provider == OfflineLlmClient.Name;
        _development = environment.IsDevelopment();
    }

    /// <summary>No model is asked at all.</summary>
    public bool Offline => _always || (_development && _missing.Values.All(variable => variable is not null));

    /// <summary>Some answers, or all, come from the offline provider.</summary>
    public bool IsOfflineInPart => Offline || IsOffline(OpenAIOptions.Provider);

    /// <summary>Without a key OpenAI's models are answered offline in Development, whoever else has one: the first command of a newcomer works.</summary>
    public bool IsOffline(string provider) => Offline || (_development && provider == OpenAIOptions.Provider && _missing[provider] is not null);

    /// <returns>The variable that has to be set before the provider can be asked; null where all is there.</returns>
    public string? Missing(string provider) => IsOffline(provider) ? null : _missing[provider];
}
