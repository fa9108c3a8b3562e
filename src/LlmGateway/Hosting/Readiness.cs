using LlmGateway.Llm;
using LlmGateway.Llm.Models;
using LlmGateway.Llm.Tokens;

namespace LlmGateway.Hosting;

/// <summary>Prepares what the first request would otherwise wait for; until then, and from the signal to stop on, the process is not ready.</summary>
internal sealed partial class Readiness(
    ModelTable models, ProviderChoice choice, Work work, IConfiguration configuration, IEnumerable<SettingsSection> sections, ILogger<Readiness> logger) : BackgroundService
{
    /// <summary>What the framework reads.</summary>
    private static readonly string[] Foreign = ["AllowedHosts", "ConnectionStrings", "Kestrel"];

    /// <summary>Variables of the host: it takes these prefixes off, and they are there with them, too.</summary>
    private static readonly string[] HostPrefixes = ["ASPNETCORE_", "DOTNET_"];

    public bool IsReady => ExecuteTask is { IsCompletedSuccessfully: true } && !work.IsDraining;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        foreach (var section in UnreadSections())
            Unread(section);
        if (choice.Offline) Offline();
        else if (choice.IsOfflineInPart) OfflineInPart();
        await TokenCounters.WarmAsync(models.All.Where(model => !model.Embeddings).Select(model => model.Encoding).Distinct(), stoppingToken);
    }

    /// <summary>A section whose name is misspelt is nobody's, and so nobody refuses what is in it. Variables of other programs look the same: it is no error.</summary>
    private IEnumerable<string> UnreadSections() => configuration.GetChildren()
        .Where(section => section.Key.Length > 0 && section.GetChildren().Any())
        .Select(section => section.Key)
        .Where(name => !HostPrefixes.Any(prefix => name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)))
        .Except(sections.Select(section => section.Name).Concat(Foreign), StringComparer.OrdinalIgnoreCase);

    [LoggerMessage(EventId = 18, EventName = "UnreadSection", Level = LogLevel.Warning,
        Message = "Nobody reads the settings {Section}:…. See appsettings.json for the sections there are.")]
    private partial void Unread(string section);

    [LoggerMessage(EventId = 6, EventName = "Offline", Level = LogLevel.Warning,
        Message = "No model is asked: the offline provider answers. Set OPENAI_API_KEY to talk to OpenAI.")]
    private partial void Offline();

    [LoggerMessage(EventId = 8, EventName = "OfflineInPart", Level = LogLevel.Warning,
        Message = "OpenAI's models are not asked: the offline provider answers for them. Set OPENAI_API_KEY to talk to OpenAI.")]
    private partial void OfflineInPart();
}
