using System.Runtime.CompilerServices;
using System.Text;
using Anthropic;
using Anthropic.Core;
using Anthropic.Exceptions;
using Anthropic.Models.Messages;
using LlmGateway.Llm.Models;
using LlmGateway.Llm.Pacing;
using HttpResponse = Anthropic.Core.HttpResponse;

namespace LlmGateway.Llm.Providers.Anthropic;

/// <summary>
/// Claude by its official SDK. It carries the authentication, the versions and the call; answers are read from the raw response, for a stream
/// that the SDK reads ends in silence where its connection broke.
/// </summary>
internal sealed class AnthropicLlmClient : ILlmClient, IDisposable
{
    private readonly ProviderFailures _failures;
    private readonly ProviderOptions _options;
    private readonly ModelTable _models;
    private readonly TimeProvider _timeProvider;
    private readonly ProviderCall _call;
    private readonly HttpClient _http;
    private readonly AnthropicClient _client;
    private readonly Pacer? _pacer;

    /// <param name="failures">Names the provider.</param>
    /// <param name="options">How it is reached.</param>
    /// <param name="key">Sent with each call.</param>
    /// <param name="models">Says what its models can take.</param>
    /// <param name="timeProvider">The clock of the idle timeout.</param>
    /// <param name="handler">The network.</param>
    /// <param name="pacer">Waits for room in the key's limits; null waits for nothing.</param>
    public AnthropicLlmClient(
        ProviderFailures failures, ProviderOptions options, string key, ModelTable models, TimeProvider timeProvider, HttpMessageHandler handler,
        Pacer? pacer = null)
    {
        (_failures, _options, _models, _timeProvider, _pacer) = (failures, options, models, timeProvider, pacer);
        _call = new ProviderCall(failures);
        _http = ProviderTransport.CreateHttpClient(new AnthropicFailureHandler(failures, timeProvider, handler));
        _client = new AnthropicClient
        {
            ApiKey = key,
            BaseUrl = options.BaseUrl!.ToString().TrimEnd('/'),
            HttpClient = _http,
            // Retries are the resilience decorator's: two loops would multiply.
            MaxRetries = 0,
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    public async Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken)
    {
        var (response, queued) = await _call.GuardAsync(SendAsync(request, stream: false, cancellationToken), null, cancellationToken);
        using (response)
            return await _call.GuardAsync(ReadAsync(response, request, queued, cancellationToken), null, cancellationToken);
    }

    public async IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var idle = new IdleTimeout(_options.IdleTimeout, _timeProvider, cancellationToken);
        var (response, queued) = await _call.GuardAsync(SendAsync(request, stream: true, idle.Token), idle, cancellationToken);
        using var answer = response;
        await using var content = await _call.GuardAsync(new ValueTask<Stream>(response.ReadAsStream(idle.Token)), idle, cancellationToken);
        using var events = new SseReader<AnthropicEvent>(
            content, new PieceParser<AnthropicEvent>(AnthropicEvent.Parse).Parse, _call, idle, _options.MaxResponseBytes, cancellationToken);

        LlmOrigin? origin = new(_failures.Provider, request.Model) { QueueTime = queued };
        FinishReason? finish = null;
        long bytes = 0;
        var usage = new AnthropicUsage();
        var ended = false;
        try
        {
            while (!ended && await events.MoveNextAsync())
            {
                var data = events.Current;
                if (data.Error is { } error) throw _failures.FromEvent(error.Kind(null), error.Named);
                if (data.StopReason is { } reason) finish = Finish(reason);
                usage = usage.Then(data.Usage);
                ended = data.Ends;
                if (string.IsNullOrEmpty(data.Text)) continue;
                bytes += Encoding.UTF8.GetByteCount(data.Text);
                if (bytes > _options.MaxResponseBytes) throw _failures.TooLong(_options.MaxResponseBytes);
                yield return new LlmUpdate { Text = data.Text, Origin = origin };
                origin = null;
            }
        }
        finally
        {
            // Only pieces are handled on the thread of the connection: what the end of a stream brings with it may take longer.
            await SocketThread.LeaveAsync();
        }
        // A connection that broke looks to the parser like a stream that ended.
        if (!ended || finish is null) throw _failures.BrokenOff();
        yield return new LlmUpdate { Origin = origin, FinishReason = finish, Usage = usage.Total };
    }

    /// <summary>Anthropic has no such models.</summary>
    public Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken) =>
        Task.FromException<EmbeddingResponse>(new LlmException(LlmErrorKind.ModelNotAllowed, "This provider makes no embeddings.") { Provider = _failures.Provider });

    public void Dispose()
    {
        _client.Dispose();
        _http.Dispose();
    }

    /// <returns>An answer with status 200, its body not yet read, and how long the call has waited to be sent.</returns>
    private async ValueTask<(HttpResponse Response, TimeSpan Queued)> SendAsync(LlmRequest request, bool stream, CancellationToken cancellationToken)
    {
        // Not the SDK's methods for messages: they read the typed form of what we have written, by reflection.
        var message = new HttpRequest<MessageCreateParams>
        {
            Method = HttpMethod.Post,
            Params = AnthropicRequestWriter.Message(request, _models.Find(request.Model), stream),
        };
        var pacer = _pacer?.Of(request.Model);
        var ticket = pacer is null ? default : await pacer.EnterAsync(Pacer.Tokens(request), cancellationToken);
        RateLimitHeaders? limits = null;
        TimeSpan? limited = null;
        try
        {
            var response = await _client.WithRawResponse.Execute(message, cancellationToken);
            if (pacer is not null) limits = RateLimitHeaders.OfAnthropic(name => response.TryGetHeaderValues(name, out var values) ? values.FirstOrDefault() : null);
            return (response, ticket.Queued);
        }
        catch (Exception exception) when (exception is LlmException or AnthropicException)
        {
            // Whatever has a status is told by the handler: the rest is the connection.
            var failure = exception as LlmException ?? exception.InnerException as LlmException ?? _failures.Lost(exception);
            if (failure.Kind == LlmErrorKind.UpstreamRateLimited) limited = failure.RetryAfter ?? TimeSpan.Zero;
            if (failure == exception) throw;
            throw failure;
        }
        finally
        {
            pacer?.Leave(ticket, limits, limited);
        }
    }

    private async ValueTask<LlmResponse> ReadAsync(HttpResponse response, LlmRequest request, TimeSpan queued, CancellationToken cancellationToken)
    {
        await using var content = await response.ReadAsStream(cancellationToken);
        using var body = await BoundedBuffer.ReadAsync(content, _options.MaxResponseBytes, cancellationToken);
        if (body.Truncated) throw _failures.TooLong(_options.MaxResponseBytes);
        var answer = AnthropicEvent.Parse(body.Memory.Span);
        var finish = Finish(answer.StopReason ?? throw _failures.Invalid("The model's provider sent an answer without an end."));
        return new LlmResponse
        {
            Text = request.Tool is null ? answer.Text ?? throw _failures.Invalid("The model's provider sent an answer without content.") : "",
            ToolArguments = request.Tool is { } tool ? Arguments(answer, tool, request.Model) : null,
            FinishReason = finish,
            Origin = new LlmOrigin(_failures.Provider, request.Model) { QueueTime = queued },
            Usage = answer.Usage.Total,
        };
    }

    /// <summary>A model that cannot be forced to call a tool has been told to answer in the tool's form.</summary>
    private string? Arguments(AnthropicEvent answer, LlmTool tool, string model) =>
        _models.Find(model) is { ForcedTool: false } ? answer.Text : answer.ToolName == tool.Name ? answer.ToolArguments : null;

    private FinishReason Finish(string stopReason) => stopReason switch
    {
        "end_turn" or "stop_sequence" => FinishReason.Stop,
        "max_tokens" or "model_context_window_exceeded" => FinishReason.Length,
        "tool_use" => FinishReason.ToolCalls,
        "refusal" => throw _failures.Filtered(),
        _ => new FinishReason(stopReason),
    };
}
