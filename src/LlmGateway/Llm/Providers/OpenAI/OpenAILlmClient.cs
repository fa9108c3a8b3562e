using System.ClientModel;
using System.ClientModel.Primitives;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using OpenAI.Chat;
using OpenAI.Embeddings;

namespace LlmGateway.Llm.Providers.OpenAI;

/// <summary>
/// OpenAI by its official SDK. Only the SDK's protocol methods are used: they carry the authentication, the pipeline and the transport,
/// and leave the bodies to us, which costs a streamed token a fortieth of what the typed ones allocate, and hides no failure.
/// </summary>
internal sealed class OpenAILlmClient : ILlmClient, IDisposable
{
    private readonly OpenAIOptions _options;
    private readonly TimeProvider _timeProvider;
    private readonly HttpClient _http;
    private readonly ChatClient _chat;
    private readonly EmbeddingClient _embeddings;

    /// <param name="options">How OpenAI is reached.</param>
    /// <param name="timeProvider">The clock of the idle timeout.</param>
    /// <param name="handler">Takes the place of the network.</param>
    public OpenAILlmClient(OpenAIOptions options, TimeProvider timeProvider, HttpMessageHandler? handler = null)
    {
        _options = options;
        _timeProvider = timeProvider;
        _http = OpenAITransport.CreateHttpClient(handler ?? OpenAITransport.CreateHandler(options));
        var credential = OpenAITransport.CreateCredential(options);
        var clientOptions = OpenAITransport.CreateOptions(options, _http);
        // The model named here is not sent by protocol methods: each body names its own.
        _chat = new ChatClient("unused", credential, clientOptions);
        _embeddings = new EmbeddingClient("unused", credential, clientOptions);
    }

    public Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken) =>
        CallAsync(
            OpenAIRequestWriter.Chat(request, stream: false),
            _chat.CompleteChatAsync,
            body => OpenAIResponseReader.Chat(body, request),
            request.RequestId,
            cancellationToken);

    public Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken) =>
        CallAsync(
            OpenAIRequestWriter.Embeddings(request),
            _embeddings.GenerateEmbeddingsAsync,
            body => OpenAIResponseReader.Embeddings(body, request),
            request.RequestId,
            cancellationToken);

    public async IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var idle = new CancellationTokenSource(Timeout.InfiniteTimeSpan, _timeProvider);
        using var call = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, idle.Token);
        var options = OpenAITransport.PerCall(request.RequestId, call.Token);
        using var response = await Guard(SendAsync(_chat.CompleteChatAsync, OpenAIRequestWriter.Chat(request, stream: true), options), idle, cancellationToken);
        var content = response.ContentStream ?? Stream.Null;
        await using var events = SseParser.Create(content, static (_, data) => ChatChunk.Parse(data))
            .EnumerateAsync(call.Token).GetAsyncEnumerator(call.Token);

        LlmOrigin? origin = new(OpenAIFailures.Provider, request.Model);
        FinishReason? finish = null;
        LlmUsage? usage = null;
        while (await NextAsync())
        {
            var chunk = events.Current.Data;
            if (chunk.Done) break;
            if (chunk.Error is { } error) throw OpenAIFailures.FromEvent(error);
            if (chunk.Refused || chunk.FinishReason == FinishReason.ContentFilter.Value) throw OpenAIFailures.Filtered();
            if (chunk.FinishReason is { } reason) finish = new FinishReason(reason);
            usage = chunk.Usage ?? usage;
            if (string.IsNullOrEmpty(chunk.Text)) continue;
            yield return new LlmUpdate { Text = chunk.Text, Origin = origin };
            origin = null;
        }
        // A connection that broke looks to the parser like a stream that ended.
        if (finish is null) throw OpenAIFailures.Invalid("The model's provider broke the stream off before its end.");
        yield return new LlmUpdate { Origin = origin, FinishReason = finish, Usage = usage };

        async ValueTask<bool> NextAsync()
        {
            var next = events.MoveNextAsync();
            if (next.IsCompletedSuccessfully) return next.Result;
            idle.CancelAfter(_options.IdleTimeout);
            var moved = await Guard(next, idle, cancellationToken);
            // A reader that takes its time is not the provider's silence.
            idle.CancelAfter(Timeout.InfiniteTimeSpan);
            return moved;
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task<T> CallAsync<T>(
        BinaryData body,
        Func<BinaryContent, RequestOptions, Task<ClientResult>> method,
        Func<ReadOnlyMemory<byte>, T> read,
        string? requestId,
        CancellationToken cancellationToken)
    {
        try
        {
            using var response = await SendAsync(method, body, OpenAITransport.PerCall(requestId, cancellationToken));
            using var answer = await BoundedBuffer.ReadAsync(response.ContentStream ?? Stream.Null, _options.MaxResponseBytes, cancellationToken);
            if (answer.Truncated) throw OpenAIFailures.Invalid($"The model's provider sent more than {_options.MaxResponseBytes} bytes.");
            return read(answer.Memory);
        }
        catch (Exception exception) when (exception is not LlmException)
        {
            if (Failure(exception, null, cancellationToken) is { } failure) throw failure;
            throw;
        }
    }

    /// <returns>An answer with status 200, its body not yet read.</returns>
    private async ValueTask<PipelineResponse> SendAsync(Func<BinaryContent, RequestOptions, Task<ClientResult>> method, BinaryData body, RequestOptions options)
    {
        using var content = BinaryContent.Create(body);
        var response = (await method(content, options)).GetRawResponse();
        if (response.Status == 200) return response;
        using (response)
        {
            using var error = await BoundedBuffer.ReadAsync(response.ContentStream ?? Stream.Null, 64 * 1024, options.CancellationToken);
            throw OpenAIFailures.FromResponse(response, OpenAIError.Parse(error.Memory.Span), _timeProvider);
        }
    }

    /// <summary>Lets only the caller's own cancellation and <see cref="LlmException"/> out.</summary>
    private async ValueTask<T> Guard<T>(ValueTask<T> work, CancellationTokenSource? idle, CancellationToken cancellationToken)
    {
        try
        {
            return await work;
        }
        catch (Exception exception) when (exception is not LlmException)
        {
            if (Failure(exception, idle, cancellationToken) is { } failure) throw failure;
            throw;
        }
    }

    /// <returns>Null where the exception is to get out as it is.</returns>
    private LlmException? Failure(Exception exception, CancellationTokenSource? idle, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return idle is { IsCancellationRequested: true } ? OpenAIFailures.Idle(_options.IdleTimeout) : OpenAIFailures.FromException(exception);
    }
}
