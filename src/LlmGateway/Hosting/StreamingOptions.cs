namespace LlmGateway.Hosting;

/// <summary>How streams are kept.</summary>
internal sealed class StreamingOptions : ISettings
{
    /// <summary>Without a token for so long a stream opens all the same; until then a failure is an HTTP status.</summary>
    public TimeSpan OpenAfter { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Silence after which a comment is sent, so that nothing in between takes the stream for dead.</summary>
    public TimeSpan PingInterval { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>A reader that takes nothing for so long is dropped.</summary>
    public TimeSpan WriteTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The longest a stream may be.</summary>
    public TimeSpan MaxDuration { get; set; } = TimeSpan.FromMinutes(10);

    public IEnumerable<string> Problems()
    {
        foreach (var (name, value) in new[]
        {
            (nameof(OpenAfter), OpenAfter), (nameof(PingInterval), PingInterval), (nameof(WriteTimeout), WriteTimeout), (nameof(MaxDuration), MaxDuration),
        })
        {
            if (value <= TimeSpan.Zero || value > TimeSpan.FromDays(1)) yield return $"{name}: give more than 00:00:00, up to one day.";
        }
    }
}
