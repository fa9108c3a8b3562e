namespace LlmGateway.Hosting;

/// <summary>How the gateway ends.</summary>
internal sealed class ShutdownOptions : ISettings
{
    /// <summary>From the signal to stop until what still runs is aborted.</summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>The part of it that streams may use to come to their own end; then they get an error frame.</summary>
    public double StreamsShare { get; set; } = 0.8;

    public IEnumerable<string> Problems()
    {
        if (DrainTimeout < TimeSpan.Zero || DrainTimeout > TimeSpan.FromMinutes(10)) yield return "DrainTimeout: give 00:00:00 to 00:10:00.";
        if (StreamsShare is not (>= 0 and <= 1)) yield return "StreamsShare: give 0 to 1.";
    }
}
