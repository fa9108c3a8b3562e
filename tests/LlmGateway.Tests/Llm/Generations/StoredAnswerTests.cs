using System.Diagnostics.CodeAnalysis;
using LlmGateway.Llm;
using LlmGateway.Llm.Generations;
using static LlmGateway.Tests.Llm.Generations.GeneratingHarness;

namespace LlmGateway.Tests.Llm.Generations;

/// <summary>What becomes of answers that are whole, and of those that are not.</summary>
[SuppressMessage("Design", "CA1001", Justification = "The runner disposes of it through IAsyncLifetime.")]
public sealed class StoredAnswerTests : IAsyncLifetime
{
    private static readonly TimeSpan Tick = TimeSpan.FromTicks(1);

    private readonly CacheOptions _options = new()
    {
        Chat = new() { TimeToLive = TimeSpan.FromHours(1), StaleIfError = TimeSpan.FromHours(2) },
        Summarize = new() { TimeToLive = TimeSpan.FromHours(24), StaleIfError = TimeSpan.Zero },
    };

    private readonly GeneratingHarness _harness;

    public StoredAnswerTests() => _harness = new GeneratingHarness(_options);

    private TimeSpan TimeToLive => _options.Chat.TimeToLive;

    private TimeSpan StaleIfError => _options.Chat.StaleIfError;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _harness.AssertNothingIsLeft();
        await _harness.DisposeAsync();
    }

    [Theory]
    [InlineData(LlmTask.Chat)]
    [InlineData(LlmTask.Summarize)]
    [InlineData(LlmTask.Classify)]
    public async Task AWholeAnswerIsStoredAndAsksNobodyAgain(LlmTask task)
    {
        var request = Ask(task, "hi");
        var miss = await _harness.Answered(request, "a");
        Assert.Equal(new CacheResult(CacheStatus.Miss, Stored: true), miss.Cache);

        var hit = await _harness.Complete(request);

        Assert.Single(_harness.Calls);
        Assert.Equal(new CacheResult(CacheStatus.Hit, Stored: true, Age: TimeSpan.Zero, _options.For(task).TimeToLive), hit.Cache);
        Assert.Equal(miss with { Cache = null }, hit with { Cache = null });
    }

    [Fact]
    public async Task WhatWasMadeOfAnAnswerIsKeptWithIt()
    {
        var miss = await _harness.Answered(Chat, "a");
        miss.Rendering!.Body = [1];
        Assert.Same(miss.Rendering.Body, (await _harness.Complete(Chat)).Rendering?.Body);
    }

    [Fact]
    public async Task AStreamIsStoredForWhoDoesNotStream()
    {
        var stream = _harness.Stream(Chat);
        var call = Assert.Single(_harness.Calls);
        call.Say("a", "b");
        call.Finish();
        await stream;

        var hit = await _harness.Complete(Chat);
        Assert.Equal("ab", hit.Text);
        Assert.Equal(StubCall.Usage, hit.Usage);
        Assert.Equal(CacheStatus.Hit, hit.Cache?.Status);
        Assert.Single(_harness.Calls);
    }

    [Fact]
    public async Task AStoredAnswerIsStreamedInOnePiece()
    {
        await _harness.Answered(Chat, "ab");

        var update = Assert.Single((await _harness.Stream(Chat)).Updates);
        Assert.Equal("ab", update.Text);
        Assert.Equal(FinishReason.Stop, update.FinishReason);
        Assert.Equal(StubCall.Usage, update.Usage);
        Assert.Equal(new LlmOrigin("stub", "m"), update.Origin);
        Assert.Equal(CacheStatus.Hit, update.Cache?.Status);
        Assert.Single(_harness.Calls);
    }

    [Fact]
    public async Task AnAnswerIsNotItsFirstCallersOwn()
    {
        await _harness.Answered(Chat with { RequestId = "r-1" }, "a");
        Assert.Equal(CacheStatus.Hit, (await _harness.Complete(Chat with { RequestId = "r-2" })).Cache?.Status);
    }

    [Theory]
    [InlineData("length")]
    [InlineData("content_filter")]
    [InlineData("something_new")]
    [InlineData("")]
    public async Task WhatIsNotWholeIsNotStored(string finish)
    {
        foreach (var request in new[] { Chat, Summary })
        {
            _harness.Upstream.OnCall = call =>
            {
                call.Say("a");
                call.Finish(new FinishReason(finish));
            };
            var first = await _harness.Complete(request);
            Assert.Equal(finish, first.FinishReason.Value);
            Assert.Equal(new CacheResult(CacheStatus.Miss, Stored: false), first.Cache);
            Assert.Equal(CacheStatus.Miss, (await _harness.Stream(request)).Status);
            Assert.Equal(CacheStatus.Bypass, (await _harness.Complete(request with { Fresh = true })).Cache?.Status);
            Assert.Equal(CacheStatus.Miss, (await _harness.Complete(request)).Cache?.Status);
        }
        Assert.Equal(8, _harness.Calls.Count);
    }

    [Fact]
    public async Task ACallOfAToolIsWhole()
    {
        _harness.Upstream.OnCall = call => call.Finish(FinishReason.ToolCalls);
        await _harness.Complete(Summary);
        Assert.Equal(CacheStatus.Hit, (await _harness.Complete(Summary)).Cache?.Status);
    }

    [Fact]
    public async Task WhatWasAbortedIsNotStored()
    {
        using var cancellation = new CancellationTokenSource();
        var left = _harness.Complete(Chat, cancellation.Token);
        _harness.Calls[0].Say("a");
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);

        Assert.Equal(CacheStatus.Miss, (await _harness.Answered(Chat, "b")).Cache?.Status);
    }

    [Fact]
    public async Task AnAnswerStandsForItsTimeAndNoLonger()
    {
        await _harness.Answered(Chat, "old");

        _harness.Time.Advance(TimeToLive - Tick);
        var hit = await _harness.Complete(Chat);
        Assert.Equal("old", hit.Text);
        Assert.Equal(new CacheResult(CacheStatus.Hit, Stored: true, Age: TimeToLive - Tick, TimeToLive: Tick), hit.Cache);

        _harness.Time.Advance(Tick);
        var miss = await _harness.Answered(Chat, "new");
        Assert.Equal("new", miss.Text);
        Assert.Equal(CacheStatus.Miss, miss.Cache?.Status);
        Assert.Equal(new CacheResult(CacheStatus.Hit, Stored: true, Age: TimeSpan.Zero, TimeToLive), (await _harness.Complete(Chat)).Cache);
    }

    [Fact]
    public async Task ItsTimeBeginsWhenTheModelHasGivenIt()
    {
        var slow = _harness.Complete(Chat);
        _harness.Time.Advance(TimeSpan.FromMinutes(5));
        _harness.Calls[0].Answer("a");
        await slow;
        Assert.Equal(TimeToLive, (await _harness.Complete(Chat)).Cache?.TimeToLive);
    }

    [Fact]
    public async Task EachTaskHasItsOwnTime()
    {
        await _harness.Answered(Chat, "a");
        await _harness.Answered(Summary, "a");
        _harness.Time.Advance(TimeSpan.FromHours(23));
        Assert.Equal(CacheStatus.Hit, (await _harness.Complete(Summary)).Cache?.Status);
        Assert.Equal(CacheStatus.Miss, (await _harness.Answered(Chat, "a")).Cache?.Status);
    }

    [Fact]
    public async Task APastAnswerStandsInWhereTheModelFailsBeforeItsFirstWord()
    {
        await _harness.Answered(Chat, "old");
        var untilTheEnd = StaleIfError - Tick;
        _harness.Time.Advance(TimeToLive + untilTheEnd);

        var whole = _harness.Complete(Chat);
        var stream = _harness.Stream(Chat);
        _harness.Calls[1].Fail(Failure);

        Assert.Equal("old", (await whole).Text);
        Assert.Equal(new CacheResult(CacheStatus.Stale, Stored: true, Age: TimeToLive + untilTheEnd, TimeToLive: -untilTheEnd), (await whole).Cache);
        Assert.Equal("old", (await stream).Text);
        Assert.Equal(CacheStatus.Stale, (await stream).Status);
        // It does not stand for anything but the failure: the next one asks again.
        Assert.Equal(CacheStatus.Miss, (await _harness.Answered(Chat, "new")).Cache?.Status);
    }

    [Fact]
    public async Task APastAnswerDoesNotStandInForEver()
    {
        await _harness.Answered(Chat, "old");
        _harness.Time.Advance(TimeToLive + StaleIfError);
        _harness.Upstream.OnCall = call => call.Fail(Failure);
        Assert.Same(Failure, await Assert.ThrowsAsync<LlmException>(() => _harness.Complete(Chat)));
    }

    [Fact]
    public async Task APastAnswerStandsInOnlyWhereItMay()
    {
        await _harness.Answered(Summary, "old");
        _harness.Time.Advance(_options.Summarize.TimeToLive);
        _harness.Upstream.OnCall = call => call.Fail(Failure);
        await Assert.ThrowsAsync<LlmException>(() => _harness.Complete(Summary));
    }

    [Fact]
    public async Task APastAnswerDoesNotStandInAfterTheFirstWord()
    {
        await _harness.Answered(Chat, "old");
        _harness.Time.Advance(TimeToLive);
        var whole = _harness.Complete(Chat);
        var stream = _harness.Stream(Chat);
        _harness.Calls[1].Say("n");
        _harness.Calls[1].Fail(Failure);

        Assert.Same(Failure, await Assert.ThrowsAsync<LlmException>(() => whole));
        Assert.Equal("n", (await stream).Text);
        Assert.Same(Failure, (await stream).Failure);
    }

    [Fact]
    public async Task APastAnswerDoesNotStandInForAFreshOne()
    {
        await _harness.Answered(Chat, "old");
        _harness.Upstream.OnCall = call => call.Fail(Failure);
        await Assert.ThrowsAsync<LlmException>(() => _harness.Complete(Chat with { Fresh = true }));
        // What was stored has not gone by that.
        Assert.Equal("old", (await _harness.Complete(Chat)).Text);
    }

    [Fact]
    public async Task AFreshAnswerReplacesTheStoredOne()
    {
        await _harness.Answered(Chat, "old");
        var fresh = await _harness.Answered(Chat with { Fresh = true }, "new");
        Assert.Equal("new", fresh.Text);
        Assert.Equal(new CacheResult(CacheStatus.Bypass, Stored: true), fresh.Cache);
        var hit = await _harness.Complete(Chat);
        Assert.Equal("new", hit.Text);
        Assert.Equal(CacheStatus.Hit, hit.Cache?.Status);
    }

    [Fact]
    public async Task WithNoTimeToLiveNothingIsKeptAndCallsUnderWayAreStillShared()
    {
        _options.Chat.TimeToLive = TimeSpan.Zero;
        var first = await _harness.Answered(Chat, "a");
        Assert.Equal(new CacheResult(CacheStatus.Bypass), first.Cache);

        var leader = _harness.Complete(Chat);
        var joined = _harness.Complete(Chat);
        var streamed = _harness.Stream(Chat);
        Assert.Equal(2, _harness.Calls.Count);
        _harness.Calls[1].Answer("b");

        Assert.Equal(CacheStatus.Bypass, (await leader).Cache?.Status);
        Assert.Equal("b", (await joined).Text);
        // Somebody else pays for it.
        Assert.Equal(CacheStatus.Coalesced, (await joined).Cache?.Status);
        Assert.Equal(CacheStatus.Coalesced, (await streamed).Status);
    }

    [Fact]
    public async Task WithNoTimeToLiveWhatWasStoredIsNotUsed()
    {
        await _harness.Answered(Chat, "old");
        _options.Chat.TimeToLive = TimeSpan.Zero;
        Assert.Equal("new", (await _harness.Answered(Chat, "new")).Text);
        _harness.Upstream.OnCall = call => call.Fail(Failure);
        await Assert.ThrowsAsync<LlmException>(() => _harness.Complete(Chat));
    }
}
