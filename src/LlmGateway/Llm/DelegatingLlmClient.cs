namespace LlmGateway.Llm;

/// <summary>Passes everything on: a decorator overrides what its one job touches.</summary>
public abstract class DelegatingLlmClient(ILlmClient inner) : ILlmClient, IAsyncDisposable
{
    internal ILlmClient Inner { get; } = inner;

    public virtual Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken) =>
        Inner.CompleteAsync(request, cancellationToken);

    public virtual IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, CancellationToken cancellationToken) =>
        Inner.StreamAsync(request, cancellationToken);

    public virtual ValueTask<LlmResponse?> FindStoredAsync(LlmRequest request, CancellationToken cancellationToken) =>
        Inner.FindStoredAsync(request, cancellationToken);

    public virtual Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken) =>
        Inner.EmbedAsync(request, cancellationToken);

    /// <summary>The outermost decorator is disposed of by the container, and each passes it on.</summary>
    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (Inner is IAsyncDisposable disposable) await disposable.DisposeAsync();
    }
}
