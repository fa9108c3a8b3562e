namespace LlmGateway.Llm;

/// <summary>
/// The one seam of the gateway: everything above it asks for an answer, everything below it gets one.
/// Every failure but the caller's own cancellation is an <see cref="LlmException"/>.
/// </summary>
public interface ILlmClient
{
    /// <summary>One answer in one piece.</summary>
    Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken);

    /// <summary>
    /// The same answer in pieces, as they come. The first update carries the <see cref="LlmUpdate.Origin"/>; the last one, and only the
    /// last one, a <see cref="LlmUpdate.FinishReason"/>: a sequence that ends without one has thrown. Nothing is sent before the first
    /// <c>MoveNextAsync</c>; cancelling the token, or disposing the enumerator, aborts the upstream call.
    /// </summary>
    IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, CancellationToken cancellationToken);

    /// <summary>The answer as far as it is stored and still stands; null where the model would be asked. Nothing is sent upstream.</summary>
    ValueTask<LlmResponse?> FindStoredAsync(LlmRequest request, CancellationToken cancellationToken) => default;

    /// <summary>One vector for each input, in the order of the inputs.</summary>
    Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken);
}
