using LlmGateway.Llm;
using static LlmGateway.Tests.Llm.Resilience.ResilienceHarness;

namespace LlmGateway.Tests.Llm.Resilience;

public sealed class ResilientLlmClientTests
{
    private static readonly double[] FullWaits = [0, 0.5, 1.5, 3.5, 7.5, 15.5];

    private readonly ResilienceHarness _harness = new();

    public static TheoryData<LlmErrorKind> Transient =>
        [LlmErrorKind.UpstreamRateLimited, LlmErrorKind.UpstreamUnavailable, LlmErrorKind.UpstreamTimeout];

    public static TheoryData<LlmErrorKind> Final
    {
        get
        {
            var kinds = new TheoryData<LlmErrorKind>();
            foreach (var kind in Enum.GetValues<LlmErrorKind>())
            {
                if (kind is not (LlmErrorKind.UpstreamRateLimited or LlmErrorKind.UpstreamUnavailable or LlmErrorKind.UpstreamTimeout))
                    kinds.Add(kind);
            }

            return kinds;
        }
    }

    [Fact]
    public async Task ASuccessIsOneCall()
    {
        var response = await _harness.CompleteAsync();
        Assert.Equal(1, response.Origin.Attempts);
        Assert.Single(_harness.Calls);
        Assert.Equal(0, _harness.Time.Timers);
    }

    [Theory]
    [MemberData(nameof(Transient))]
    public async Task RepeatsWhatMayPass(LlmErrorKind kind)
    {
        _harness.Script = (call, _) => call < 3 ? Task.FromException(Failure(kind)) : Task.CompletedTask;
        var response = await _harness.CompleteAsync();
        Assert.Equal(3, response.Origin.Attempts);
        Assert.Equal(TimeSpan.FromSeconds(1.5), response.Origin.UpstreamTime);
        Assert.Equal(3, _harness.Calls.Count);
    }

    [Theory]
    [MemberData(nameof(Final))]
    public async Task NeverRepeatsWhatCannotPass(LlmErrorKind kind)
    {
        var failure = Failure(kind, retryAfter: TimeSpan.FromSeconds(1));
        _harness.Script = (_, _) => Task.FromException(failure);
        Assert.Same(failure, await Assert.ThrowsAsync<LlmException>(_harness.CompleteAsync));
        Assert.Equal(1, failure.Attempts);
        Assert.Single(_harness.Calls);
    }

    [Fact]
    public async Task NeverRepeatsAMistakeOfItsOwn()
    {
        _harness.Script = (_, _) => Task.FromException(new InvalidOperationException());
        await Assert.ThrowsAsync<InvalidOperationException>(_harness.CompleteAsync);
        Assert.Single(_harness.Calls);
    }

    [Fact]
    public async Task RepeatsEmbeddingsToo()
    {
        _harness.Script = (call, _) => call < 2 ? Task.FromException(Failure(LlmErrorKind.UpstreamUnavailable)) : Task.CompletedTask;
        var response = await _harness.Run(() => _harness.Client.EmbedAsync(Embedding, CancellationToken.None));
        Assert.Equal(2, response.Origin.Attempts);
    }

    [Fact]
    public async Task GivesUpAfterFiveRetriesWithWaitsThatDouble()
    {
        _harness.Script = (_, _) => Task.FromException(Failure(LlmErrorKind.UpstreamUnavailable, 503));
        var exception = await Assert.ThrowsAsync<LlmException>(_harness.CompleteAsync);
        Assert.Equal(LlmErrorKind.UpstreamUnavailable, exception.Kind);
        Assert.Equal(6, exception.Attempts);
        Assert.Equal(FullWaits, _harness.Calls.Select(call => call.TotalSeconds));
    }

    [Fact]
    public async Task WaitsGrowNoLongerThanTheLongest()
    {
        var harness = new ResilienceHarness(new() { MaxDelay = TimeSpan.FromSeconds(1) });
        harness.Script = (_, _) => Task.FromException(Failure(LlmErrorKind.UpstreamUnavailable));
        await Assert.ThrowsAsync<LlmException>(harness.CompleteAsync);
        Assert.Equal([0, 0.5, 1.5, 2.5, 3.5, 4.5], harness.Calls.Select(call => call.TotalSeconds));
    }

    [Fact]
    public async Task JitterDrawsTheWaitFromItsWholeRange()
    {
        var draws = new Queue<double>([0, 0.5, 0.25, 1, 0.1]);
        var harness = new ResilienceHarness(jitter: draws.Dequeue);
        harness.Script = (_, _) => Task.FromException(Failure(LlmErrorKind.UpstreamUnavailable));
        await Assert.ThrowsAsync<LlmException>(harness.CompleteAsync);
        Assert.Equal([0, 0, 0.5, 1, 5, 5.8], harness.Calls.Select(call => call.TotalSeconds));
    }

    [Fact]
    public async Task WithoutRetriesThereIsOneCall()
    {
        var harness = new ResilienceHarness(new() { MaxRetries = 0 });
        harness.Script = (_, _) => Task.FromException(Failure(LlmErrorKind.UpstreamUnavailable));
        var exception = await Assert.ThrowsAsync<LlmException>(harness.CompleteAsync);
        Assert.Equal(1, exception.Attempts);
        Assert.Single(harness.Calls);
    }

    [Fact]
    public async Task WaitsExactlyAsLongAsTheUpstreamAsks()
    {
        var harness = new ResilienceHarness(jitter: () => 0);
        var waits = new[] { 0.05, 20 };
        harness.Script = (call, _) => call <= waits.Length
            ? Task.FromException(Failure(LlmErrorKind.UpstreamRateLimited, 429, TimeSpan.FromSeconds(waits[call - 1])))
            : Task.CompletedTask;
        await harness.CompleteAsync();
        Assert.Equal([0, 0.05, 20.05], harness.Calls.Select(call => call.TotalSeconds));
    }

    [Fact]
    public async Task JitterNeverShortensWhatTheUpstreamAsks()
    {
        _harness.Script = (call, _) => call == 1
            ? Task.FromException(Failure(LlmErrorKind.UpstreamRateLimited, 429, TimeSpan.FromSeconds(20)))
            : Task.CompletedTask;
        await _harness.CompleteAsync();
        Assert.Equal([0, 22], _harness.Calls.Select(call => call.TotalSeconds));
    }

    [Fact]
    public async Task AWaitOfZeroIsNoReasonToHammer()
    {
        _harness.Script = (call, _) => call == 1
            ? Task.FromException(Failure(LlmErrorKind.UpstreamRateLimited, 429, TimeSpan.Zero))
            : Task.CompletedTask;
        await _harness.CompleteAsync();
        Assert.Equal([0, 0.5], _harness.Calls.Select(call => call.TotalSeconds));
    }

    [Fact]
    public async Task AWaitThatDoesNotFitTheDeadlineFailsAtOnceWithTheUpstreamsOwnWords()
    {
        var failure = Failure(LlmErrorKind.UpstreamRateLimited, 429, TimeSpan.FromSeconds(120));
        _harness.Script = (_, _) => Task.FromException(failure);
        Assert.Same(failure, await Assert.ThrowsAsync<LlmException>(_harness.CompleteAsync));
        Assert.Equal(TimeSpan.FromSeconds(120), failure.RetryAfter);
        Assert.Equal(1, failure.Attempts);
        Assert.Equal(TimeSpan.Zero, _harness.Time.GetUtcNow() - _harness.Time.Start);
    }

    [Fact]
    public async Task AComputedWaitThatDoesNotFitFailsAtOnceToo()
    {
        var harness = new ResilienceHarness(new() { TotalTimeout = TimeSpan.FromSeconds(3) });
        harness.Script = (_, _) => Task.FromException(Failure(LlmErrorKind.UpstreamUnavailable));
        var exception = await Assert.ThrowsAsync<LlmException>(harness.CompleteAsync);
        Assert.Equal(LlmErrorKind.UpstreamUnavailable, exception.Kind);
        Assert.Equal(3, exception.Attempts);
        Assert.Equal(TimeSpan.FromSeconds(1.5), harness.Time.GetUtcNow() - harness.Time.Start);
    }

    [Fact]
    public async Task AnAttemptThatHangsIsCutOffAndRepeated()
    {
        _harness.Script = (call, token) => call == 1 ? Hang(token) : Task.CompletedTask;
        var response = await _harness.CompleteAsync();
        Assert.Equal(2, response.Origin.Attempts);
        Assert.Equal(TimeSpan.FromSeconds(60.5), _harness.Calls[1]);
    }

    [Fact]
    public async Task TheDeadlineEndsEverything()
    {
        _harness.Script = (_, token) => Hang(token);
        var exception = await Assert.ThrowsAsync<LlmException>(_harness.CompleteAsync);
        Assert.Equal(LlmErrorKind.UpstreamTimeout, exception.Kind);
        Assert.Contains("deadline of 120 s", exception.Message, StringComparison.Ordinal);
        Assert.Equal(2, exception.Attempts);
        Assert.Equal(TimeSpan.FromSeconds(120), _harness.Time.GetUtcNow() - _harness.Time.Start);
    }

    [Fact]
    public async Task AnAttemptThatHangsWithoutRetriesIsAnUpstreamTimeout()
    {
        var harness = new ResilienceHarness(new() { MaxRetries = 0 });
        harness.Script = (_, token) => Hang(token);
        var exception = await Assert.ThrowsAsync<LlmException>(harness.CompleteAsync);
        Assert.Equal(LlmErrorKind.UpstreamTimeout, exception.Kind);
        Assert.Equal("openai did not answer within 60 s.", exception.Message);
        Assert.Equal("openai", exception.Provider);
        Assert.Equal(1, exception.Attempts);
    }

    [Fact]
    public async Task ACallerWhoLeavesDuringAWaitEndsIt()
    {
        using var caller = new CancellationTokenSource();
        _harness.Script = (_, _) => Task.FromException(Failure(LlmErrorKind.UpstreamUnavailable));
        var task = Start(() => _harness.Client.CompleteAsync(Request, caller.Token));
        Assert.False(task.IsCompleted);
        await caller.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
        Assert.Single(_harness.Calls);
        Assert.Equal(0, _harness.Time.Timers);
    }

    [Fact]
    public async Task ACallerWhoLeavesAbortsTheUpstream()
    {
        using var caller = new CancellationTokenSource();
        _harness.Script = (_, token) => Hang(token);
        var task = Start(() => _harness.Client.CompleteAsync(Request, caller.Token));
        await caller.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
        Assert.Single(_harness.Calls);
    }

    [Fact]
    public async Task ACallerWhoLeftGetsNoFailureInstead()
    {
        using var caller = new CancellationTokenSource();
        _harness.Script = async (_, _) =>
        {
            await caller.CancelAsync();
            throw Failure(LlmErrorKind.UpstreamUnavailable);
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _harness.Client.CompleteAsync(Request, caller.Token));
        Assert.Single(_harness.Calls);
    }

    [Fact]
    public async Task ACallerWhoNeverWaitedCausesNoCall()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _harness.Client.CompleteAsync(Request, new(canceled: true)));
        Assert.Empty(_harness.Calls);
    }

    [Fact]
    public async Task WithoutABudgetAFailureSurfacesAtOnce()
    {
        var harness = new ResilienceHarness(new() { BudgetInitial = 0 });
        harness.Script = (_, _) => Task.FromException(Failure(LlmErrorKind.UpstreamUnavailable));
        Assert.Equal(1, (await Assert.ThrowsAsync<LlmException>(harness.CompleteAsync)).Attempts);
    }

    [Fact]
    public async Task AnswersPayForRetries()
    {
        var harness = new ResilienceHarness(new() { BudgetInitial = 0 });
        await harness.CompleteAsync();
        await harness.Run(() => harness.Client.EmbedAsync(Embedding, CancellationToken.None));
        await foreach (var _ in harness.Client.StreamAsync(Request, CancellationToken.None)) { }
        await harness.CompleteAsync();
        harness.Script = (_, _) => Task.FromException(Failure(LlmErrorKind.UpstreamUnavailable));
        Assert.Equal(3, (await Assert.ThrowsAsync<LlmException>(harness.CompleteAsync)).Attempts);
    }

    [Fact]
    public async Task TheLastAttemptCostsNoRetry()
    {
        var harness = new ResilienceHarness(new() { BudgetInitial = 6 });
        harness.Script = (_, _) => Task.FromException(Failure(LlmErrorKind.UpstreamUnavailable));
        Assert.Equal(6, (await Assert.ThrowsAsync<LlmException>(harness.CompleteAsync)).Attempts);
        Assert.Equal(2, (await Assert.ThrowsAsync<LlmException>(harness.CompleteAsync)).Attempts);
    }

    [Fact]
    public async Task AWaitThatDoesNotFitCostsNoRetry()
    {
        var harness = new ResilienceHarness(new() { BudgetInitial = 1 });
        harness.Script = (_, _) => Task.FromException(Failure(LlmErrorKind.UpstreamRateLimited, 429, TimeSpan.FromHours(1)));
        await Assert.ThrowsAsync<LlmException>(harness.CompleteAsync);
        harness.Script = (_, _) => Task.FromException(Failure(LlmErrorKind.UpstreamUnavailable));
        Assert.Equal(2, (await Assert.ThrowsAsync<LlmException>(harness.CompleteAsync)).Attempts);
    }

    [Fact]
    public async Task LogsARetryWithoutAWordOfItsContent()
    {
        _harness.Script = (call, _) => call == 1 ? Task.FromException(Failure(LlmErrorKind.UpstreamRateLimited)) : Task.CompletedTask;
        await _harness.CompleteAsync();
        Assert.Equal("openai: UpstreamRateLimited at attempt 1, next one in 500 ms (request r-1)", Assert.Single(_harness.Log.Lines).Text);
    }
}
