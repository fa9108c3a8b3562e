namespace LlmGateway.Llm.Providers;

/// <summary>How a provider is reached.</summary>
public abstract class ProviderOptions
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    /// <summary>One key, or several separated by commas: the calls are spread over them.</summary>
    public string? ApiKey { get; set; }

    /// <summary>Nothing but configuration sets it: a key never chooses its upstream.</summary>
    public Uri? BaseUrl { get; set; }

    /// <summary>The longest silence between two pieces of a stream.</summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Time to open a connection.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Bytes of one answer that comes in one piece, where 2,048 vectors of 3,072 numbers take 34 million; of a stream, bytes of its text, and of each event.</summary>
    public int MaxResponseBytes { get; set; } = 64 * 1024 * 1024;

    /// <returns>One sentence for each wrong setting.</returns>
    internal IEnumerable<string> Problems(string example)
    {
        if (BaseUrl is not { IsAbsoluteUri: true, Scheme: "http" or "https" }) yield return $"BaseUrl: give an address like {example}.";
        if (IdleTimeout <= TimeSpan.Zero || IdleTimeout > Longest) yield return "IdleTimeout: give more than 00:00:00, up to one day.";
        if (ConnectTimeout <= TimeSpan.Zero || ConnectTimeout > Longest) yield return "ConnectTimeout: give more than 00:00:00, up to one day.";
        if (MaxResponseBytes < 1024) yield return "MaxResponseBytes: give 1024 or more.";
    }
}
