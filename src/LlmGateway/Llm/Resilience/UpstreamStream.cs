namespace LlmGateway.Llm.Resilience;

/// <summary>An upstream stream whose first update has come: from here on only its consumer ends it.</summary>
internal sealed class UpstreamStream : IAsyncDisposable
{
    private readonly CancellationTokenSource _lifetime;
    private readonly IAsyncEnumerator<LlmUpdate> _updates;

    private UpstreamStream(CancellationTokenSource lifetime, IAsyncEnumerator<LlmUpdate> updates) =>
        (_lifetime, _updates) = (lifetime, updates);

    /// <summary>Null where the stream ended before it began.</summary>
    public LlmUpdate? First { get; private set; }

    public LlmUpdate Current => _updates.Current;

    /// <param name="inner">The upstream.</param>
    /// <param name="request">What it is asked.</param>
    /// <param name="callerToken">Ends the stream at any time.</param>
    /// <param name="attemptToken">Ends the stream until its first update has come.</param>
    public static async Task<UpstreamStream> OpenAsync(
        ILlmClient inner, LlmRequest request, CancellationToken callerToken, CancellationToken attemptToken)
    {
        // The attempt's own token ends with the attempt, and would end the stream with it, or never again.
        var lifetime = CancellationTokenSource.CreateLinkedTokenSource(callerToken);
        UpstreamStream stream;
        try
        {
            stream = new(lifetime, inner.StreamAsync(request, lifetime.Token).GetAsyncEnumerator(lifetime.Token));
        }
        catch
        {
            lifetime.Dispose();
            throw;
        }

        try
        {
            using (attemptToken.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), lifetime))
                stream.First = await stream._updates.MoveNextAsync() ? stream.Current : null;
            // The time may have run out just as the first update came.
            lifetime.Token.ThrowIfCancellationRequested();
            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    public ValueTask<bool> MoveNextAsync() => _updates.MoveNextAsync();

    public async ValueTask DisposeAsync()
    {
        try
        {
            // A cancelled token reaches the upstream at once; disposing alone may drain the rest of the answer first.
            _lifetime.Cancel();
            await _updates.DisposeAsync();
        }
        finally
        {
            _lifetime.Dispose();
        }
    }
}
