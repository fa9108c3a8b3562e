using LlmGateway.Llm;
using static LlmGateway.Tests.Llm.Resilience.ResilienceHarness;

namespace LlmGateway.Tests.Llm.Resilience;

/// <summary>Without retries, so that a request is a call.</summary>
public sealed class CircuitBreakerTests
{
    private readonly ResilienceHarness _harness = new(new() { MaxRetries = 0 });

    [Fact]
    public async Task OpensWhenNearlyEverythingFails()
    {
        await Open();
        var exception = await Fail();
        Assert.Equal(LlmErrorKind.UpstreamUnavailable, exception.Kind);
        Assert.Equal(TimeSpan.FromSeconds(5), exception.RetryAfter);
        Assert.Equal(0, exception.Attempts);
        Assert.Equal("openai", exception.Provider);
        Assert.Equal(20, _harness.Calls.Count);
        Assert.Equal("openai: circuit open, no calls for 5 s", Assert.Single(_harness.Log.Lines).Text);
    }

    [Fact]
    public async Task SaysHowLongItStaysOpen()
    {
        await Open();
        _harness.Pass(TimeSpan.FromSeconds(2));
        Assert.Equal(TimeSpan.FromSeconds(3), (await Fail()).RetryAfter);
    }

    [Fact]
    public async Task StaysClosedBelowTheFailureRatio()
    {
        _harness.Script = (call, _) => call % 4 == 0 ? Task.CompletedTask : Task.FromException(Failure(LlmErrorKind.UpstreamUnavailable));
        for (var i = 0; i < 100; i++)
        {
            if (i % 4 == 3) await _harness.CompleteAsync();
            else await Fail();
        }

        Assert.Equal(100, _harness.Calls.Count);
    }

    [Fact]
    public async Task IsSharedByCallsEmbeddingsAndStreams()
    {
        await Open();
        await Assert.ThrowsAsync<LlmException>(() => _harness.Client.EmbedAsync(Embedding, CancellationToken.None));
        await Assert.ThrowsAsync<LlmException>(async () =>
        {
            await foreach (var _ in _harness.Client.StreamAsync(Request, CancellationToken.None)) { }
        });
        Assert.Equal(20, _harness.Calls.Count);
    }

    [Fact]
    public async Task FailedStreamsOpenItToo()
    {
        _harness.StreamScript = (_, _) => Fails(Failure(LlmErrorKind.UpstreamUnavailable));
        for (var i = 0; i < 21; i++)
        {
            await Assert.ThrowsAsync<LlmException>(async () =>
            {
                await foreach (var _ in _harness.Client.StreamAsync(Request, CancellationToken.None)) { }
            });
        }

        Assert.Equal(20, _harness.Calls.Count);
    }

    [Fact]
    public async Task ClosesWhenItsOneProbeSucceeds()
    {
        await Open();
        _harness.Pass(TimeSpan.FromSeconds(5));
        var answer = new TaskCompletionSource();
        _harness.Script = (_, _) => answer.Task;
        var probe = _harness.Client.CompleteAsync(Request, CancellationToken.None);
        Assert.True(SpinWait.SpinUntil(() => _harness.Calls.Count == 21, TimeSpan.FromSeconds(10)));

        Assert.Equal(0, (await Fail()).Attempts);
        answer.SetResult();
        Assert.Equal(1, (await probe).Origin.Attempts);

        await _harness.CompleteAsync();
        Assert.Equal(22, _harness.Calls.Count);
        Assert.Equal("openai: circuit closed", _harness.Log.Lines[^1].Text);
    }

    [Fact]
    public async Task OpensAgainWhenItsProbeFails()
    {
        await Open();
        _harness.Pass(TimeSpan.FromSeconds(5));
        Assert.Equal(1, (await Fail()).Attempts);
        Assert.Equal(0, (await Fail()).Attempts);
        Assert.Equal(21, _harness.Calls.Count);
    }

    [Fact]
    public async Task OpensAgainWhenNobodyWaitsForItsProbe()
    {
        await Open();
        _harness.Pass(TimeSpan.FromSeconds(5));
        using var caller = new CancellationTokenSource();
        _harness.Script = (_, token) => Hang(token);
        var probe = _harness.Client.CompleteAsync(Request, caller.Token);
        Assert.True(SpinWait.SpinUntil(() => _harness.Calls.Count == 21, TimeSpan.FromSeconds(10)));
        await caller.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => probe);
        _harness.Script = (_, _) => Task.CompletedTask;
        Assert.Equal(0, (await Fail()).Attempts);

        _harness.Pass(TimeSpan.FromSeconds(5));
        Assert.Equal(1, (await _harness.Client.CompleteAsync(Request, CancellationToken.None)).Origin.Attempts);
    }

    [Theory]
    [InlineData(LlmErrorKind.UpstreamRateLimited, 429)]
    [InlineData(LlmErrorKind.UpstreamUnavailable, 409)]
    [InlineData(LlmErrorKind.UpstreamRejected, 400)]
    [InlineData(LlmErrorKind.UpstreamAuth, 401)]
    [InlineData(LlmErrorKind.UpstreamQuotaExhausted, 429)]
    public async Task AnUpstreamThatRefusesIsWell(LlmErrorKind kind, int status)
    {
        _harness.Script = (_, _) => Task.FromException(Failure(kind, status));
        for (var i = 0; i < 100; i++) await Fail();
        Assert.Equal(100, _harness.Calls.Count);
    }

    [Fact]
    public async Task AttemptsThatHangOpenIt()
    {
        _harness.Script = (_, token) => Hang(token);
        var requests = StartMany(20, CancellationToken.None);
        _harness.Pass(TimeSpan.FromSeconds(60));
        foreach (var request in requests) await Assert.ThrowsAsync<LlmException>(() => request);
        Assert.Equal(0, (await Fail()).Attempts);
    }

    [Fact]
    public async Task CallersWhoLeaveAreNoSuccesses()
    {
        using var caller = new CancellationTokenSource();
        _harness.Script = (_, token) => Hang(token);
        var gone = StartMany(100, caller.Token);
        await caller.CancelAsync();
        foreach (var request in gone) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);

        _harness.Script = (_, _) => Task.FromException(Failure(LlmErrorKind.UpstreamUnavailable));
        for (var i = 0; i < 30; i++) await Fail();
        Assert.Equal(120, _harness.Calls.Count);
    }

    [Fact]
    public async Task CallersWhoLeaveAreNoFailures()
    {
        using var caller = new CancellationTokenSource();
        _harness.Script = (_, token) => Hang(token);
        var gone = StartMany(100, caller.Token);
        await caller.CancelAsync();
        foreach (var request in gone) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);

        _harness.Script = (_, _) => Task.CompletedTask;
        await _harness.CompleteAsync();
        Assert.Empty(_harness.Log.Lines);
    }

    private Task<LlmException> Fail() =>
        Assert.ThrowsAsync<LlmException>(() => _harness.Client.CompleteAsync(Request, CancellationToken.None));

    private List<Task<LlmResponse>> StartMany(int requests, CancellationToken cancellationToken) =>
        Start(() => Enumerable.Range(0, requests).Select(_ => _harness.Client.CompleteAsync(Request, cancellationToken)).ToList());

    private async Task Open()
    {
        _harness.Script = (_, _) => Task.FromException(Failure(LlmErrorKind.UpstreamUnavailable, 503));
        for (var i = 0; i < 20; i++) Assert.Equal(1, (await Fail()).Attempts);
    }
}
