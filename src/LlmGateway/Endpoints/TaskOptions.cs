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

    /// <summary>A longer text is cut to so many tokens.</summary>
    public int MaxInputTokens { get; set; } = 8000;

    public override IEnumerable<string> Problems() =>
        MaxInputTokens < 1 ? base.Problems().Append("MaxInputTokens: give 1 or more.") : base.Problems();
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
        return problems.Concat(CategoryRules.Problems(Categories, MaxCategories).Select(problem => "Categories: " + problem));
    }
}
