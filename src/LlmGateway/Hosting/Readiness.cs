using LlmGateway.Llm;
using LlmGateway.Llm.Models;
using LlmGateway.Llm.Tokens;

namespace LlmGateway.Hosting;

/// <summary>Prepares what the first request would otherwise wait for; until then, and from the signal to stop on, the process is not ready.</summary>
internal sealed partial class Readiness(
    ModelTable models, ProviderChoice choice, Work work, ILogger<Readiness> logger) : BackgroundService
{
    public bool IsReady => ExecuteTask is { IsCompletedSuccessfully: true } && !work.IsDraining;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (choice.Offline) Offline();
        else if (choice.IsOfflineInPart) OfflineInPart();
        await TokenCounters.WarmAsync(models.All.Where(model => !model.Embeddings).Select(model => model.Encoding).Distinct(), stoppingToken);
    }

    [LoggerMessage(EventId = 6, EventName = "Offline", Level = LogLevel.Warning,
        Message = "No model is asked: the offline provider answers. Set OPENAI_API_KEY to talk to OpenAI.")]
    private partial void Offline();

    [LoggerMessage(EventId = 8, EventName = "OfflineInPart", Level = LogLevel.Warning,
        Message = "OpenAI's models are not asked: the offline provider answers for them. Set OPENAI_API_KEY to talk to OpenAI.")]
    private partial void OfflineInPart();
}
