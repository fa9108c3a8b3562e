using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using LlmGateway.Llm.Generations.Redis;

namespace LlmGateway.Llm.Generations;

/// <summary>
/// Makes each call to a model a <see cref="Generation"/>, and each request a reader of one: of one that is stored, of one that is under way,
/// or of a new one.
/// </summary>
internal sealed partial class GeneratingLlmClient(
    ILlmClient inner, AnswerStore store, SharedCalls shared, CacheOptions options, TimeProvider timeProvider, ILogger<GeneratingLlmClient> logger)
    : DelegatingLlmClient(inner)
{
    private const int MaxRounds = 5;

    private readonly ConcurrentDictionary<GenerationKey, Generation> _live = new();
    private readonly ConcurrentDictionary<Generation, Task> _running = new();
    private volatile bool _ending;

    /// <summary>Calls under way.</summary>
    public int Live => _running.Count;

    public override async Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken)
    {
        var key = GenerationKey.Of(request);
        if (Stored(key, request) is { } stored) return stored;
        var (reader, generation, joined) = Join(key, request, cancellationToken);
        using (reader)
        {
            reader.SkipToEnd();
            while (!generation.HasEnded)
                await reader.WaitAsync();
            if (generation.Failure is { } failure) throw failure;
            reader.IsTold = true;
            return generation.Response! with { Cache = AtEnd(generation, joined) };
        }
    }

    public override async IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var key = request.From is null ? GenerationKey.Of(request) : default;
        if (request.From is null && Stored(key, request) is { } stored)
        {
            request.Stream?.Reads(key, stored, stored.Cache!);
            yield return AtOnce(stored, stored.Cache!);
            yield break;
        }
        var (reader, generation, joined) = request.From is null ? Join(key, request, cancellationToken) : request.Stream!.Join(cancellationToken);
        if (request.From is null) request.Stream?.Reads(key, generation, joined);
        using (reader)
        {
            var skip = request.From ?? 0;
            for (var first = true; ;)
            {
                LlmUpdate? update;
                while (!reader.TryRead(out update) && !generation.HasEnded)
                    await reader.WaitAsync();
                if (update is null && !reader.TryRead(out update))
                {
                    if (generation.Failure is { } failure) throw failure;
                    if (!reader.IsAtStart) yield break;
                    reader.SkipToEnd();
                    update = AtOnce(generation.Response!, generation.ResultFor(joined));
                }
                if (skip > 0)
                {
                    // What the client has already, before its connection broke.
                    var known = Math.Min(skip, update!.Text.Length);
                    skip -= known;
                    if (known == update.Text.Length && update.FinishReason is null) continue;
                    update = update with { Text = update.Text[known..] };
                }
                if (update!.FinishReason is not null)
                {
                    reader.IsTold = true;
                    var result = AtEnd(generation, joined);
                    if (joined) update = update with { Cache = result };
                }
                yield return first ? update with { Origin = generation.Origin, Cache = update.Cache ?? generation.ResultFor(joined) } : update;
                first = false;
            }
        }
    }

    public override async ValueTask<LlmResponse?> FindStoredAsync(LlmRequest request, CancellationToken cancellationToken)
    {
        if (request.Fresh || options.For(request.Task).IsOff) return null;
        return await store.GetAsync(GenerationKey.Of(request), cancellationToken) is { } entry && entry.IsFresh(timeProvider.GetUtcNow()) ? entry.Response : null;
    }

    /// <summary>Ends what still runs, and lets nothing begin any more: who waits for it is told so.</summary>
    public void EndCalls()
    {
        _ending = true;
        foreach (var generation in _running.Keys)
            generation.Abort();
    }

    public override async ValueTask DisposeAsync()
    {
        EndCalls();
        await Task.WhenAll(_running.Values);
        await base.DisposeAsync();
    }

    private LlmResponse? Stored(GenerationKey key, LlmRequest request)
    {
        if (request.Fresh || options.For(request.Task).IsOff) return null;
        var now = timeProvider.GetUtcNow();
        return store.GetFromMemory(key) is { } entry && entry.IsFresh(now)
            ? entry.Response with { Cache = entry.Result(CacheStatus.Hit, now) }
            : null;
    }

    private (GenerationReader Reader, Generation Generation, bool Joined) Join(
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
            End(key, generation);
            generation.Fail(failure);
        }
        catch (OperationCanceledException) when (generation.Aborted.IsCancellationRequested)
        {
            End(key, generation);
            generation.Fail(_ending
                ? new LlmException(LlmErrorKind.ShuttingDown, "The gateway is shutting down. Try again shortly.")
                : new LlmException(LlmErrorKind.UpstreamUnavailable, "The call was aborted before its end."));
        }
        catch (Exception exception)
        {
            // Whatever it is, readers must not wait for ever.
            Unexpected(exception.GetType().FullName, exception.StackTrace, request.RequestId);
            End(key, generation);
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
            await AskAloneAsync(key, generation, request);
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
            await AskAsync(key, generation, request);
        }
        catch (LlmException failure) when (stored?.IsUsable(now) == true && generation.IsEmpty && CouldNotBeAsked(failure.Kind))
        {
            Answer(key, generation, stored, CacheStatus.Stale);
        }
    }

    /// <summary>
    /// Makes a call that no other request may share. It is told to other gateways all the same, under a key that nobody asks for, where its
    /// client may go on reading there.
    /// </summary>
    private async Task AskAloneAsync(GenerationKey key, Generation generation, LlmRequest request)
    {
        if (request.Stream is not { IsResumable: true })
        {
            Keep(key, generation, request, await CallAsync(generation, request));
            return;
        }
        var (owned, _) = await shared.OpenAsync(GenerationKey.Random(), generation, generation.Aborted);
        await using var told = owned ?? OwnedCall.Alone;
        generation.Shared = told.Name;
        try
        {
            var response = await CallAsync(generation, request);
            told.Completed(response, null);
            Keep(key, generation, request, response);
        }
        catch (LlmException failure)
        {
            told.Failed(failure);
            throw;
        }
    }

    /// <summary>Makes the call, or reads the one that another gateway makes, and makes it after all if that one dies before its first word.</summary>
    private async Task AskAsync(GenerationKey key, Generation generation, LlmRequest request)
    {
        for (var round = 1; ; round++)
        {
            // Leases that come and go faster than they can be read are no reason to wait for ever.
            var (mine, others) = round > MaxRounds ? (OwnedCall.Alone, null) : await shared.OpenAsync(key, generation, generation.Aborted);
            await using var owned = mine;
            if (owned is not null)
            {
                generation.Source = new CacheResult(CacheStatus.Miss);
                generation.Shared = owned.Name;
                await AskUpstreamAsync(key, generation, request, owned);
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

    private async Task AskUpstreamAsync(GenerationKey key, Generation generation, LlmRequest request, OwnedCall owned)
    {
        try
        {
            var response = await CallAsync(generation, request);
            owned.Completed(response, Keep(key, generation, request, response, owned.IsShared));
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
        End(key, generation);
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
        End(key, generation);
        generation.Complete(response);
        return entry;
    }

    /// <summary>Before the end is told: whoever comes after it finds what is stored, or starts anew.</summary>
    private void End(GenerationKey key, Generation generation) => _live.TryRemove(new KeyValuePair<GenerationKey, Generation>(key, generation));

    /// <summary>A conversation is streamed upstream whoever asks for it, so that one call serves those who stream and those who do not.</summary>
    private Task<LlmResponse> CallAsync(Generation generation, LlmRequest request) =>
        request.Task == LlmTask.Chat ? StreamAsync(generation, request) : Inner.CompleteAsync(request, generation.Aborted);

    private async Task<LlmResponse> StreamAsync(Generation generation, LlmRequest request)
    {
        await using var updates = Inner.StreamAsync(request, generation.Aborted).GetAsyncEnumerator(generation.Aborted);
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

    /// <summary>Somebody pays for each call: where the request it was made for has gone, one of those that joined it.</summary>
    private static CacheResult AtEnd(Generation generation, bool joined)
    {
        var result = generation.ResultFor(joined);
        // Whoever comes back for what it had asked for takes it on itself.
        return generation.Inherit() && joined && generation.Source.Status is (CacheStatus.Miss or CacheStatus.Bypass) ? result with { Inherited = true } : result;
    }

    private static LlmUpdate AtOnce(LlmResponse response, CacheResult result) => new()
    {
        Text = response.Text,
        Origin = response.Origin,
        FinishReason = response.FinishReason,
        Usage = response.Usage,
        Cache = result,
    };

    [LoggerMessage(EventId = 20, EventName = "GenerationFailed", Level = LogLevel.Error, Message = "Unexpected {Exception}, request {RequestId} {StackTrace}")]
    private partial void Unexpected(string? exception, string? stackTrace, string? requestId);
}
