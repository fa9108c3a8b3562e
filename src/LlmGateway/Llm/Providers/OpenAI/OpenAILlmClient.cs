using System.ClientModel;
using System.ClientModel.Primitives;
using System.Runtime.CompilerServices;
using System.Text;
using LlmGateway.Llm.Models;
using LlmGateway.Llm.Pacing;
using OpenAI.Chat;
using OpenAI.Embeddings;

namespace LlmGateway.Llm.Providers.OpenAI;

/// <summary>
/// OpenAI by its official SDK. Only the SDK's protocol methods are used: they carry the addresses, the pipeline and the transport,
/// and leave the bodies to us, which costs a streamed token a fortieth of what the typed ones allocate, and hides no failure.
/// </summary>
internal sealed class OpenAILlmClient : ILlmClient, IDisposable
{
    private readonly ProviderFailures _failures;
    private readonly ProviderOptions _options;
    private readonly ModelTable _models;
    private readonly TimeProvider _timeProvider;
    private readonly ProviderCall _call;
    private readonly OpenAIDialect _dialect;
    private readonly Pacer? _pacer;
    private readonly HttpClient _http;
    private readonly string _authorization;
    private readonly ChatClient _chat;
    private readonly EmbeddingClient _embeddings;

    /// <param name="failures">Names the provider.</param>
    /// <param name="options">How it is reached.</param>
    /// <param name="key">Sent with each call.</param>
    /// <param name="models">Says what its models can take.</param>
    /// <param name="timeProvider">The clock of the idle timeout.</param>
    /// <param name="handler">The network.</param>
    /// <param name="dialect">What of OpenAI's language the provider understands.</param>
    /// <param name="pacer">Waits for room in the key's limits; null waits for nothing.</param>
    public OpenAILlmClient(
        ProviderFailures failures, ProviderOptions options, string key, ModelTable models, TimeProvider timeProvider, HttpMessageHandler handler, OpenAIDialect dialect,
        Pacer? pacer = null)
    {
        (_failures, _options, _models, _timeProvider, _dialect, _pacer) = (failures, options, models, timeProvider, dialect, pacer);
        _call = new ProviderCall(failures);
        _http = ProviderTransport.CreateHttpClient(handler);
        _authorization = "Bearer " + key;
        _chat = OpenAITransport.CreateChat(options, _http);
        _embeddings = OpenAITransport.CreateEmbeddings(options, _http);
    }

    public Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken) =>
        CallAsync(
            new Sent(request.Model, Pacer.Tokens(request), request.RequestId),
            OpenAIRequestWriter.Chat(request, _models.Find(request.Model), _dialect, stream: false),
            _chat.CompleteChatAsync,
            (body, queued) => OpenAIResponseReader.Chat(body, request, new LlmOrigin(_failures.Provider, request.Model) { QueueTime = queued }, _failures),
            cancellationToken);

    public Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken) =>
        CallAsync(
            new Sent(request.Model, Pacer.Tokens(request), request.RequestId),
            OpenAIRequestWriter.Embeddings(request, _models.Find(request.Model)),
            _embeddings.GenerateEmbeddingsAsync,
            (body, queued) => OpenAIResponseReader.Embeddings(body, request, new LlmOrigin(_failures.Provider, request.Model) { QueueTime = queued }, _failures),
            cancellationToken);

    public async IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var idle = new IdleTimeout(_options.IdleTimeout, _timeProvider, cancellationToken);
        var body = OpenAIRequestWriter.Chat(request, _models.Find(request.Model), _dialect, stream: true);
        var sent = new Sent(request.Model, Pacer.Tokens(request), request.RequestId);
        var (response, queued) = await _call.GuardAsync(SendAsync(sent, _chat.CompleteChatAsync, body, idle.Token), idle, cancellationToken);
        using var answer = response;
        var content = response.ContentStream ?? Stream.Null;
        using var events = new SseReader<ChatChunk>(
            content, new PieceParser<ChatChunk>(ChatChunk.Parse).Parse, _call, idle, _options.MaxResponseBytes, cancellationToken);

        LlmOrigin? origin = new(_failures.Provider, request.Model) { QueueTime = queued };
        FinishReason? finish = null;
        long bytes = 0;
        LlmUsage? usage = null;
        try
        {
            while (await events.MoveNextAsync())
            {
                var chunk = events.Current;
                if (chunk.Done) break;
                if (chunk.Error is { } error) throw _failures.FromEvent(error);
                if (chunk.Refused || chunk.FinishReason == FinishReason.ContentFilter.Value) throw _failures.Filtered();
                if (chunk.FinishReason is { } reason) finish = new FinishReason(reason);
                usage = chunk.Usage ?? usage;
                if (string.IsNullOrEmpty(chunk.Text)) continue;
                bytes += Encoding.UTF8.GetByteCount(chunk.Text);
                if (bytes > _options.MaxResponseBytes) throw _failures.TooLong(_options.MaxResponseBytes);
                yield return new LlmUpdate { Text = chunk.Text, Origin = origin };
                origin = null;
            }
        }
        finally
        {
            // Only pieces are handled on the thread of the connection: what the end of a stream brings with it may take longer.
            await SocketThread.LeaveAsync();
        }
        // A connection that broke looks to the parser like a stream that ended.
        if (finish is null) throw _failures.BrokenOff();
        yield return new LlmUpdate { Origin = origin, FinishReason = finish, Usage = usage };
    }

    public void Dispose() => _http.Dispose();

    private async Task<T> CallAsync<T>(
        Sent sent,
        BinaryData body,
        Func<BinaryContent, RequestOptions, Task<ClientResult>> method,
        Func<ReadOnlyMemory<byte>, TimeSpan, T> read,
        CancellationToken cancellationToken)
    {
        try
        {
            var (response, queued) = await SendAsync(sent, method, body, cancellationToken);
            using (response)
            {
                using var answer = await BoundedBuffer.ReadAsync(response.ContentStream ?? Stream.Null, _options.MaxResponseBytes, cancellationToken);
                if (answer.Truncated) throw _failures.TooLong(_options.MaxResponseBytes);
                return read(answer.Memory, queued);
            }
        }
        catch (Exception exception) when (exception is not LlmException)
        {
            if (_call.Failure(exception, null, cancellationToken) is { } failure) throw failure;
            throw;
        }
        finally
        {
            await SocketThread.LeaveAsync();
        }
    }

    /// <returns>An answer with status 200, its body not yet read, and how long the call has waited to be sent.</returns>
    private async ValueTask<(PipelineResponse Response, TimeSpan Queued)> SendAsync(
        Sent sent, Func<BinaryContent, RequestOptions, Task<ClientResult>> method, BinaryData body, CancellationToken cancellationToken)
    {
        var pacer = _pacer?.Of(sent.Model);
        var ticket = pacer is null ? default : await pacer.EnterAsync(sent.Tokens, cancellationToken);
        RateLimitHeaders? limits = null;
        TimeSpan? limited = null;
        try
        {
            using var content = BinaryContent.Create(body);
            var response = (await method(content, OpenAITransport.PerCall(_authorization, sent.RequestId, cancellationToken))).GetRawResponse();
            if (pacer is not null) limits = RateLimitHeaders.OfOpenAI(name => response.Headers.TryGetValue(name, out var value) ? value : null);
            if (response.Status == 200) return (response, ticket.Queued);
            using (response)
            {
                using var error = await BoundedBuffer.ReadAsync(response.ContentStream ?? Stream.Null, 64 * 1024, cancellationToken);
                var failure = _failures.FromResponse(response, OpenAIError.Parse(error.Memory.Span), _timeProvider);
                if (failure.Kind == LlmErrorKind.UpstreamRateLimited) limited = failure.RetryAfter ?? TimeSpan.Zero;
                throw failure;
            }
        }
        catch (ClientResultException exception) when (!cancellationToken.IsCancellationRequested)
        {
            // The SDK's word for a connection that was refused or lost.
            throw _failures.Lost(exception);
        }
        finally
        {
            pacer?.Leave(ticket, limits, limited);
        }
    }

    private readonly record struct Sent(string Model, double Tokens, string? RequestId);
}
