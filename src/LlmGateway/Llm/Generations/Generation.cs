using System.Diagnostics.CodeAnalysis;

namespace LlmGateway.Llm.Generations;

/// <summary>
/// One call to a model: a log of what it says, with one end. Any number of readers read the same log, each at its own pace and each from its
/// beginning; none of them has a queue. When the last one has gone, the call is aborted.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A token source without a timer holds nothing, and readers may cancel it after the end.")]
internal sealed class Generation
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _aborted = new();
    private readonly UpdateLog _log = new();
    private WaitingReaders _waiting;
    private int _readers;
    private bool _closed;
    private bool _held;
    private int _unpaid;

    /// <summary>Cancelled when nobody reads any more.</summary>
    public CancellationToken Aborted => _aborted.Token;

    /// <summary>Where the answer comes from; known before the first update is.</summary>
    public CacheResult Source { get; set; } = new(CacheStatus.Miss);

    /// <summary>Under which name other gateways can read this call along; null where they cannot.</summary>
    public SharedName? Shared { get; set; }

    /// <summary>The whole answer, once it is there.</summary>
    public LlmResponse? Response { get; private set; }

    /// <summary>Why there is no whole answer.</summary>
    public LlmException? Failure { get; private set; }

    /// <summary>Whether some client may come back for the rest.</summary>
    public bool IsResumable { get; set; }

    public bool HasEnded => Response is not null || Failure is not null;

    /// <summary>Who answers, once that is known.</summary>
    public LlmOrigin? Origin
    {
        get
        {
            lock (_lock) return _log.Count > 0 ? _log[0].Origin : Response?.Origin;
        }
    }

    /// <summary>Bytes of memory, about.</summary>
    public long Size
    {
        get
        {
            lock (_lock) return _log.Size + ((Response?.Text.Length ?? 0L) * sizeof(char));
        }
    }

    /// <summary>Whether nothing has been said yet.</summary>
    public bool IsEmpty
    {
        get
        {
            lock (_lock) return _log.Count == 0;
        }
    }

    /// <summary>An answer that was there from the beginning.</summary>
    public static Generation Of(LlmResponse response, CacheResult source) => new() { Source = source, Response = response };

    /// <summary>For those who still wait for a call that was aborted.</summary>
    public static LlmException Lost() => new(LlmErrorKind.UpstreamUnavailable, "The call was aborted before its end.");

    /// <returns>Null if the last reader has gone in the meantime: this call is being aborted.</returns>
    public GenerationReader? Join(CancellationToken cancellationToken) => Join(pays: false, cancellationToken);

    /// <param name="pays">Whether the call is made for this reader.</param>
    /// <param name="cancellationToken">The reader's own.</param>
    public GenerationReader? Join(bool pays, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_closed) return null;
            _readers++;
        }
        return new GenerationReader(this, cancellationToken) { Pays = pays };
    }

    /// <returns>Whether whoever the call was made for has gone without paying: true once, for one of those that are left.</returns>
    public bool Inherit() => Interlocked.Exchange(ref _unpaid, 0) == 1;

    /// <summary>Adds to the log. Readers are told by <see cref="Publish"/>.</summary>
    public void Append(LlmUpdate update)
    {
        lock (_lock) _log.Add(update);
    }

    /// <summary>Wakes those who wait for what is there now.</summary>
    public void Publish()
    {
        GenerationReader? woken;
        lock (_lock) woken = _waiting.Take(this);
        WaitingReaders.Wake(woken);
    }

    /// <returns>All that the log holds; its last update has to be the end.</returns>
    public LlmResponse Whole()
    {
        var last = _log.Last!;
        return new LlmResponse
        {
            Text = _log.Text,
            FinishReason = last.FinishReason!.Value,
            Usage = last.Usage,
            Origin = _log[0].Origin!,
        };
    }

    /// <returns>The same, once it has ended, without the log's many pieces; itself until then.</returns>
    public Generation Compact()
    {
        lock (_lock)
        {
            if (Response is not null) return new Generation { Source = Source, Shared = Shared, Response = Response };
            if (Failure is null) return this;
            var compact = new Generation { Source = Source, Shared = Shared, Failure = Failure };
            if (_log.Count > 0) compact._log.Add(new LlmUpdate { Origin = _log[0].Origin, Text = _log.Text });
            return compact;
        }
    }

    /// <summary>How one reader came by the answer.</summary>
    /// <param name="joined">Whether another one was there before.</param>
    public CacheResult ResultFor(bool joined) =>
        joined && Source.Status is (CacheStatus.Miss or CacheStatus.Bypass) ? Source with { Status = CacheStatus.Coalesced } : Source;

    /// <summary>Adds what the log lacks of the whole answer, if it has begun to tell it at all.</summary>
    public void CatchUp(LlmResponse response)
    {
        lock (_lock)
        {
            if (_log.Last is null or { FinishReason: not null }) return;
            _log.Add(new LlmUpdate { Text = response.Text[_log.Length..], FinishReason = response.FinishReason, Usage = response.Usage });
        }
    }

    /// <summary>The end: this is all of it, whether the log has it in pieces or not at all.</summary>
    public void Complete(LlmResponse response)
    {
        lock (_lock) Response = response;
        Publish();
    }

    /// <summary>The end: there is no whole answer.</summary>
    public void Fail(LlmException failure)
    {
        lock (_lock)
        {
            // What has been answered whole stays answered, whatever breaks after it.
            if (HasEnded) return;
            Failure = failure;
        }
        Publish();
    }

    /// <summary>The call goes on without readers until <see cref="AbortIfAbandoned"/>: there may be some that are not known here.</summary>
    public void HoldWhenAbandoned()
    {
        lock (_lock) _held = true;
    }

    public bool IsAbandoned
    {
        get
        {
            lock (_lock) return _readers == 0 && !HasEnded;
        }
    }

    /// <summary>Ends the call, if nobody reads.</summary>
    public void AbortIfAbandoned()
    {
        lock (_lock)
        {
            if (_readers > 0 || HasEnded) return;
            _closed = true;
        }
        _aborted.Cancel();
    }

    /// <summary>Ends the call, whoever reads.</summary>
    public void Abort()
    {
        lock (_lock) _closed = true;
        _aborted.Cancel();
    }

    internal bool TryRead(int index, out LlmUpdate? update)
    {
        lock (_lock)
        {
            update = index < _log.Count ? _log[index] : null;
            return update is not null;
        }
    }

    /// <returns>Whether there is nothing to be read yet: the reader will be woken. False, too, where it has been cancelled.</returns>
    internal bool Wait(GenerationReader reader)
    {
        lock (_lock)
        {
            // In here, behind whatever the reader has written, and before it gets into the line, where it may still be: no cancellation is missed, and nobody is in it twice.
            if (reader.IsCancelled || CanRead(reader)) return false;
            _waiting.Add(reader);
            return true;
        }
    }

    internal bool CanRead(GenerationReader reader) => reader.Next < _log.Count || HasEnded;

    internal void Leave(GenerationReader reader)
    {
        if (reader is { Pays: true, IsTold: false }) Volatile.Write(ref _unpaid, 1);
        lock (_lock)
        {
            if (--_readers > 0 || _held) return;
        }
        AbortIfAbandoned();
    }
}
