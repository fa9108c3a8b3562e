using LlmGateway.Hosting;

namespace LlmGateway.Llm.Generations;

/// <summary>What is kept, and for how long.</summary>
internal sealed class CacheOptions : ISettings
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(30);

    /// <summary>Bytes of answers kept in this process.</summary>
    public long MemoryBytes { get; set; } = 64 * 1024 * 1024;

    public CacheTimes Summarize { get; set; } = new() { TimeToLive = TimeSpan.FromHours(24) };

    public CacheTimes Chat { get; set; } = new() { TimeToLive = TimeSpan.FromHours(1) };

    public CacheTimes Classify { get; set; } = new() { TimeToLive = TimeSpan.FromHours(1) };

    /// <summary>Of vectors. They never go stale: nothing stands in for them, and nothing needs to.</summary>
    public CacheTimes Embeddings { get; set; } = new() { TimeToLive = TimeSpan.FromHours(24), StaleIfError = TimeSpan.Zero };

    public CacheTimes For(LlmTask task) => task switch
    {
        LlmTask.Summarize => Summarize,
        LlmTask.Chat => Chat,
        LlmTask.Classify => Classify,
        _ => throw new ArgumentOutOfRangeException(nameof(task), task, "No such task."),
    };

    public IEnumerable<string> Problems()
    {
        if (MemoryBytes < 0) yield return "MemoryBytes: give 0 or more.";
        foreach (var (name, times) in new[] { (nameof(Summarize), Summarize), (nameof(Chat), Chat), (nameof(Classify), Classify), (nameof(Embeddings), Embeddings) })
        {
            // A bare number is days: who means seconds is told so.
            if (times.TimeToLive < TimeSpan.Zero || times.TimeToLive > Longest) yield return $"{name}:TimeToLive: give 00:00:00 for off, up to 30.00:00:00 for 30 days.";
            if (times.StaleIfError < TimeSpan.Zero || times.StaleIfError > Longest) yield return $"{name}:StaleIfError: give 00:00:00 for off, up to 30.00:00:00 for 30 days.";
        }
    }
}

internal sealed class CacheTimes
{
    /// <summary>How long an answer stands for the same question; zero keeps none.</summary>
    public TimeSpan TimeToLive { get; set; }

    /// <summary>How much longer it stands in where the model cannot be asked.</summary>
    public TimeSpan StaleIfError { get; set; } = TimeSpan.FromHours(24);

    public bool IsOff => TimeToLive == TimeSpan.Zero;
}
