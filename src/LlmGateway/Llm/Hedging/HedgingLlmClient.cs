using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace LlmGateway.Llm.Hedging;

/// <summary>
/// Starts a second call where the first has not spoken when nearly all of the model's recent ones had; the first to speak is heard, the other
/// is aborted. Only for the tasks that are configured, and for few of their calls.
/// </summary>
internal sealed partial class HedgingLlmClient(ILlmClient inner, HedgingOptions options, TimeProvider timeProvider, ILogger<HedgingLlmClient> logger)
    : DelegatingLlmClient(inner)
{
    private readonly ConcurrentDictionary<string, RecentTimes> _times = new(StringComparer.Ordinal);

    public override Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken) =>
        options.Tasks.Contains(request.Task) ? HedgedAsync(request, cancellationToken) : Inner.CompleteAsync(request, cancellationToken);

    public override IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, CancellationToken cancellationToken) =>
        options.Tasks.Contains(request.Task) ? HedgedStreamAsync(request, cancellationToken) : Inner.StreamAsync(request, cancellationToken);

    private async Task<LlmResponse> HedgedAsync(LlmRequest request, CancellationToken cancellationToken)
    {
        await using var winner = await RaceAsync(request, token => new WholeCall(Inner.CompleteAsync(request, token)), cancellationToken);
        var response = await ((WholeCall)winner.Call).Response;
        return response with { Origin = response.Origin with { Attempts = response.Origin.Attempts + winner.Others } };
    }

    private async IAsyncEnumerable<LlmUpdate> HedgedStreamAsync(LlmRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var winner = await RaceAsync(
            request, token => new StreamCall(Inner.StreamAsync(request, token).GetAsyncEnumerator(token)), cancellationToken);
        var updates = ((StreamCall)winner.Call).Updates;
        if (!await winner.Call.Spoken) yield break;
        yield return updates.Current.Origin is { } origin
            ? updates.Current with { Origin = origin with { Attempts = origin.Attempts + winner.Others } }
            : updates.Current;
        while (await updates.MoveNextAsync())
            yield return updates.Current;
    }

    /// <returns>The call that spoke first, or, where none did, the one that failed last.</returns>
    private async Task<Runner> RaceAsync(LlmRequest request, Func<CancellationToken, HedgedCall> start, CancellationToken cancellationToken)
    {
        var times = _times.GetOrAdd(request.Model, static _ => new RecentTimes());
        var started = timeProvider.GetTimestamp();
        var late = times.Begin(options);
        var first = new Runner(start, cancellationToken);
        Runner? second = null;
        try
        {
            if (late is { } due && !await SpeaksAsync(first, due, cancellationToken) && times.TrySpend(options))
            {
                Hedged(request.Model, due.TotalMilliseconds, request.RequestId);
                second = new Runner(start, cancellationToken) { Others = 1 };
                first.Others = 1;
                var faster = await Task.WhenAny(first.Call.Spoken, second.Call.Spoken);
                var (winner, loser) = faster == first.Call.Spoken ? (first, second) : (second, first);
                // One that failed has not spoken: the other may.
                if (!faster.IsCompletedSuccessfully && !cancellationToken.IsCancellationRequested) (winner, loser) = (loser, winner);
                (first, second) = (winner, null);
                await using (loser) await winner.Call.Settled;
            }
            else
            {
                await first.Call.Settled;
            }
            if (first.Call.Spoken.IsCompletedSuccessfully) times.Add(timeProvider.GetElapsedTime(started));
            return first;
        }
        catch
        {
            if (second is not null) await second.DisposeAsync();
            await first.DisposeAsync();
            throw;
        }
    }

    private async Task<bool> SpeaksAsync(Runner runner, TimeSpan due, CancellationToken cancellationToken)
    {
        try
        {
            await runner.Call.Settled.WaitAsync(due, timeProvider, cancellationToken);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>A call, and the token that ends it.</summary>
    private sealed class Runner : IAsyncDisposable
    {
        private readonly CancellationTokenSource _ending;

        public Runner(Func<CancellationToken, HedgedCall> start, CancellationToken cancellationToken)
        {
            _ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            Call = start(_ending.Token);
        }

        public HedgedCall Call { get; }

        /// <summary>Calls that were made besides this one.</summary>
        public int Others { get; set; }

        public async ValueTask DisposeAsync()
        {
            await _ending.CancelAsync();
            await Call.Settled;
            await Call.DisposeAsync();
            _ending.Dispose();
        }
    }

    private abstract class HedgedCall : IAsyncDisposable
    {
        /// <summary>The first token, or the whole answer; false where there is none.</summary>
        public abstract Task<bool> Spoken { get; }

        /// <summary>Completes when it has spoken or failed, and does not throw.</summary>
        public Task Settled => Spoken.ContinueWith(static task => task.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

        public abstract ValueTask DisposeAsync();
    }

    private sealed class WholeCall(Task<LlmResponse> response) : HedgedCall
    {
        public Task<LlmResponse> Response => response;

        public override Task<bool> Spoken { get; } = SpokenAsync(response);

        public override ValueTask DisposeAsync() => default;

        private static async Task<bool> SpokenAsync(Task<LlmResponse> response)
        {
            await response;
            return true;
        }
    }

    private sealed class StreamCall(IAsyncEnumerator<LlmUpdate> updates) : HedgedCall
    {
        public IAsyncEnumerator<LlmUpdate> Updates => updates;

        public override Task<bool> Spoken { get; } = updates.MoveNextAsync().AsTask();

        public override ValueTask DisposeAsync() => updates.DisposeAsync();
    }

    [LoggerMessage(EventId = 46, EventName = "Hedged", Level = LogLevel.Information, Message = "{Model} has not spoken after {LateMs:0} ms: a second call is made, request {RequestId}")]
    private partial void Hedged(string model, double lateMs, string? requestId);
}
