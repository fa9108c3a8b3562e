using LlmGateway.Hosting;
using LlmGateway.Llm.Hedging;
using LlmGateway.Llm.Models;
using LlmGateway.Llm.Pacing;
using LlmGateway.Llm.Providers;
using LlmGateway.Llm.Providers.Anthropic;
using LlmGateway.Llm.Providers.Offline;
using LlmGateway.Llm.Providers.OpenAI;
using LlmGateway.Llm.Resilience;

namespace LlmGateway.Llm;

/// <summary>The section <c>Llm</c>: who is asked, and how.</summary>
internal sealed class LlmOptions : ISettings
{
    /// <summary>
    /// <c>auto</c>: by the model table, with the offline provider standing in for one without a key in Development;
    /// <c>offline</c>: always the offline provider.
    /// </summary>
    public string Provider { get; set; } = "auto";

    public Dictionary<string, ModelInfo> Models { get; set; } = [];

    public OpenAIOptions OpenAI { get; set; } = new();

    public AnthropicOptions Anthropic { get; set; } = new();

    /// <summary>Further servers that speak like OpenAI, by the names that the model table uses.</summary>
    public Dictionary<string, CompatibleOptions> Providers { get; set; } = [];

    public OfflineOptions Offline { get; set; } = new();

    public ResilienceOptions Resilience { get; set; } = new();

    public PacingOptions Pacing { get; set; } = new();

    public HedgingOptions Hedging { get; set; } = new();

    /// <summary>All that models may name, whether they have a key or not.</summary>
    internal IEnumerable<ProviderSetting> AllProviders() =>
    [
        new(OpenAIOptions.Provider, OpenAIOptions.KeyVariable, "Llm:OpenAI", OpenAI),
        new(AnthropicOptions.Provider, AnthropicOptions.KeyVariable, "Llm:Anthropic", Anthropic),
        .. Providers.Select(named => new ProviderSetting(named.Key, named.Value.KeyVariable, $"Llm:Providers:{named.Key}", named.Value)),
    ];

    public IEnumerable<string> Problems()
    {
        if (Provider is not ("auto" or "offline")) yield return "Provider: give auto or offline.";
        if (Models.Count == 0) yield return "Models: name at least one model, as appsettings.json does.";
        foreach (var problem in Models.SelectMany(model => ModelProblems(model.Key, model.Value).Concat(model.Value.Problems()).Select(problem => $"Models:{model.Key}:{problem}")))
            yield return problem;
        foreach (var problem in OpenAI.Problems("https://host/v1"))
            yield return "OpenAI:" + problem.Replace("BaseUrl:", $"BaseUrl ({OpenAIOptions.AddressVariable}):", StringComparison.Ordinal);
        foreach (var problem in Anthropic.Problems("https://host"))
            yield return "Anthropic:" + problem.Replace("BaseUrl:", $"BaseUrl ({AnthropicOptions.AddressVariable}):", StringComparison.Ordinal);
        foreach (var (name, provider) in Providers)
        {
            if (name is OpenAIOptions.Provider or AnthropicOptions.Provider or OfflineLlmClient.Name) yield return $"Providers:{name}: this name is taken; give another one.";
            foreach (var problem in provider.AllProblems())
                yield return $"Providers:{name}:{problem}";
        }
        foreach (var problem in Resilience.Problems())
            yield return "Resilience:" + problem;
        foreach (var problem in Pacing.Problems())
            yield return "Pacing:" + problem;
        foreach (var problem in Hedging.Problems())
            yield return "Hedging:" + problem;
    }

    private IEnumerable<string> ModelProblems(string name, ModelInfo model)
    {
        var known = AllProviders().Select(provider => provider.Name).ToList();
        if (!known.Contains(model.Provider)) yield return $"Provider: there is no provider of this name; give one of {string.Join(", ", known)}.";
        if (model.Embeddings && model.Provider == AnthropicOptions.Provider) yield return "Embeddings: this provider makes none.";
        if (model.Embeddings && model.Fallbacks.Count > 0) yield return "Fallbacks: vectors of two models do not compare; give none.";
        foreach (var fallback in model.Fallbacks)
        {
            if (fallback == name || !Models.TryGetValue(fallback, out var other) || other.Embeddings)
                yield return "Fallbacks: name other models of Llm:Models that answer.";
        }
    }
}

/// <param name="Name">As the model table has it.</param>
/// <param name="KeyVariable">Where its key comes from; null where it needs none, or has it in its section.</param>
/// <param name="Section">Its settings' path.</param>
/// <param name="Options">Its settings.</param>
internal sealed record ProviderSetting(string Name, string? KeyVariable, string Section, ProviderOptions Options)
{
    /// <summary>For a server that asks for no key: one is sent all the same, as everybody does who speaks OpenAI's language.</summary>
    private static readonly IReadOnlyList<string> NoKey = ["none"];

    /// <summary>What to set, in words.</summary>
    public string KeyName => KeyVariable ?? $"{Section.Replace(":", "__", StringComparison.Ordinal)}__ApiKey";

    /// <returns>As they stand now; none where they are missing.</returns>
    public IReadOnlyList<string> Keys(IConfiguration configuration)
    {
        var keys = new[] { KeyVariable is null ? null : configuration[KeyVariable], configuration[Section + ":ApiKey"] }
            .Select(text => text?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [])
            .FirstOrDefault(keys => keys.Length > 0);
        return keys is not null ? [.. keys.Distinct()] : KeyVariable is null ? NoKey : [];
    }
}
