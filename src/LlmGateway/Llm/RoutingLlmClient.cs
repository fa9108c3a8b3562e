using LlmGateway.Llm.Models;

namespace LlmGateway.Llm;

/// <summary>Sends each request to the provider that serves its model.</summary>
/// <param name="models">Says who serves what.</param>
/// <param name="providers">The client of each provider, by its name.</param>
internal sealed class RoutingLlmClient(ModelTable models, IReadOnlyDictionary<string, ILlmClient> providers) : ILlmClient
{
    public Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken) =>
        For(request.Model).CompleteAsync(request, cancellationToken);

    public IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, CancellationToken cancellationToken) =>
        For(request.Model).StreamAsync(request, cancellationToken);

    public Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken) =>
        For(request.Model).EmbedAsync(request, cancellationToken);

    private ILlmClient For(string model) => providers[models.Find(model)?.Provider ?? throw new LlmException(LlmErrorKind.ModelNotAllowed, "This model is not offered here.")];
}
