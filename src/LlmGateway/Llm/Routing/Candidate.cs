using LlmGateway.Llm.Models;

namespace LlmGateway.Llm.Routing;

/// <summary>A model that may answer, and the client of its provider.</summary>
internal sealed record Candidate(ModelInfo Model, ILlmClient Client)
{
    /// <summary>The question as this model takes it.</summary>
    public LlmRequest Fit(LlmRequest request) => request.Model == Model.Name
        ? request
        : request with { Model = Model.Name, MaxOutputTokens = Math.Min(request.MaxOutputTokens, Model.LongestAnswer) };
}
