using LlmGateway.Hosting;
using LlmGateway.Llm.Models;
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

    public OfflineOptions Offline { get; set; } = new();

    public ResilienceOptions Resilience { get; set; } = new();

    public IEnumerable<string> Problems()
    {
        if (Provider is not ("auto" or "offline")) yield return "Provider: give auto or offline.";
        if (Models.Count == 0) yield return "Models: name at least one model, as appsettings.json does.";
        foreach (var (name, model) in Models)
        {
            if (model.Provider != OpenAIFailures.Provider) yield return $"Models:{name}:Provider: there is no provider of this name; give {OpenAIFailures.Provider}.";
        }
        foreach (var problem in Models.SelectMany(model => model.Value.Problems().Select(problem => $"Models:{model.Key}:{problem}")))
            yield return problem;
        if (OpenAI.BaseUrl is not { IsAbsoluteUri: true, Scheme: "http" or "https" })
            yield return "OpenAI:BaseUrl (OPENAI_BASE_URL): give an address like https://host/v1.";
        if (OpenAI.IdleTimeout <= TimeSpan.Zero || OpenAI.IdleTimeout > TimeSpan.FromDays(1)) yield return "OpenAI:IdleTimeout: give more than 00:00:00, up to one day.";
        if (OpenAI.ConnectTimeout <= TimeSpan.Zero || OpenAI.ConnectTimeout > TimeSpan.FromDays(1)) yield return "OpenAI:ConnectTimeout: give more than 00:00:00, up to one day.";
        if (OpenAI.MaxResponseBytes < 1024) yield return "OpenAI:MaxResponseBytes: give 1024 or more.";
        foreach (var problem in Resilience.Problems())
            yield return "Resilience:" + problem;
    }
}
