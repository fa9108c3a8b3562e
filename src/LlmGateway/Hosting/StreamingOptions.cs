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

    /// <summary>How long EventSource waits before it reconnects.</summary>
    public TimeSpan Retry { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>With <c>resume=1</c>: how long a call goes on when its last client has gone.</summary>
    public TimeSpan ResumeGrace { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How long an EventSource that got nothing yet may take to send its request again, as browsers do by themselves when a connection dies.</summary>
    public TimeSpan ResendGrace { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a client that has gone finds the rest of what was said.</summary>
    public TimeSpan ResumeFor { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>Bytes of what is kept for clients that have gone; the oldest goes first.</summary>
    public long ResumeBytes { get; set; } = 16 * 1024 * 1024;

    public IEnumerable<string> Problems()
    {
        foreach (var (name, value) in new[]
        {
            (nameof(OpenAfter), OpenAfter), (nameof(PingInterval), PingInterval), (nameof(WriteTimeout), WriteTimeout), (nameof(MaxDuration), MaxDuration), (nameof(Retry), Retry), (nameof(ResumeFor), ResumeFor),
        })
        {
            if (value <= TimeSpan.Zero || value > TimeSpan.FromDays(1)) yield return $"{name}: give more than 00:00:00, up to one day.";
        }
        foreach (var (name, value) in new[] { (nameof(ResumeGrace), ResumeGrace), (nameof(ResendGrace), ResendGrace) })
        {
            if (value < TimeSpan.Zero || value > TimeSpan.FromHours(1)) yield return $"{name}: give 00:00:00 to 01:00:00.";
        }
        if (ResumeBytes < 0) yield return "ResumeBytes: give 0 or more.";
    }
}
