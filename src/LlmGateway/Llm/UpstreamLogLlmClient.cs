using System.Runtime.CompilerServices;
using System.Text;
using LlmGateway.Hosting;
using LlmGateway.Llm.Models;
using LlmGateway.Llm.Providers.Offline;
using LlmGateway.Llm.Tokens;
using Serilog.Events;
using ILogger = Serilog.ILogger;

namespace LlmGateway.Llm;

/// <summary>
/// One event for each upstream call: who was asked, for how long, with what result, at what cost; never what was said. A stream that did not
/// come to its end tells no usage, and is paid for all the same: its cost is estimated from what it had delivered.
/// </summary>
internal sealed class UpstreamLogLlmClient(ILlmClient inner, string provider, ModelTable models, TimeProvider timeProvider, ILogger logger)
    : DelegatingLlmClient(inner)
{
    private const string Ok = "ok";
    private const string Aborted = "aborted";

    private static readonly EventKind Ended = new(10, "UpstreamCall", "{Provider} {Model} {Task}: {Result} in {ElapsedMs} ms, request {RequestId}");

    private static readonly EventKind Failed = new(
        11, "UpstreamCallFailed", "{Provider} {Model} {Task}: {Kind} (status {UpstreamStatus}) after {ElapsedMs} ms, request {RequestId}");

    /// <summary>There was no answer, or one without a status of its own: a line of text would show the name instead.</summary>
    private static readonly EventKind FailedWithoutStatus = new(
        11, "UpstreamCallFailed", "{Provider} {Model} {Task}: {Kind} after {ElapsedMs} ms, request {RequestId}");

    private static readonly EventKind FailedToConnect = new(
        11, "UpstreamCallFailed", "{Provider} {Model} {Task}: {Kind} ({ConnectionError}) after {ElapsedMs} ms, request {RequestId}");

    private readonly ILogger _logger = logger.ForContext<UpstreamLogLlmClient>();

    public override async Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken)
    {
        using var call = new Call(this, request.RequestId, request.Model, request.Task.ToString(), timeProvider.GetTimestamp());
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
        using var call = new Call(this, request.RequestId, request.Model, request.Task.ToString(), timeProvider.GetTimestamp());
        var ended = false;
        Exception? failure = null;
        var updates = Inner.StreamAsync(request, cancellationToken).GetAsyncEnumerator(cancellationToken);
        try
        {
            while (true)
            {
                bool moved;
                try
                {
                    moved = await updates.MoveNextAsync();
                }
                catch (Exception exception)
                {
                    failure = exception;
                    throw;
                }
                if (!moved) break;
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
            // First the upstream is let go: what it cost is reckoned afterwards.
            await updates.DisposeAsync();
            if (!ended) await call.EndAsync(request, failure, cancellationToken);
        }
    }

    public override async Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken)
    {
        using var call = new Call(this, request.RequestId, request.Model, "Embed", timeProvider.GetTimestamp());
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

    private sealed class Call(UpstreamLogLlmClient log, string? requestId, string model, string task, long started) : IDisposable
    {
        private const int FirstSize = 512;

        private TimeSpan? _firstToken;

        /// <summary>
        /// UTF-8. It is read only if the stream does not come to its end: the collector need not move it as long as it grows. Given back when the stream is
        /// disposed of.
        /// </summary>
        private NativeBuffer<byte>? _said;
        private int _saidLength;

        public void Token(LlmUpdate update)
        {
            if (update.Text.Length == 0) return;
            _firstToken ??= log.Elapsed(started);
            _said ??= new NativeBuffer<byte>(FirstSize);
            var most = checked(_saidLength + Encoding.UTF8.GetMaxByteCount(update.Text.Length));
            if (most > _said.Memory.Length) _said.Resize((int)Math.Min(Math.Max(most, 2L * _said.Memory.Length), int.MaxValue));
            _saidLength += Encoding.UTF8.GetBytes(update.Text, _said.GetSpan()[_saidLength..]);
        }

        public void Dispose() => ((IDisposable?)_said)?.Dispose();

        /// <summary>Of a stream that has no end of its own.</summary>
        public async ValueTask EndAsync(LlmRequest request, Exception? failure, CancellationToken cancellationToken)
        {
            var aborted = failure is null || IsAbort(failure, cancellationToken);
            // A call that failed before its first token is not paid for.
            var usage = aborted || _said is not null ? await EstimateAsync(request) : null;
            if (aborted) End(Aborted, usage, null, estimated: true);
            else Fail(failure!, usage);
        }

        public void End(Exception exception, CancellationToken cancellationToken)
        {
            if (IsAbort(exception, cancellationToken)) End(Aborted, null, null);
            else Fail(exception, null);
        }

        public void End(string result, LlmUsage? usage, FinishReason? finish, bool estimated = false) => log.Write(
            Ended, LogEventLevel.Information, ("Provider", log.Provider), ("Model", model), ("Task", task), ("Result", result),
            ("FinishReason", finish?.Value), ("ElapsedMs", Milliseconds(log.Elapsed(started))),
            ("FirstTokenMs", _firstToken is { } first ? Milliseconds(first) : null), ("InputTokens", usage?.InputTokens), ("OutputTokens", usage?.OutputTokens),
            ("CostUsd", log.Cost(model, usage)), ("Estimated", estimated && usage is not null ? true : null), ("RequestId", requestId));

        private void Fail(Exception exception, LlmUsage? usage)
        {
            var failure = exception as LlmException;
            var kind = failure switch
            {
                { UpstreamStatus: not null } => Failed,
                { ConnectionError: not null } => FailedToConnect,
                _ => FailedWithoutStatus,
            };
            log.Write(
                kind, LogEventLevel.Warning, ("Provider", log.Provider), ("Model", model), ("Task", task),
                ("Kind", failure?.Kind.ToString() ?? exception.GetType().Name), ("UpstreamStatus", failure?.UpstreamStatus),
                ("ConnectionError", failure?.ConnectionError?.ToString()),
                ("ElapsedMs", Milliseconds(log.Elapsed(started))), ("InputTokens", usage?.InputTokens), ("OutputTokens", usage?.OutputTokens),
                ("CostUsd", log.Cost(model, usage)), ("Estimated", usage is not null ? true : null), ("RequestId", requestId));
        }

        private async ValueTask<LlmUsage?> EstimateAsync(LlmRequest request)
        {
            if (log.Find(model) is not { } info) return null;
            // Whoever aborted it does not wait for this; it ends by itself.
            var counter = await TokenCounters.GetAsync(info.Encoding, CancellationToken.None);
            var said = _said is null ? "" : Encoding.UTF8.GetString(_said.GetSpan()[.._saidLength]);
            return new LlmUsage(
                await PromptTokens.CountAsync(request, counter, CancellationToken.None), await counter.CountAsync(said.AsMemory(), CancellationToken.None));
        }

        private static bool IsAbort(Exception exception, CancellationToken cancellationToken) =>
            exception is OperationCanceledException && cancellationToken.IsCancellationRequested;
    }

    private ModelInfo? Find(string model) => models.Find(model);

    private decimal? Cost(string model, LlmUsage? usage) => usage is null ? null : provider == OfflineLlmClient.Name ? 0 : models.Find(model)?.Cost(usage);

    private string Provider => provider;

    private TimeSpan Elapsed(long started) => timeProvider.GetElapsedTime(started);

    private void Write(EventKind kind, LogEventLevel level, params ReadOnlySpan<(string Name, object? Value)> properties)
    {
        if (_logger.IsEnabled(level)) kind.Write(_logger, level, timeProvider.GetUtcNow(), properties);
    }

    private static double Milliseconds(TimeSpan time) => Math.Round(time.TotalMilliseconds, 1);
}
