using System.ClientModel.Primitives;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Embeddings;

namespace LlmGateway.Llm.Providers.OpenAI;

/// <summary>
/// The SDK's clients on connections of our own, without the SDK's retries and timeouts, and without the steps of its pipeline that would work out
/// for each call what is the same for all of them: <see cref="PerCall"/> says that.
/// </summary>
internal static class OpenAITransport
{
    private static readonly string UserAgent = $"llm-gateway OpenAI/{typeof(ChatClient).Assembly.GetName().Version?.ToString(3)}";

    public static ChatClient CreateChat(ProviderOptions options, HttpClient http) => new Chat(CreateOptions(options, http));

    public static EmbeddingClient CreateEmbeddings(ProviderOptions options, HttpClient http) => new Embeddings(CreateOptions(options, http));

    private static OpenAIClientOptions CreateOptions(ProviderOptions options, HttpClient http) => new()
    {
        Endpoint = options.BaseUrl,
        Transport = new HttpClientPipelineTransport(http),
        // Retries are the resilience decorator's: two loops would multiply.
        RetryPolicy = new NoRetries(),
        // Two steps of the pipeline that would do nothing; the upstream log has an event for each call.
        ClientLoggingOptions = new ClientLoggingOptions { EnableLogging = false },
        // Costs a timer for every read of a stream: the provider keeps one idle timeout of its own.
        NetworkTimeout = Timeout.InfiniteTimeSpan,
    };

    /// <param name="authorization">The value of the header.</param>
    /// <param name="requestId">The HTTP request that asks.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public static RequestOptions PerCall(string authorization, string? requestId, CancellationToken cancellationToken)
    {
        var options = new RequestOptions
        {
            CancellationToken = cancellationToken,
            // A status is data here, not an exception: it is mapped in one place.
            ErrorOptions = ClientErrorBehaviors.NoThrow,
            BufferResponse = false,
        };
        options.SetHeader("Authorization", authorization);
        options.SetHeader("User-Agent", UserAgent);
        if (requestId is not null) options.SetHeader("X-Client-Request-Id", requestId);
        return options;
    }

    /// <summary>Hands the message on: the SDK's own policy with no retries costs as much as with some.</summary>
    private sealed class NoRetries : PipelinePolicy
    {
        public override void Process(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex) =>
            ProcessNext(message, pipeline, currentIndex);

        public override ValueTask ProcessAsync(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex) =>
            pipeline[currentIndex + 1].ProcessAsync(message, pipeline, currentIndex + 1);
    }

    // The model named here is not sent by protocol methods: each body names its own.
    private sealed class Chat(OpenAIClientOptions options) : ChatClient(ClientPipeline.Create(options), "unused", options);

    private sealed class Embeddings(OpenAIClientOptions options) : EmbeddingClient(ClientPipeline.Create(options), "unused", options);
}
