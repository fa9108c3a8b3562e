using LlmGateway.Hosting;

namespace LlmGateway.Llm.Embeddings;

internal sealed class EmbeddingsOptions : ISettings
{
    /// <summary>Used when the caller names none; an embedding model of the table.</summary>
    public string Model { get; set; } = "text-embedding-3-small";

    /// <summary>Texts of one request.</summary>
    public int MaxInputs { get; set; } = 10_000;

    /// <summary>Texts of one call to the provider.</summary>
    public int MaxBatchInputs { get; set; } = 2048;

    /// <summary>Tokens of one call to the provider.</summary>
    public int MaxBatchTokens { get; set; } = 300_000;

    /// <summary>Calls of one request that are made at the same time.</summary>
    public int ParallelBatches { get; set; } = 4;

    public IEnumerable<string> Problems()
    {
        if (string.IsNullOrWhiteSpace(Model)) yield return "Model: name an embedding model of Llm:Models.";
        if (MaxInputs < 1) yield return "MaxInputs: give 1 or more.";
        if (MaxBatchInputs < 1) yield return "MaxBatchInputs: give 1 or more.";
        if (MaxBatchTokens < 1) yield return "MaxBatchTokens: give 1 or more.";
        if (ParallelBatches is < 1 or > 100) yield return "ParallelBatches: give 1 to 100.";
    }
}
