namespace LlmGateway.Llm.Providers.Offline;

/// <summary>How fast the offline provider pretends to be; whole answers come without delay.</summary>
internal sealed class OfflineOptions
{
    /// <summary>Pieces of a stream per second; 0 for as fast as possible.</summary>
    public double TokensPerSecond { get; set; } = 40;

    /// <summary>From the start of a stream to its first piece.</summary>
    public TimeSpan FirstToken { get; set; } = TimeSpan.FromMilliseconds(150);
}
