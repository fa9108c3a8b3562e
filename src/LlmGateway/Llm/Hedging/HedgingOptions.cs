namespace LlmGateway.Llm.Hedging;

/// <summary>When a call that is late gets a second one beside it.</summary>
public sealed class HedgingOptions
{
    /// <summary>The tasks whose calls do: <c>Chat</c>, <c>Summarize</c>, <c>Classify</c>. None unless told: it costs money.</summary>
    public List<LlmTask> Tasks { get; set; } = [];

    /// <summary>A call is late when so many of the model's recent calls had spoken by then, 0.5 to 0.999.</summary>
    public double Percentile { get; set; } = 0.95;

    /// <summary>Second calls for each first one, at most.</summary>
    public double MaxExtra { get; set; } = 0.05;

    /// <summary>Calls that a model must have answered before any of its calls is late.</summary>
    public int MinSamples { get; set; } = 20;

    internal IEnumerable<string> Problems()
    {
        if (Percentile is not (>= 0.5 and <= 0.999)) yield return "Percentile: give 0.5 to 0.999.";
        if (MaxExtra is not (> 0 and <= 1)) yield return "MaxExtra: give more than 0, up to 1.";
        if (MinSamples < 1 || MinSamples > RecentTimes.Size) yield return $"MinSamples: give 1 to {RecentTimes.Size}.";
    }
}
