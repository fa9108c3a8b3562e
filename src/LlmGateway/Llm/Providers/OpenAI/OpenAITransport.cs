using System.ClientModel.Primitives;
using OpenAI;

namespace LlmGateway.Llm.Providers.OpenAI;

/// <summary>The SDK's client on connections of our own, without the SDK's retries and timeouts.</summary>
internal static class OpenAITransport
{
    public static OpenAIClientOptions CreateOptions(ProviderOptions options, HttpClient http) => new()
    {
        Endpoint = options.BaseUrl,
        Transport = new HttpClientPipelineTransport(http),
        // Retries are the resilience decorator's: two loops would multiply.
        RetryPolicy = new NoRetries(),
        // Two steps of the pipeline that would do nothing; the upstream log has an event for each call.
        ClientLoggingOptions = new ClientLoggingOptions { EnableLogging = false },
        // Costs a timer for every read of a stream: the provider keeps one idle timeout of its own.
        NetworkTimeout = Timeout.InfiniteTimeSpan,
        UserAgentApplicationId = "llm-gateway",
    };

    public static RequestOptions PerCall(string? requestId, CancellationToken cancellationToken)
    {
        var options = new RequestOptions
        {
            CancellationToken = cancellationToken,
            // A status is data here, not an exception: it is mapped in one place.
            ErrorOptions = ClientErrorBehaviors.NoThrow,
            BufferResponse = false,
        };
        if (requestId is not null) options.SetHeader("X-Client-Request-Id", requestId);
        return options;
    }

    /// <summary>Hands the message on: the SDK's own policy with no retries costs as much as with some.</summary>
    private sealed class NoRetries : PipelinePolicy
    {
        public override void Process(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex) =>
            ProcessNext(message, pipeline, currentIndex);

        public override ValueTask ProcessAsync(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex) =>
            ProcessNextAsync(message, pipeline, currentIndex);
    }
}
