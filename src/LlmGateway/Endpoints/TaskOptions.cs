using LlmGateway.Hosting;

namespace LlmGateway.Endpoints;

/// <summary>What every task has settings for.</summary>
internal abstract class TaskOptions : ISettings
{
    /// <summary>Used when the caller names none; a name in the model table.</summary>
    public string Model { get; set; } = "gpt-4o-mini";

    /// <summary>Tokens of an answer, unless the caller says otherwise.</summary>
    public int MaxOutputTokens { get; set; }

    /// <summary>The most that a caller may ask for.</summary>
    public int MaxOutputTokensLimit { get; set; }

    public virtual IEnumerable<string> Problems()
    {
        if (string.IsNullOrWhiteSpace(Model)) yield return "Model: name a model of Llm:Models.";
        if (MaxOutputTokens < 1) yield return "MaxOutputTokens: give 1 or more.";
        if (MaxOutputTokensLimit < MaxOutputTokens) yield return "MaxOutputTokensLimit: give MaxOutputTokens or more.";
    }
}

internal sealed class SummarizeOptions : TaskOptions
{
    public SummarizeOptions() => (MaxOutputTokens, MaxOutputTokensLimit) = (200, 1000);

    /// <summary>Bytes of a request's body, decompressed.</summary>
    public long MaxBodyBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>A text that is not summarized in slices is cut to so many tokens.</summary>
    public int MaxInputTokens { get; set; } = 8000;

    /// <summary>A text of more tokens is summarized in slices, unless the caller says otherwise.</summary>
    public int MapReduceAbove { get; set; } = 100_000;

    /// <summary>Tokens of a slice.</summary>
    public int SliceTokens { get; set; } = 50_000;

    /// <summary>Tokens of the summary of a slice.</summary>
    public int SliceOutputTokens { get; set; } = 800;

    /// <summary>Slices of one text; one with more is refused.</summary>
    public int MaxSlices { get; set; } = 500;

    /// <summary>Slices of one text that are summarized at the same time.</summary>
    public int ParallelSlices { get; set; } = 8;

    /// <summary>The time for so many slices at a time. All rounds of a text together are its deadline.</summary>
    public TimeSpan RoundTimeout { get; set; } = TimeSpan.FromMinutes(2);

    public override IEnumerable<string> Problems()
    {
        foreach (var problem in base.Problems())
            yield return problem;
        if (MaxBodyBytes is < 1024 or > 512 * 1024 * 1024) yield return "MaxBodyBytes: give 1024 to 536870912.";
        if (MaxInputTokens < 1) yield return "MaxInputTokens: give 1 or more.";
        if (MapReduceAbove < 1) yield return "MapReduceAbove: give 1 or more.";
        if (SliceTokens < MinSliceTokens) yield return $"SliceTokens: give {MinSliceTokens} or more.";
        // Many summaries have to fit one slice, or the levels of a long text would hardly shrink.
        if (SliceOutputTokens < 1 || SliceOutputTokens > SliceTokens / 8) yield return "SliceOutputTokens: give 1 to an eighth of SliceTokens.";
        if (MaxSlices is < 1 or > 10_000) yield return "MaxSlices: give 1 to 10000.";
        if (ParallelSlices is < 1 or > 256) yield return "ParallelSlices: give 1 to 256.";
        if (RoundTimeout < TimeSpan.FromMilliseconds(10) || RoundTimeout > TimeSpan.FromHours(1)) yield return "RoundTimeout: give 00:00:00.010 to 01:00:00.";
    }

    internal const int MinSliceTokens = 200;
}

internal sealed class ChatOptions : TaskOptions
{
    public ChatOptions() => (MaxOutputTokens, MaxOutputTokensLimit) = (1024, 4096);

    /// <summary>Messages of one request.</summary>
    public int MaxMessages { get; set; } = 1000;

    public override IEnumerable<string> Problems() =>
        MaxMessages < 1 ? base.Problems().Append("MaxMessages: give 1 or more.") : base.Problems();
}

internal sealed class ClassifyOptions : TaskOptions
{
    public ClassifyOptions() => (MaxOutputTokens, MaxOutputTokensLimit) = (100, 100);

    /// <summary>Used when the caller sends none.</summary>
    public List<Category> Categories { get; set; } = [];

    /// <summary>Categories of one request.</summary>
    public int MaxCategories { get; set; } = 100;

    public override IEnumerable<string> Problems()
    {
        var problems = base.Problems();
        if (MaxCategories < 1) problems = problems.Append("MaxCategories: give 1 or more.");
        return problems.Concat(CategoryRules.Problems(Categories, MaxCategories).Select(problem => $"Categories{problem.Place}: {problem.Problem}"));
    }
}
