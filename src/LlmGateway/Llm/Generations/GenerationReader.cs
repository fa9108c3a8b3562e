using System.Threading.Tasks.Sources;

namespace LlmGateway.Llm.Generations;

/// <summary>One reader's place in the log of a generation.</summary>
internal sealed class GenerationReader : IValueTaskSource, IDisposable
{
    private readonly Generation _generation;
    private readonly CancellationToken _cancellationToken;
    private readonly CancellationTokenRegistration _cancellation;
    private ManualResetValueTaskSourceCore<bool> _wait;
    private int _waiting;

    internal GenerationReader(Generation generation, CancellationToken cancellationToken)
    {
        _generation = generation;
        _cancellationToken = cancellationToken;
        _cancellation = cancellationToken.UnsafeRegister(static reader => ((GenerationReader)reader!).Wake(), this);
    }

    /// <summary>The place in the log.</summary>
    public int Next { get; private set; }

    public bool IsAtStart => Next == 0;

    /// <summary>Whether the call is made for this reader: it is the one that pays.</summary>
    public bool Pays { get; init; }

    /// <summary>Set when the reader has been told what it has to pay.</summary>
    public bool IsTold { get; set; }

    /// <summary>In the line of those who wait, the one before; among those who are being woken, the one after. <see cref="WaitingReaders"/> keeps both in here.</summary>
    internal GenerationReader? NextWaiting { get; set; }

    /// <summary>It never waits again.</summary>
    internal bool IsCancelled => _cancellationToken.IsCancellationRequested;

    public bool TryRead(out LlmUpdate? update)
    {
        if (!_generation.TryRead(Next, out update)) return false;
        Next++;
        return true;
    }

    /// <summary>Passes over everything that is said: only the end is waited for.</summary>
    public void SkipToEnd() => Next = int.MaxValue;

    /// <summary>Waits until there is more to read, or the end has come.</summary>
    /// <exception cref="OperationCanceledException">The reader's own token was cancelled.</exception>
    public ValueTask WaitAsync()
    {
        _wait.Reset();
        Volatile.Write(ref _waiting, 1);
        if (!_generation.Wait(this)) Wake();
        return new ValueTask(this, _wait.Version);
    }

    /// <summary>Goes; the last one to go ends the call.</summary>
    public void Dispose()
    {
        // Without waiting for a callback that runs: it may be what got us here.
        _cancellation.Unregister();
        _generation.Leave(this);
    }

    // On the waker's own thread: a hop to another one for every token would cost more than all that the reader does with it.
    internal void Wake()
    {
        if (Interlocked.Exchange(ref _waiting, 0) == 1) _wait.SetResult(true);
    }

    void IValueTaskSource.GetResult(short token)
    {
        _wait.GetResult(token);
        _cancellationToken.ThrowIfCancellationRequested();
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _wait.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _wait.OnCompleted(continuation, state, token, flags);
}
