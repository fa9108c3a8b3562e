using System.Collections.Concurrent;
using LlmGateway.Hosting;
using LlmGateway.Llm.Generations.Redis;

namespace LlmGateway.Llm.Generations;

/// <summary>
/// The calls under way, one for each question: makes those that are needed, here or by reading another gateway's, keeps what they bring,
/// and tells their end.
/// </summary>
internal sealed partial class GenerationCalls(
    ILlmClient inner, AnswerStore store, SharedCalls shared, CacheOptions options, TimeSpan maxDuration, TimeProvider timeProvider, ILogger<GenerationCalls> logger)
    : IAsyncDisposable
{
    private const int MaxRounds = 5;

    private readonly ConcurrentDictionary<GenerationKey, Generation> _live = new();
    private readonly ConcurrentDictionary<Generation, Task> _running = new();
    private volatile bool _ending;

    /// <summary>How many there are.</summary>
    public int Count => _running.Count;

    /// <returns>A reader of the call that answers the request, and whether it was there before.</returns>
    public (GenerationReader Reader, Generation Generation, bool Joined) Join(
        GenerationKey key, LlmRequest request, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (request.Stream?.JoinEarlier(key, request.Fresh, cancellationToken) is { } earlier) return earlier;
        if (!request.Fresh && _live.TryGetValue(key, out var live) && live.Join(cancellationToken) is { } joined) return (joined, live, true);
        var generation = new Generation();
        var reader = generation.Join(pays: true, cancellationToken)!;
        if (request.Fresh)
        {
            // Nobody else may have this answer before it is there.
            Start(key, generation, request);
            return (reader, generation, false);
        }
        while (!_live.TryAdd(key, generation))
        {
            // Somebody was faster; or the one that is there has just lost its last reader, and is about to make room.
            if (!_live.TryGetValue(key, out live)) continue;
            if (live.Join(cancellationToken) is { } other)
            {
                reader.Dispose();
                return (other, live, true);
            }
            _live.TryRemove(new KeyValuePair<GenerationKey, Generation>(key, live));
        }
        Start(key, generation, request);
        return (reader, generation, false);
    }

    /// <summary>Ends what still runs, and lets nothing begin any more: who waits for it is told so.</summary>
    public void End()
    {
        _ending = true;
        foreach (var generation in _running.Keys)
            generation.Abort();
    }

    public async ValueTask DisposeAsync()
    {
        End();
        await Task.WhenAll(_running.Values);
    }

    private void Start(GenerationKey key, Generation generation, LlmRequest request)
    {
        // There before it runs: its last act is to take itself out, and a task is not yet completed then.
        _running[generation] = Task.CompletedTask;
        _running.TryUpdate(generation, RunAsync(key, generation, request), Task.CompletedTask);
        // One that begins while all are being ended.
        if (_ending) generation.Abort();
    }

    private async Task RunAsync(GenerationKey key, Generation generation, LlmRequest request)
    {
        try
        {
            await AnswerAsync(key, generation, request);
        }
        catch (LlmException failure)
        {
            Remove(key, generation);
            generation.Fail(failure);
        }
        catch (OperationCanceledException) when (generation.Aborted.IsCancellationRequested)
        {
            Remove(key, generation);
            generation.Fail(_ending ? Work.ShuttingDown() : Generation.Lost());
        }
        catch (Exception exception)
        {
            // Whatever it is, readers must not wait for ever.
            Unexpected(exception.GetType().FullName, exception.StackTrace, request.RequestId);
            Remove(key, generation);
            generation.Fail(new LlmException(LlmErrorKind.InternalError, "The gateway failed. Its log has this request's id."));
        }
        finally
        {
            _running.TryRemove(generation, out _);
        }
    }

    private async Task AnswerAsync(GenerationKey key, Generation generation, LlmRequest request)
    {
        if (request.Fresh || options.For(request.Task).IsOff)
        {
            generation.Source = new CacheResult(CacheStatus.Bypass);
            await using var alone = await OpenAloneAsync(generation, request);
            await MakeAsync(key, generation, request, alone);
            return;
        }
        var stored = await store.GetAsync(key, generation.Aborted);
        var now = timeProvider.GetUtcNow();
        if (stored?.IsFresh(now) == true)
        {
            Answer(key, generation, stored, CacheStatus.Hit);
            return;
        }
        try
        {
            await (shared.IsConfigured ? ShareAsync(key, generation, request) : MakeAsync(key, generation, request, OwnedCall.Alone));
        }
        catch (LlmException failure) when (stored?.IsUsable(now) == true && generation.IsEmpty && CouldNotBeAsked(failure.Kind))
        {
            Answer(key, generation, stored, CacheStatus.Stale);
        }
    }

    /// <summary>
    /// For a call that no other request may share. It is told to other gateways all the same, under a key that nobody asks for, where its
    /// client may go on reading there.
    /// </summary>
    private async ValueTask<OwnedCall> OpenAloneAsync(Generation generation, LlmRequest request)
    {
        if (request.Stream is not { IsResumable: true }) return OwnedCall.Alone;
        var (owned, _) = await shared.OpenAsync(GenerationKey.Random(), generation, generation.Aborted);
        return owned ?? OwnedCall.Alone;
    }

    /// <summary>Makes the call, or reads the one that another gateway makes, and makes it after all if that one dies before its first word.</summary>
    private async Task ShareAsync(GenerationKey key, Generation generation, LlmRequest request)
    {
        for (var round = 1; ; round++)
        {
            // Leases that come and go faster than they can be read are no reason to wait for ever.
            var (mine, others) = round > MaxRounds ? (OwnedCall.Alone, null) : await shared.OpenAsync(key, generation, generation.Aborted);
            await using var owned = mine;
            if (owned is not null)
            {
                generation.Source = new CacheResult(CacheStatus.Miss);
                await MakeAsync(key, generation, request, owned);
                return;
            }
            if (others is null) continue;
            generation.Source = new CacheResult(CacheStatus.Coalesced);
            generation.Shared = others.Name;
            if (await others.ReadAsync(generation.Aborted) is not { } response) continue;
            Keep(key, generation, request, response, alreadyShared: true);
            return;
        }
    }

    /// <summary>Bounded in time: nobody may be left to end it who waits for all of it.</summary>
    private async Task MakeAsync(GenerationKey key, Generation generation, LlmRequest request, OwnedCall owned)
    {
        generation.Shared = owned.Name;
        using var late = new CancellationTokenSource(maxDuration, timeProvider);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(generation.Aborted, late.Token);
        try
        {
            // A conversation is streamed upstream whoever asks for it, so that one call serves those who stream and those who do not.
            var response = request.Task == LlmTask.Chat
                ? await StreamAsync(generation, request, ending.Token)
                : await inner.CompleteAsync(request, ending.Token);
            // One that is told under another key than its question's is told, and not stored.
            var stores = owned.Name?.Key == key;
            var entry = Keep(key, generation, request, response, alreadyShared: stores);
            owned.Completed(response, stores ? entry : null);
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested && !generation.Aborted.IsCancellationRequested)
        {
            TooLong(request.Model, maxDuration.TotalSeconds, request.RequestId);
            var failure = new LlmException(LlmErrorKind.UpstreamTimeout, $"The answer had not come to its end after {maxDuration.TotalSeconds:0.###} s.");
            owned.Failed(failure);
            throw failure;
        }
        catch (LlmException failure)
        {
            owned.Failed(failure);
            throw;
        }
    }

    private void Answer(GenerationKey key, Generation generation, CacheEntry entry, CacheStatus status)
    {
        generation.Source = entry.Result(status, timeProvider.GetUtcNow());
        Remove(key, generation);
        generation.Complete(entry.Response);
    }

    /// <returns>The answer as it has been stored; null if it is not one to be stored.</returns>
    private CacheEntry? Keep(GenerationKey key, Generation generation, LlmRequest request, LlmResponse response, bool alreadyShared = false)
    {
        var times = options.For(request.Task);
        CacheEntry? entry = null;
        if (!times.IsOff && IsWhole(response))
        {
            response = response with { Rendering = new Rendering() };
            entry = new CacheEntry(response, timeProvider.GetUtcNow(), times.TimeToLive, times.StaleIfError);
            store.Set(key, entry, alreadyShared);
            generation.Source = generation.Source with { Stored = true };
        }
        Remove(key, generation);
        generation.Complete(response);
        return entry;
    }

    /// <summary>Before the end is told: whoever comes after it finds what is stored, or starts anew.</summary>
    private void Remove(GenerationKey key, Generation generation) => _live.TryRemove(new KeyValuePair<GenerationKey, Generation>(key, generation));

    private async Task<LlmResponse> StreamAsync(Generation generation, LlmRequest request, CancellationToken cancellationToken)
    {
        await using var updates = inner.StreamAsync(request, cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (true)
        {
            var next = updates.MoveNextAsync();
            // What came together is told together.
            if (!next.IsCompleted) generation.Publish();
            if (!await next) return generation.Whole();
            generation.Append(updates.Current);
        }
    }

    /// <summary>A model that was asked, and refused, has answered: an older answer does not stand in for that.</summary>
    private static bool CouldNotBeAsked(LlmErrorKind kind) => kind
        is LlmErrorKind.UpstreamRateLimited or LlmErrorKind.UpstreamQuotaExhausted or LlmErrorKind.UpstreamAuth
        or LlmErrorKind.UpstreamInvalidResponse or LlmErrorKind.UpstreamUnavailable or LlmErrorKind.UpstreamTimeout;

    /// <summary>Neither cut short nor filtered, and not nothing: an empty answer is worth another try.</summary>
    private static bool IsWhole(LlmResponse response) =>
        response.FinishReason == FinishReason.ToolCalls
        || (response.FinishReason == FinishReason.Stop && (response.Text.Length > 0 || response.ToolArguments is not null));

    [LoggerMessage(EventId = 20, EventName = "GenerationFailed", Level = LogLevel.Error, Message = "Unexpected {Exception}, request {RequestId} {StackTrace}")]
    private partial void Unexpected(string? exception, string? stackTrace, string? requestId);

    [LoggerMessage(EventId = 21, EventName = "GenerationTooLong", Level = LogLevel.Warning,
        Message = "{Model} had not come to its end after {Seconds} s, request {RequestId}: the call was aborted")]
    private partial void TooLong(string model, double seconds, string? requestId);
}
