using System.Runtime.CompilerServices;

namespace LlmGateway.Llm;

/// <summary>One event for each upstream call: who was asked, for how long, with what result; never what was said.</summary>
internal sealed partial class UpstreamLogLlmClient(ILlmClient inner, string provider, TimeProvider timeProvider, ILogger<UpstreamLogLlmClient> logger)
    : DelegatingLlmClient(inner)
{
    private const string Ok = "ok";
    private const string Aborted = "aborted";

    public override async Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken)
    {
        var call = new Call(this, request.RequestId, request.Model, request.Task.ToString(), timeProvider.GetTimestamp());
        try
        {
            var response = await Inner.CompleteAsync(request, cancellationToken);
            call.End(Ok, response.Usage, response.FinishReason);
            return response;
        }
        catch (Exception exception)
        {
            call.End(exception, cancellationToken);
            throw;
        }
    }

    public override async IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var call = new Call(this, request.RequestId, request.Model, request.Task.ToString(), timeProvider.GetTimestamp());
        var ended = false;
        var updates = Inner.StreamAsync(request, cancellationToken).GetAsyncEnumerator(cancellationToken);
        try
        {
            while (await MoveNextAsync())
            {
                call.Token(updates.Current);
                if (updates.Current.FinishReason is { } finish)
                {
                    ended = true;
                    call.End(Ok, updates.Current.Usage, finish);
                }
                yield return updates.Current;
            }
        }
        finally
        {
            if (!ended) call.End(Aborted, null, null);
            await updates.DisposeAsync();
        }

        async ValueTask<bool> MoveNextAsync()
        {
            try
            {
                return await updates.MoveNextAsync();
            }
            catch (Exception exception)
            {
                ended = true;
                call.End(exception, cancellationToken);
                throw;
            }
        }
    }

    public override async Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken)
    {
        var call = new Call(this, request.RequestId, request.Model, "Embed", timeProvider.GetTimestamp());
        try
        {
            var response = await Inner.EmbedAsync(request, cancellationToken);
            call.End(Ok, response.Usage, null);
            return response;
        }
        catch (Exception exception)
        {
            call.End(exception, cancellationToken);
            throw;
        }
    }

    private sealed class Call(UpstreamLogLlmClient log, string? requestId, string model, string task, long started)
    {
        private TimeSpan? _firstToken;

        public void Token(LlmUpdate update)
        {
            if (_firstToken is null && update.Text.Length > 0) _firstToken = log.Elapsed(started);
        }

        public void End(Exception exception, CancellationToken cancellationToken)
        {
            if (exception is OperationCanceledException && cancellationToken.IsCancellationRequested)
            {
                End(Aborted, null, null);
                return;
            }
            var failure = exception as LlmException;
            log.Failed(requestId, log.Provider, model, task, failure?.Kind.ToString() ?? exception.GetType().Name, failure?.UpstreamStatus, Milliseconds(log.Elapsed(started)));
        }

        public void End(string result, LlmUsage? usage, FinishReason? finish) => log.Ended(
            requestId, log.Provider, model, task, result, finish?.Value, Milliseconds(log.Elapsed(started)), _firstToken is { } first ? Milliseconds(first) : null,
            usage?.InputTokens, usage?.OutputTokens);
    }

    private string Provider => provider;

    private TimeSpan Elapsed(long started) => timeProvider.GetElapsedTime(started);

    private static double Milliseconds(TimeSpan time) => Math.Round(time.TotalMilliseconds, 1);

    [LoggerMessage(EventId = 10, EventName = "UpstreamCall", Level = LogLevel.Information,
        Message = "{Provider} {Model} {Task}: {Result} in {ElapsedMs} ms, request {RequestId}")]
    private partial void Ended(
        string? requestId, string provider, string model, string task, string result, string? finishReason, double elapsedMs, double? firstTokenMs, int? inputTokens, int? outputTokens);

    [LoggerMessage(EventId = 11, EventName = "UpstreamCallFailed", Level = LogLevel.Warning,
        Message = "{Provider} {Model} {Task}: {Kind} (status {UpstreamStatus}) after {ElapsedMs} ms, request {RequestId}")]
    private partial void Failed(string? requestId, string provider, string model, string task, string kind, int? upstreamStatus, double elapsedMs);
}
