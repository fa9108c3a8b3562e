using System.Runtime.CompilerServices;

namespace LlmGateway.Llm.Resilience;

/// <summary>
/// Repeats what failed for a moment, gives up on what takes too long, and leaves a provider alone that is down. One for each provider.
/// A stream is repeated only until its first update; after it, time limits end and failures pass through, and count for nothing here.
/// </summary>
internal sealed class ResilientLlmClient(
    ILlmClient inner,
    string provider,
    ResilienceOptions options,
    TimeProvider timeProvider,
    ILogger<ResilientLlmClient> logger,
    Func<double>? jitter = null) : DelegatingLlmClient(inner)
{
    private readonly UpstreamPipeline _pipeline = new(provider, options, timeProvider, logger, jitter ?? Random.Shared.NextDouble);

    public override Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken) => _pipeline.RunAsync(
        new UpstreamCall(request.RequestId, timeProvider, cancellationToken),
        (Inner, request),
        static (sent, token) => sent.Inner.CompleteAsync(sent.request, token),
        static (call, response) => response with { Origin = call.Stamp(response.Origin) });

    public override Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken) => _pipeline.RunAsync(
        new UpstreamCall(request.RequestId, timeProvider, cancellationToken),
        (Inner, request),
        static (sent, token) => sent.Inner.EmbedAsync(sent.request, token),
        static (call, response) => response with { Origin = call.Stamp(response.Origin) });

    public override async IAsyncEnumerable<LlmUpdate> StreamAsync(
        LlmRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var call = new UpstreamCall(request.RequestId, timeProvider, cancellationToken);
        await using var stream = await _pipeline.RunAsync(
            call,
            (Inner, request, cancellationToken),
            static (sent, token) => UpstreamStream.OpenAsync(sent.Inner, sent.request, sent.cancellationToken, token),
            static (_, stream) => stream);

        if (stream.First is not { } first) yield break;
        yield return first.Origin is { } origin ? first with { Origin = call.Stamp(origin) } : first;

        while (true)
        {
            try
            {
                if (!await stream.MoveNextAsync()) yield break;
            }
            catch (LlmException exception)
            {
                exception.Attempts = call.Attempts;
                throw;
            }

            yield return stream.Current;
        }
    }
}
