namespace LlmGateway.Llm.Pacing;

/// <summary>How calls wait for room in a provider's limits rather than run into them.</summary>
public sealed class PacingOptions
{
    /// <summary>Whether they do.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>Calls to one model that may wait; more are refused.</summary>
    public int QueueLimit { get; set; } = 1000;

    /// <summary>The longest wait; a call that would have to wait for longer is refused.</summary>
    public TimeSpan MaxWait { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Calls to a model that may be under way until its provider has told its limits for the first time.</summary>
    public int FirstCalls { get; set; } = 32;

    /// <summary>How long the others wait for that before twice as many may be under way, and so on.</summary>
    public TimeSpan FirstWait { get; set; } = TimeSpan.FromSeconds(0.25);

    internal IEnumerable<string> Problems()
    {
        if (QueueLimit < 0) yield return "QueueLimit: give 0 or more.";
        if (MaxWait < TimeSpan.Zero || MaxWait > TimeSpan.FromMinutes(10)) yield return "MaxWait: give 00:00:00 to 00:10:00.";
        if (FirstCalls < 1) yield return "FirstCalls: give 1 or more.";
        if (FirstWait < TimeSpan.Zero || FirstWait > TimeSpan.FromSeconds(10)) yield return "FirstWait: give 00:00:00 to 00:00:10.";
    }
}
