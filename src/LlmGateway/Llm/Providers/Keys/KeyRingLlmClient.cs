using System.Runtime.CompilerServices;
using Microsoft.Extensions.Primitives;

namespace LlmGateway.Llm.Providers.Keys;

/// <summary>
/// Spreads the calls to one provider over its keys: the one with the least in flight is next, one that is rate limited rests, one that is
/// refused is taken out. A call fails only where no key is left for it. With a single key it is not in the way.
/// </summary>
internal sealed partial class KeyRingLlmClient : ILlmClient, IAsyncDisposable
{
    /// <summary>Where the provider does not say how long; and where an account has no credit, which takes a person to mend.</summary>
    private static readonly TimeSpan DefaultRest = TimeSpan.FromSeconds(1), NoCreditRest = TimeSpan.FromMinutes(1);

    private readonly string _provider;
    private readonly Func<IReadOnlyList<string>> _read;
    private readonly Func<string, ILlmClient> _create;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;
    private readonly IDisposable? _changes;
    private readonly Lock _lock = new();
    private volatile ProviderKey[]? _keys;
    private int _turn;

    /// <param name="provider">Its name in the configuration.</param>
    /// <param name="read">The keys, as the configuration has them now.</param>
    /// <param name="changes">Tells that the configuration has changed.</param>
    /// <param name="create">Makes the client for a key; not called before the first request.</param>
    /// <param name="timeProvider">The clock of the rests.</param>
    /// <param name="logger">Told of keys by their place, never by what they are.</param>
    public KeyRingLlmClient(
        string provider, Func<IReadOnlyList<string>> read, Func<IChangeToken> changes, Func<string, ILlmClient> create, TimeProvider timeProvider, ILogger logger)
    {
        (_provider, _read, _create, _timeProvider, _logger) = (provider, read, create, timeProvider, logger);
        _changes = ChangeToken.OnChange(changes, Reread);
    }

    private ProviderKey[] Keys => _keys ?? Load();

    public Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken) =>
        Keys is [var only]
            ? only.Client.CompleteAsync(request, cancellationToken)
            : CallAsync(
                request, static (client, request, token) => client.CompleteAsync(request, token),
                static (response, calls) => response with { Origin = response.Origin with { Attempts = calls } }, cancellationToken);

    public Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken) =>
        Keys is [var only]
            ? only.Client.EmbedAsync(request, cancellationToken)
            : CallAsync(
                request, static (client, request, token) => client.EmbedAsync(request, token),
                static (response, calls) => response with { Origin = response.Origin with { Attempts = calls } }, cancellationToken);

    public IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, CancellationToken cancellationToken) =>
        Keys is [var only] ? only.Client.StreamAsync(request, cancellationToken) : StreamAnyAsync(request, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        _changes?.Dispose();
        foreach (var key in _keys ?? [])
        {
            if (key.Client is IAsyncDisposable asynchronous) await asynchronous.DisposeAsync();
            else if (key.Client is IDisposable disposable) disposable.Dispose();
        }
    }

    private async Task<T> CallAsync<TRequest, T>(
        TRequest request, Func<ILlmClient, TRequest, CancellationToken, Task<T>> call, Func<T, int, T> stamp, CancellationToken cancellationToken)
    {
        var tried = new List<ProviderKey>();
        LlmException? last = null;
        while (Take(tried) is { } key)
        {
            try
            {
                return stamp(await call(key.Client, request, cancellationToken), tried.Count);
            }
            catch (LlmException failure) when (IsOfTheKey(key, failure))
            {
                last = failure;
            }
            finally
            {
                Leave(key);
            }
        }
        throw Failure(last, tried.Count);
    }

    private async IAsyncEnumerable<LlmUpdate> StreamAnyAsync(LlmRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var tried = new List<ProviderKey>();
        LlmException? last = null;
        while (Take(tried) is { } key)
        {
            try
            {
                await using var updates = key.Client.StreamAsync(request, cancellationToken).GetAsyncEnumerator(cancellationToken);
                bool moved;
                try
                {
                    moved = await updates.MoveNextAsync();
                }
                catch (LlmException failure) when (IsOfTheKey(key, failure))
                {
                    last = failure;
                    continue;
                }
                for (var first = true; moved; first = false, moved = await updates.MoveNextAsync())
                    yield return first && updates.Current.Origin is { } origin ? updates.Current with { Origin = origin with { Attempts = tried.Count } } : updates.Current;
                yield break;
            }
            finally
            {
                Leave(key);
            }
        }
        throw Failure(last, tried.Count);
    }

    private ProviderKey? Take(List<ProviderKey> tried)
    {
        var keys = Keys;
        lock (_lock)
        {
            var now = _timeProvider.GetUtcNow();
            ProviderKey? best = null;
            // Begins with another one each time, or the first of those with nothing in flight would get all that comes slowly.
            _turn = (_turn + 1) % keys.Length;
            for (var i = 0; i < keys.Length; i++)
            {
                var key = keys[(_turn + i) % keys.Length];
                if (!key.IsOut && key.RestsUntil <= now && !tried.Contains(key) && (best is null || key.InFlight < best.InFlight)) best = key;
            }
            if (best is null) return null;
            best.InFlight++;
            tried.Add(best);
            return best;
        }
    }

    private void Leave(ProviderKey key)
    {
        lock (_lock) key.InFlight--;
    }

    /// <returns>Whether another key may do better.</returns>
    private bool IsOfTheKey(ProviderKey key, LlmException failure)
    {
        switch (failure)
        {
            case { Kind: LlmErrorKind.UpstreamRateLimited, UpstreamStatus: null }:
                // Not sent, for too many wait for this key already.
                return true;
            case { Kind: LlmErrorKind.UpstreamRateLimited }:
                Rest(key, failure.RetryAfter ?? DefaultRest);
                return true;
            case { Kind: LlmErrorKind.UpstreamQuotaExhausted }:
                Rest(key, failure.RetryAfter ?? NoCreditRest);
                return true;
            case { Kind: LlmErrorKind.UpstreamAuth }:
                // 403 may mean this model only.
                if (failure.UpstreamStatus == 401) TakeOut(key);
                return true;
            default:
                return false;
        }
    }

    private void Rest(ProviderKey key, TimeSpan time)
    {
        var until = _timeProvider.GetUtcNow() + time;
        lock (_lock)
        {
            if (until <= key.RestsUntil) return;
            key.RestsUntil = until;
        }
        Resting(_provider, key.Place, time.TotalMilliseconds);
    }

    private void TakeOut(ProviderKey key)
    {
        lock (_lock)
        {
            if (key.IsOut) return;
            key.IsOut = true;
        }
        Refused(_provider, key.Place);
    }

    private LlmException Failure(LlmException? last, int tried)
    {
        TimeSpan? wait;
        lock (_lock)
        {
            var resting = Keys.Where(key => !key.IsOut).Select(key => key.RestsUntil - _timeProvider.GetUtcNow()).Where(left => left > TimeSpan.Zero).ToList();
            wait = resting.Count > 0 ? resting.Min() : null;
        }
        // As soon as one key may be used again, all may: that is how long the caller has to wait, whichever key was the last to fail.
        var kind = last?.Kind ?? (wait is null ? LlmErrorKind.UpstreamAuth : LlmErrorKind.UpstreamRateLimited);
        var message = last?.Message ?? (wait is null
            ? "The model's provider accepts none of the gateway's keys. Replace them."
            : "The model's provider limits the rate of requests. Try again later.");
        return new LlmException(kind, message, last)
        {
            Provider = _provider,
            UpstreamStatus = last?.UpstreamStatus,
            RetryAfter = kind == LlmErrorKind.UpstreamRateLimited ? wait ?? last?.RetryAfter : last?.RetryAfter,
            Attempts = tried,
        };
    }

    private ProviderKey[] Load()
    {
        lock (_lock) return _keys ??= [.. _read().Select((key, i) => new ProviderKey(key, i + 1, _create(key)))];
    }

    /// <summary>A key that is still there goes on with what it has in flight, and gets another chance if it had been taken out.</summary>
    private void Reread()
    {
        if (_keys is null) return;
        var read = _read();
        if (read.Count == 0)
        {
            NoneLeft(_provider);
            return;
        }
        lock (_lock)
        {
            var known = _keys.ToDictionary(key => key.Key);
            if (read.SequenceEqual(_keys.Select(key => key.Key))) return;
            _keys = [.. read.Select((key, i) => known.TryGetValue(key, out var old) ? old.At(i + 1) : new ProviderKey(key, i + 1, _create(key)))];
        }
        // What calls that run still use is not disposed of: it holds no connection of its own.
        Changed(_provider, read.Count);
    }

    [LoggerMessage(EventId = 40, EventName = "KeyRefused", Level = LogLevel.Error,
        Message = "{Provider} refused key {Place}: it is not used any more. Replace it.")]
    private partial void Refused(string provider, int place);

    [LoggerMessage(EventId = 41, EventName = "KeyResting", Level = LogLevel.Warning, Message = "{Provider} limits key {Place}: it rests for {RestMs:0} ms")]
    private partial void Resting(string provider, int place, double restMs);

    [LoggerMessage(EventId = 42, EventName = "KeysChanged", Level = LogLevel.Information, Message = "{Provider} has {Keys} keys now")]
    private partial void Changed(string provider, int keys);

    [LoggerMessage(EventId = 43, EventName = "KeysMissing", Level = LogLevel.Warning,
        Message = "The changed configuration has no key for {Provider}: those it had stay in use")]
    private partial void NoneLeft(string provider);
}
