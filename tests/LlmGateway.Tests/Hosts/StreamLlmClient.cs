using LlmGateway.Llm;

namespace LlmGateway.Tests.Hosts;

/// <summary>In place of all models: streams what its test yields, when its test yields it.</summary>
internal sealed class StreamLlmClient(Func<CancellationToken, IAsyncEnumerable<LlmUpdate>> stream) : ILlmClient
{
    public static LlmOrigin Origin { get; } = new("openai", "gpt-4o-mini");

    public static LlmUpdate End { get; } = new() { FinishReason = FinishReason.Stop };

    public static LlmUpdate Token(string text) => new() { Text = text, Origin = Origin };

    public IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, CancellationToken cancellationToken) => stream(cancellationToken);

    public Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken) => throw new NotSupportedException();
}
