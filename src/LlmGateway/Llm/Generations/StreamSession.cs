namespace LlmGateway.Llm.Generations;

/// <summary>
/// One client's reading of a generation, under a name by which it can be stopped and, where its frames have ids, taken up again. It holds the
/// generation as a reader of its own does, so that what becomes of the call when the client has gone is decided here, and nowhere else.
/// </summary>
public sealed class StreamSession
{
    private readonly StreamSessions _streams;
    private readonly Lock _lock = new();
    private readonly List<CancellationTokenSource> _connections = [];
    private LlmResponse? _stored;
    private CacheResult? _storedAs;
    private Generation? _generation;
    private GenerationReader? _hold;
    private bool _joined;
    private TimeSpan _grace;
    private ITimer? _leaving;
    private int _returning;
    private int _present;
    private bool _gone;

    internal StreamSession(StreamSessions streams, string id) => (_streams, Id) = (streams, id);

    /// <summary>Whoever knows it may read the stream on, and stop it: it cannot be guessed.</summary>
    public string Id { get; }

    /// <summary>Whether its frames have ids.</summary>
    internal bool IsResumable { get; init; }

    /// <summary>Whether its client may send the request again without knowing.</summary>
    internal bool IsFromBrowser { get; init; }

    /// <summary>Whether the call goes on for a while when the client has gone.</summary>
    internal bool KeepsRunning { get; init; }

    /// <summary>Whether the client has been sent anything.</summary>
    internal bool IsOpen { get; private set; }

    internal bool IsStopped { get; private set; }

    /// <summary>The ticket that opened it; null without one.</summary>
    internal string? Ticket { get; init; }

    /// <summary>Who reads it in Redis; null where nobody can.</summary>
    internal SharedName? Shared => _generation?.Shared;

    /// <summary>The question; none without an answer.</summary>
    internal GenerationKey? Key { get; private set; }

    /// <summary>How its client came by the answer.</summary>
    internal CacheResult? Result => _storedAs ?? _generation?.ResultFor(_joined);

    internal LinkedListNode<StreamSession>? Left { get; set; }

    /// <summary>A timestamp: it is known no longer.</summary>
    internal long ForgottenAt { get; set; }

    internal long Size { get; private set; }

    /// <summary>The size that it has been kept with.</summary>
    internal long Counted { get; set; }

    /// <summary>Whether its client has gone: no connection is there, and none is about to follow.</summary>
    internal bool IsLeft => Volatile.Read(ref _present) == 0;

    /// <param name="ending">Ends the connection.</param>
    /// <returns>To be disposed of when the connection has ended.</returns>
    internal Connection Connect(CancellationTokenSource ending)
    {
        lock (_lock)
        {
            if (_returning > 0) _returning--;
            _connections.Add(ending);
            Count();
        }
        return new Connection(this, ending);
    }

    /// <summary>The client is about to be sent something: from here on it can name the place it has come to.</summary>
    internal void Open()
    {
        if (!IsOpen) _streams.ForgetUnopened(this);
        lock (_lock) (IsOpen, _grace) = (true, KeepsRunning ? _streams.ResumeGrace : TimeSpan.Zero);
    }

    /// <summary>A stored answer is what it reads.</summary>
    internal void Reads(GenerationKey key, LlmResponse stored, CacheResult storedAs)
    {
        if (IsResumable) (Key, _stored, _storedAs) = (key, stored, storedAs);
    }

    /// <summary>It has begun elsewhere, and is open.</summary>
    internal void Adopt(GenerationKey key, Generation generation) => (Key, _generation, IsOpen) = (key, generation, true);

    /// <summary>A call is what it reads.</summary>
    internal void Reads(GenerationKey key, Generation generation, bool joined)
    {
        if (!IsResumable) return;
        generation.IsResumable = true;
        lock (_lock)
        {
            (Key, _generation, _joined) = (key, generation, joined);
            // As good as its client's own: it can be gone already, and then it has been told to leave.
            if (!_gone && !IsLeft) _hold = generation.Join(CancellationToken.None);
        }
        if (!IsFromBrowser || IsOpen) return;
        _grace = _streams.ResendGrace;
        _streams.RememberUnopened(this);
    }

    /// <summary>
    /// A browser that loses a connection before the first byte sends the request again by itself, and says nothing of it: that request is
    /// still about the stream that it did not get.
    /// </summary>
    internal (GenerationReader Reader, Generation Generation, bool Joined)? JoinEarlier(GenerationKey key, bool fresh, CancellationToken cancellationToken)
    {
        if (!IsFromBrowser || _streams.FindUnopened(key) is not { _generation: { } generation } earlier || earlier == this) return null;
        var isLeft = earlier.IsLeft;
        // While the first one seems to be there, the calls under way are looked through as for everybody; those for one request alone are not among them.
        if (!isLeft && !fresh) return null;
        return generation.Join(cancellationToken) is { } reader ? (reader, generation, !isLeft || earlier._joined) : null;
    }

    /// <summary>Takes the stream up again; a connection has to follow.</summary>
    /// <returns>False where there is nothing left to take up.</returns>
    internal bool TryResume()
    {
        lock (_lock)
        {
            if (_gone) return false;
            if (_stored is not null && _generation is null) _generation = Generation.Of(_stored, _storedAs!);
            if (_generation is null) return false;
            _hold ??= _generation.Join(CancellationToken.None);
            if (_hold is null) return false;
            _leaving?.Dispose();
            _leaving = null;
            _returning++;
            Count();
        }
        _streams.Return(this);
        return true;
    }

    /// <summary>For those who still read it.</summary>
    internal static LlmException Stopped() => new(LlmErrorKind.StreamStopped, "The stream was stopped on purpose.");

    /// <summary>After <see cref="TryResume"/>.</summary>
    internal (GenerationReader Reader, Generation Generation, bool Joined) Join(CancellationToken cancellationToken)
    {
        var generation = _generation!;
        var reader = generation.Join(cancellationToken);
        if (reader is not null && !IsStopped) return (reader, generation, _joined);
        // Others may still read the same call: it has not ended, and yet this stream has.
        reader?.Dispose();
        throw IsStopped ? Stopped() : Generation.Lost();
    }

    /// <summary>Ends it for its client, wherever that is; the call goes on only if others read it.</summary>
    internal void Stop()
    {
        lock (_lock)
        {
            IsStopped = true;
            foreach (var ending in _connections)
                // Not here and now: whoever is woken by it may want to have this lock.
                ending.CancelAfter(TimeSpan.Zero);
        }
        LetGo();
    }

    /// <summary>Nobody will ask for it again.</summary>
    internal void LetGo()
    {
        GenerationReader? hold;
        lock (_lock)
        {
            _gone = true;
            (hold, _hold) = (_hold, null);
            _leaving?.Dispose();
            _leaving = null;
        }
        _streams.ForgetUnopened(this);
        hold?.Dispose();
    }

    private void Leave(CancellationTokenSource ending)
    {
        var grace = TimeSpan.Zero;
        lock (_lock)
        {
            _connections.Remove(ending);
            Count();
            if (!IsLeft) return;
            // Nothing was sent but the status of a failure, or nothing can be taken up: that was all of it.
            if (!IsResumable || (_generation is null && _stored is null) || (!IsOpen && _generation?.Failure is not null)) _gone = true;
            else if (!IsOpen || _generation is { HasEnded: false }) grace = _grace;
        }
        if (_gone)
        {
            _streams.Drop(this);
            return;
        }
        Shrink();
        if (grace > TimeSpan.Zero) Linger(grace);
        else Release(graceIsOver: false);
    }

    private void Linger(TimeSpan grace)
    {
        lock (_lock)
        {
            if (_gone || !IsLeft) return;
            _leaving?.Dispose();
            _leaving = _streams.TimeProvider.CreateTimer(static stream => ((StreamSession)stream!).GraceIsOver(), this, grace, Timeout.InfiniteTimeSpan);
        }
        _streams.Remember(this);
    }

    private void GraceIsOver()
    {
        Shrink();
        Release(graceIsOver: true);
    }

    /// <summary>From now on the call has to do without this reader. What has ended, or is read by others, can still be taken up.</summary>
    private void Release(bool graceIsOver)
    {
        GenerationReader? hold;
        lock (_lock)
        {
            // The client may have come back at the very last moment.
            if (_gone || !IsLeft || (graceIsOver && _leaving is null)) return;
            (hold, _hold) = (_hold, null);
            _leaving?.Dispose();
            _leaving = null;
        }
        hold?.Dispose();
        if (!IsOpen || _generation is { Response: null, Aborted.IsCancellationRequested: true }) _streams.Drop(this);
        else _streams.Remember(this);
    }

    /// <summary>Whoever comes back is there from the moment it has been told so: no other connection that ends meanwhile ends the call.</summary>
    private void Count() => Volatile.Write(ref _present, _connections.Count + _returning);

    private void Shrink()
    {
        lock (_lock)
        {
            if (_generation is { } generation && _hold is { } hold && generation.Compact() is var compact && compact != generation)
            {
                (_generation, _hold) = (compact, compact.Join(CancellationToken.None));
                hold.Dispose();
            }
            Size = StreamSessions.Overhead + (_generation?.Size ?? (_stored?.Text.Length ?? 0) * sizeof(char));
        }
    }

    /// <summary>One connection of a stream's client.</summary>
    internal sealed class Connection(StreamSession stream, CancellationTokenSource ending) : IDisposable
    {
        public void Dispose() => stream.Leave(ending);
    }
}
