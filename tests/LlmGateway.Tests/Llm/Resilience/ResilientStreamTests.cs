using System.Runtime.CompilerServices;
using LlmGateway.Llm;
using static LlmGateway.Tests.Llm.Resilience.ResilienceHarness;

namespace LlmGateway.Tests.Llm.Resilience;

public sealed class ResilientStreamTests
{
    private readonly ResilienceHarness _harness = new();
    private readonly Probe _probe = new();

    [Fact]
    public async Task PassesUpdatesOnAndStampsTheFirst()
    {
        var updates = await _harness.Run(() => Read(CancellationToken.None));
        Assert.Equal(["a", "b"], updates.Select(update => update.Text));
        Assert.Equal(new LlmOrigin("openai", "m"), updates[0].Origin);
        Assert.Null(updates[1].Origin);
        Assert.Equal(FinishReason.Stop, updates[1].FinishReason);
        Assert.Equal(0, _harness.Time.Timers);
    }

    [Fact]
    public void SendsNothingBeforeItIsRead()
    {
        _harness.Client.StreamAsync(Request, CancellationToken.None).GetAsyncEnumerator();
        Assert.Empty(_harness.Calls);
    }

    [Fact]
    public async Task RepeatsUntilTheFirstUpdate()
    {
        _harness.StreamScript = (call, token) =>
            _probe.Watch(call < 3 ? Fails(Failure(LlmErrorKind.UpstreamUnavailable)) : Updates("a", "b"), token);
        var updates = await _harness.Run(() => Read(CancellationToken.None));
        Assert.Equal(["a", "b"], updates.Select(update => update.Text));
        Assert.Equal(new LlmOrigin("openai", "m") { Attempts = 3, UpstreamTime = TimeSpan.FromSeconds(1.5) }, updates[0].Origin);
        Assert.Equal(3, _probe.Opened);
        Assert.Equal(3, _probe.Disposed);
    }

    [Fact]
    public async Task GivesUpWithTheLastFailure()
    {
        _harness.StreamScript = (_, token) => _probe.Watch(Fails(Failure(LlmErrorKind.UpstreamUnavailable)), token);
        var exception = await Assert.ThrowsAsync<LlmException>(() => _harness.Run(() => Read(CancellationToken.None)));
        Assert.Equal(6, exception.Attempts);
        Assert.Equal(6, _probe.Disposed);
    }

    [Fact]
    public async Task RepeatsWhenOpeningItselfFails()
    {
        _harness.StreamScript = (call, _) => call == 1 ? throw Failure(LlmErrorKind.UpstreamUnavailable) : Updates("a");
        Assert.Equal(2, (await _harness.Run(() => Read(CancellationToken.None)))[0].Origin?.Attempts);
    }

    [Fact]
    public async Task RepeatsNothingAfterTheFirstUpdate()
    {
        var failure = Failure(LlmErrorKind.UpstreamUnavailable);
        _harness.StreamScript = (_, token) => _probe.Watch(BreaksAfterOne(failure), token);
        var seen = new List<LlmUpdate>();
        Assert.Same(failure, await Assert.ThrowsAsync<LlmException>(() => _harness.Run(() => Read(CancellationToken.None, seen))));
        Assert.Equal("a", Assert.Single(seen).Text);
        Assert.Equal(1, failure.Attempts);
        Assert.Single(_harness.Calls);
        Assert.Equal(1, _probe.Disposed);
    }

    [Fact]
    public async Task AFirstUpdateThatDoesNotComeIsCutOffAndTriedAgain()
    {
        _harness.StreamScript = (call, token) => _probe.Watch(call == 1 ? Silent(token) : Updates("a"), token);
        var updates = await _harness.Run(() => Read(CancellationToken.None));
        Assert.Equal(2, updates[0].Origin?.Attempts);
        Assert.Equal(TimeSpan.FromSeconds(60.5), updates[0].Origin?.UpstreamTime);
        Assert.Equal(2, _probe.Disposed);
    }

    [Fact]
    public async Task TheDeadlineEndsTheWaitForTheFirstUpdate()
    {
        _harness.StreamScript = (_, token) => _probe.Watch(Silent(token), token);
        var exception = await Assert.ThrowsAsync<LlmException>(() => _harness.Run(() => Read(CancellationToken.None)));
        Assert.Equal(LlmErrorKind.UpstreamTimeout, exception.Kind);
        Assert.Contains("deadline", exception.Message, StringComparison.Ordinal);
        Assert.Equal(2, exception.Attempts);
        Assert.Equal(2, _probe.Disposed);
    }

    [Fact]
    public async Task LivesLongerThanAllTimeLimitsOnceItHasBegun()
    {
        var pieces = new List<TaskCompletionSource> { new(), new(), new() };
        _harness.StreamScript = (_, token) => _probe.Watch(Paced(pieces, token), token);
        var seen = new List<LlmUpdate>();
        var reading = Start(() => Read(CancellationToken.None, seen));
        _harness.Pass(TimeSpan.FromSeconds(59));
        foreach (var piece in pieces)
        {
            Start(() => piece.TrySetResult());
            _harness.Pass(TimeSpan.FromSeconds(300));
        }

        Assert.Equal(3, (await reading).Count);
        Assert.Equal(TimeSpan.FromSeconds(59), seen[0].Origin?.UpstreamTime);
        Assert.Single(_harness.Calls);
    }

    [Fact]
    public async Task ACallerWhoLeavesAfterTheFirstUpdateAbortsTheUpstream()
    {
        using var caller = new CancellationTokenSource();
        _harness.StreamScript = (_, token) => _probe.Watch(SilentAfterOne(token), token);
        var seen = new List<LlmUpdate>();
        var reading = Start(() => Read(caller.Token, seen));
        Assert.Single(seen);
        await caller.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.True(_probe.Token.IsCancellationRequested);
        Assert.Equal(1, _probe.Disposed);
    }

    [Fact]
    public async Task ACallerWhoLeavesBeforeTheFirstUpdateAbortsTheUpstream()
    {
        using var caller = new CancellationTokenSource();
        _harness.StreamScript = (_, token) => _probe.Watch(Silent(token), token);
        var reading = Start(() => Read(caller.Token));
        await caller.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.Single(_harness.Calls);
        Assert.Equal(1, _probe.Disposed);
        Assert.Equal(0, _harness.Time.Timers);
    }

    [Fact]
    public async Task AConsumerWhoStopsReadingAbortsTheUpstream()
    {
        _harness.StreamScript = (_, token) => _probe.Watch(Updates("a", "b", "c"), token);
        await foreach (var _ in _harness.Client.StreamAsync(Request, CancellationToken.None)) break;
        Assert.True(_probe.CancelledWhenDisposed);
        Assert.Equal(1, _probe.Disposed);
    }

    [Fact]
    public async Task AStreamThatEndsBeforeItBeginsIsLeftAsItIs()
    {
        _harness.StreamScript = (_, token) => _probe.Watch(Updates(), token);
        Assert.Empty(await _harness.Run(() => Read(CancellationToken.None)));
        Assert.Single(_harness.Calls);
        Assert.Equal(1, _probe.Disposed);
    }

    private static async IAsyncEnumerable<LlmUpdate> BreaksAfterOne(Exception exception)
    {
        await foreach (var update in Updates("a")) yield return update;
        throw exception;
    }

    private static async IAsyncEnumerable<LlmUpdate> Silent([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Hang(cancellationToken);
        yield break;
    }

    private static async IAsyncEnumerable<LlmUpdate> SilentAfterOne([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var update in Updates("a").WithCancellation(cancellationToken)) yield return update;
        await Hang(cancellationToken);
    }

    private static async IAsyncEnumerable<LlmUpdate> Paced(
        List<TaskCompletionSource> pieces, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var piece in pieces)
        {
            await using (cancellationToken.Register(() => piece.TrySetCanceled(cancellationToken)))
                await piece.Task;
            yield return new LlmUpdate { Text = "x", Origin = new("openai", "m") };
        }
    }

    private async Task<List<LlmUpdate>> Read(CancellationToken cancellationToken, List<LlmUpdate>? into = null)
    {
        var updates = into ?? [];
        await foreach (var update in _harness.Client.StreamAsync(Request, cancellationToken)) updates.Add(update);
        return updates;
    }

    /// <summary>Sees what becomes of the upstream's enumerators.</summary>
    private sealed class Probe
    {
        public int Opened { get; private set; }

        public int Disposed { get; private set; }

        public CancellationToken Token { get; private set; }

        public bool CancelledWhenDisposed { get; private set; }

        public async IAsyncEnumerable<LlmUpdate> Watch(
            IAsyncEnumerable<LlmUpdate> updates, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            Opened++;
            Token = cancellationToken;
            try
            {
                await foreach (var update in updates.WithCancellation(cancellationToken)) yield return update;
            }
            finally
            {
                Disposed++;
                CancelledWhenDisposed = cancellationToken.IsCancellationRequested;
            }
        }
    }
}
