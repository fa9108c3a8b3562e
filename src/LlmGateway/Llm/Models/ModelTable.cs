using System.Collections.Frozen;

namespace LlmGateway.Llm.Models;

/// <summary>The models that callers may ask for: the allow-list, and what each of them costs and holds.</summary>
public sealed class ModelTable(IEnumerable<ModelInfo> models)
{
    private readonly FrozenDictionary<string, ModelInfo> _models = models.ToFrozenDictionary(model => model.Name, StringComparer.Ordinal);

    public IEnumerable<ModelInfo> All => _models.Values;

    public ModelInfo? Find(string name) => _models.GetValueOrDefault(name);

    /// <summary>What a caller may choose from.</summary>
    public IEnumerable<string> Names(bool embeddings) =>
        All.Where(model => model.Embeddings == embeddings && model.Missing is null).Select(model => model.Name).Order(StringComparer.Ordinal);

    /// <exception cref="LlmException">The table has no such model, or it does not answer but embeds.</exception>
    public ModelInfo GetChat(string name) => Get(name, embeddings: false);

    /// <exception cref="LlmException">The table has no such model, or it does not embed but answers.</exception>
    public ModelInfo GetEmbedding(string name) => Get(name, embeddings: true);

    private ModelInfo Get(string name, bool embeddings)
    {
        var model = Find(name);
        if (model?.Embeddings == embeddings && model.Missing is null) return model;
        var choices = string.Join(", ", Names(embeddings));
        var problem = model is { Missing: { } variable } && model.Embeddings == embeddings
            ? $"This model is not offered here until {variable} is set. Choose one of: {choices}."
            : $"This model is not offered here. Choose one of: {choices}.";
        throw new LlmException(LlmErrorKind.ModelNotAllowed, problem)
        {
            Errors = new Dictionary<string, string[]> { ["model"] = [problem] },
        };
    }
}
