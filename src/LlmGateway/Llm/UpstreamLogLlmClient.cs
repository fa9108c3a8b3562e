using System.Runtime.CompilerServices;
using LlmGateway.Hosting;
using Serilog.Events;
using ILogger = Serilog.ILogger;

namespace LlmGateway.Llm;

/// <summary>One event for each upstream call: who was asked, for how long, with what result; never what was said.</summary>
internal sealed class UpstreamLogLlmClient(ILlmClient inner, string provider, TimeProvider timeProvider, ILogger logger)
    : DelegatingLlmClient(inner)
{
    private const string Ok = "ok";
    private const string Aborted = "aborted";

    private static readonly EventKind Ended = new(10, "UpstreamCall", "{Provider} {Model} {Task}: {Result} in {ElapsedMs} ms, request {RequestId}");

    private static readonly EventKind Failed = new(
        11, "UpstreamCallFailed", "{Provider} {Model} {Task}: {Kind} (status {UpstreamStatus}) after {ElapsedMs} ms, request {RequestId}");

    private readonly ILogger _logger = logger.ForContext<UpstreamLogLlmClient>();

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
            log.Write(
                Failed, LogEventLevel.Warning, ("Provider", log.Provider), ("Model", model), ("Task", task),
                ("Kind", failure?.Kind.ToString() ?? exception.GetType().Name), ("UpstreamStatus", failure?.UpstreamStatus),
                ("ElapsedMs", Milliseconds(log.Elapsed(started))), ("RequestId", requestId));
        }

        public void End(string result, LlmUsage? usage, FinishReason? finish) => log.Write(
            Ended, LogEventLevel.Information, ("Provider", log.Provider), ("Model", model), ("Task", task), ("Result", result),
            ("FinishReason", finish?.Value), ("ElapsedMs", Milliseconds(log.Elapsed(started))),
            ("FirstTokenMs", _firstToken is { } first ? Milliseconds(first) : null), ("InputTokens", usage?.InputTokens), ("OutputTokens", usage?.OutputTokens),
            ("RequestId", requestId));
    }

    private string Provider => provider;

    private TimeSpan Elapsed(long started) => timeProvider.GetElapsedTime(started);

    private void Write(EventKind kind, LogEventLevel level, params ReadOnlySpan<(string Name, object? Value)> properties)
    {
        if (_logger.IsEnabled(level)) kind.Write(_logger, level, timeProvider.GetUtcNow(), properties);
    }

    private static double Milliseconds(TimeSpan time) => Math.Round(time.TotalMilliseconds, 1);
}
