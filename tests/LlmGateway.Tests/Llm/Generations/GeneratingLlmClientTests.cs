using System.Diagnostics.CodeAnalysis;
using LlmGateway.Llm;
using LlmGateway.Tests.Hosts;
using Microsoft.Extensions.Logging;
using static LlmGateway.Tests.Llm.Generations.GeneratingHarness;

namespace LlmGateway.Tests.Llm.Generations;

/// <summary>Calls that several requests share. What is stored of them: <see cref="StoredAnswerTests"/>.</summary>
[SuppressMessage("Design", "CA1001", Justification = "The runner disposes of it through IAsyncLifetime.")]
public sealed class GeneratingLlmClientTests : IAsyncLifetime
{
    private readonly GeneratingHarness _harness = new();

    private StubCall Call => Assert.Single(_harness.Calls);

    public Task InitializeAsync() => Task.CompletedTask;

    /// <summary>Whatever was done: nothing of it is left.</summary>
    public async Task DisposeAsync()
    {
        await _harness.AssertNothingIsLeft();
        await _harness.DisposeAsync();
    }

    [Fact]
    public async Task OneCallServesAllWhoAskTheSameWhetherTheyStreamOrNot()
    {
        var streams = new List<Task<Streamed>>();
        var wholes = new List<Task<LlmResponse>>();
        for (var i = 0; i < 100; i++)
        {
            streams.Add(_harness.Stream(Chat with { RequestId = $"s-{i}" }));
            wholes.Add(_harness.Complete(Chat with { RequestId = $"w-{i}" }));
            if (i == 50) Call.Say("a", "b");
        }
        Call.Say("c");
        Call.Finish();

        var streamed = await Task.WhenAll(streams);
        var whole = await Task.WhenAll(wholes);
        Assert.Single(_harness.Calls);
        Assert.All(streamed, stream => Assert.Equal("abc", stream.Text));
        Assert.All(streamed, stream => Assert.Equal(StubCall.Usage, stream.Updates[^1].Usage));
        Assert.All(whole, response => Assert.Equal("abc", response.Text));
        Assert.All(whole, response => Assert.Equal(FinishReason.Stop, response.FinishReason));
        Assert.Equal(CacheStatus.Miss, streamed[0].Status);
        Assert.All(streamed.Skip(1), stream => Assert.Equal(CacheStatus.Coalesced, stream.Status));
        Assert.All(whole, response => Assert.Equal(CacheStatus.Coalesced, response.Cache?.Status));
    }

    [Theory]
    [InlineData(LlmTask.Chat)]
    [InlineData(LlmTask.Summarize)]
    public async Task ACallThatDoesNotEndIsEndedInTimeForAllItsReaders(LlmTask task)
    {
        var (stream, whole) = (_harness.Stream(Ask(task, "hi")), _harness.Complete(Ask(task, "hi")));
        for (var i = 0; i < 29; i++)
        {
            Call.Say("a");
            _harness.Time.Advance(TimeSpan.FromSeconds(20));
        }
        Assert.False(stream.IsCompleted || whole.IsCompleted || Call.Token.IsCancellationRequested);

        _harness.Time.Advance(TimeSpan.FromSeconds(20));

        Assert.Equal(LlmErrorKind.UpstreamTimeout, (await stream).Failure?.Kind);
        Assert.Equal(LlmErrorKind.UpstreamTimeout, (await Assert.ThrowsAsync<LlmException>(() => whole)).Kind);
        Assert.True(Call.Token.IsCancellationRequested);
    }

    [Fact]
    public async Task OneCallServesAllWhoseAnswerComesInOnePiece()
    {
        var whole = _harness.Complete(Summary);
        var another = _harness.Complete(Summary);
        var stream = _harness.Stream(Summary);
        Call.Answer("a");

        Assert.Equal(CacheStatus.Miss, (await whole).Cache?.Status);
        Assert.Equal(CacheStatus.Coalesced, (await another).Cache?.Status);
        var update = Assert.Single((await stream).Updates);
        Assert.Equal(
            new LlmUpdate { Text = "a", Origin = new LlmOrigin("stub", "m"), FinishReason = FinishReason.Stop, Usage = StubCall.Usage, Cache = update.Cache }, update);
        Assert.Equal(CacheStatus.Coalesced, update.Cache?.Status);
    }

    [Fact]
    public async Task DifferentQuestionsAreDifferentCalls()
    {
        var one = _harness.Complete(Ask(LlmTask.Chat, "1"));
        var two = _harness.Complete(Ask(LlmTask.Chat, "2"));
        _harness.Calls[1].Answer("two");
        _harness.Calls[0].Answer("one");
        Assert.Equal("one", (await one).Text);
        Assert.Equal("two", (await two).Text);
    }

    [Fact]
    public async Task OnlyTheFirstUpdateSaysWhereTheAnswerComesFrom()
    {
        var stream = _harness.Stream(Chat);
        Call.Say("a", "b");
        Call.Finish();
        Assert.Equal([true, false, false], (await stream).Updates.Select(update => update.Cache is not null));
    }

    [Fact]
    public async Task PiecesAreReadAsTheyCome()
    {
        await using var stream = _harness.Client.StreamAsync(Chat, CancellationToken.None).GetAsyncEnumerator();
        var first = stream.MoveNextAsync();
        Call.Say("a");
        Assert.True(await first);
        Assert.Equal("a", stream.Current.Text);
        var second = stream.MoveNextAsync();
        Assert.False(second.IsCompleted);
        Call.Say("b");
        Assert.True(await second);
        Assert.Equal("b", stream.Current.Text);
    }

    [Fact]
    public async Task NothingIsAskedBeforeAStreamIsRead()
    {
        await using var stream = _harness.Client.StreamAsync(Chat, CancellationToken.None).GetAsyncEnumerator();
        Assert.Empty(_harness.Calls);
    }

    [Fact]
    public async Task WhoJoinsLateGetsItAll()
    {
        var early = _harness.Stream(Chat);
        Call.Say("a", "b", "c");
        var late = _harness.Stream(Chat);
        Call.Say("d");
        Call.Finish();
        Assert.Equal("abcd", (await late).Text);
        Assert.Equal("abcd", (await early).Text);
    }

    [Fact]
    public async Task AReaderThatDoesNotReadHoldsNobodyUp()
    {
        await using var still = _harness.Client.StreamAsync(Chat, CancellationToken.None).GetAsyncEnumerator();
        var first = still.MoveNextAsync();
        var whole = _harness.Complete(Chat);
        Call.Answer("a");
        Assert.Equal("a", (await whole).Text);
        Assert.True(await first);
        Assert.Equal("a", still.Current.Text);
        Assert.True(await still.MoveNextAsync());
        Assert.Equal(FinishReason.Stop, still.Current.FinishReason);
        Assert.False(await still.MoveNextAsync());
    }

    [Theory]
    [InlineData(LlmTask.Chat)]
    [InlineData(LlmTask.Summarize)]
    public async Task TheFirstOnesLeavingIsNothingToTheOthers(LlmTask task)
    {
        using var cancellation = new CancellationTokenSource();
        var leader = _harness.Complete(Ask(task, "hi"), cancellation.Token);
        var other = _harness.Complete(Ask(task, "hi"));
        Call.Say("a");
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leader);

        Assert.False(Call.Token.IsCancellationRequested);
        Call.Say("b");
        Call.Finish();
        Assert.Equal("ab", (await other).Text);
    }

    [Fact]
    public async Task ALeavingStreamIsNothingToTheOthers()
    {
        var leader = _harness.Client.StreamAsync(Chat, CancellationToken.None).GetAsyncEnumerator();
        var first = leader.MoveNextAsync();
        var other = _harness.Stream(Chat);
        Call.Say("a");
        Assert.True(await first);
        await leader.DisposeAsync();

        Assert.False(Call.Token.IsCancellationRequested);
        Call.Say("b");
        Call.Finish();
        Assert.Equal("ab", (await other).Text);
    }

    [Theory]
    [InlineData(LlmTask.Chat)]
    [InlineData(LlmTask.Summarize)]
    public async Task WhenAllHaveLeftTheCallIsEndedAtOnceAndTheNextOneIsNew(LlmTask task)
    {
        var request = Ask(task, "hi");
        using var cancellation = new CancellationTokenSource();
        var readers = new Task[] { _harness.Complete(request, cancellation.Token), _harness.Stream(request, cancellation.Token), _harness.Complete(request, cancellation.Token) };
        Call.Say("a");
        Assert.False(Call.Token.IsCancellationRequested);
        cancellation.Cancel();
        await Until.TrueAsync(() => Call.Token.IsCancellationRequested, Patience);
        foreach (var reader in readers)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reader);

        var next = _harness.Complete(request);
        Assert.Equal(2, _harness.Calls.Count);
        _harness.Calls[1].Answer("b");
        Assert.Equal("b", (await next).Text);
        Assert.Equal(CacheStatus.Miss, (await next).Cache?.Status);
    }

    [Fact]
    public async Task ACallThatEndsLateTakesNothingFromTheOneThatCameAfterIt()
    {
        _harness.Upstream.OnCall = call => call.HeedsCancellation = _harness.Calls.Count > 1;
        using var cancellation = new CancellationTokenSource();
        var left = _harness.Complete(Chat, cancellation.Token);
        cancellation.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);

        var next = _harness.Complete(Chat);
        _harness.Calls[0].Fail(Failure);
        await _harness.UntilLive(1);
        var joined = _harness.Complete(Chat);
        Assert.Equal(2, _harness.Calls.Count);
        _harness.Calls[1].Answer("b");
        Assert.Equal("b", (await next).Text);
        Assert.Equal("b", (await joined).Text);
    }

    [Fact]
    public async Task WhoHasLeftBeforeAskingAsksNothing()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _harness.Complete(Chat, new CancellationToken(canceled: true)));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _harness.Stream(Chat, new CancellationToken(canceled: true)));
        Assert.Empty(_harness.Calls);
    }

    [Theory]
    [InlineData(LlmTask.Chat)]
    [InlineData(LlmTask.Summarize)]
    public async Task AFailureBeforeTheFirstTokenReachesAllAndIsNotStored(LlmTask task)
    {
        var request = Ask(task, "hi");
        var wholes = new[] { _harness.Complete(request), _harness.Complete(request) };
        var streams = new[] { _harness.Stream(request), _harness.Stream(request) };
        Call.Fail(Failure);

        foreach (var whole in wholes)
            Assert.Same(Failure, await Assert.ThrowsAsync<LlmException>(() => whole));
        foreach (var stream in await Task.WhenAll(streams))
        {
            Assert.Same(Failure, stream.Failure);
            Assert.Empty(stream.Updates);
        }
        Assert.Equal("b", (await _harness.Answered(request, "b")).Text);
        Assert.Equal(2, _harness.Calls.Count);
    }

    [Fact]
    public async Task AFailureInTheMiddleReachesAllAfterWhatCameBeforeItAndIsNotStored()
    {
        var whole = _harness.Complete(Chat);
        var early = _harness.Stream(Chat);
        Call.Say("a", "b");
        var late = _harness.Stream(Chat);
        Call.Fail(Failure);

        Assert.Same(Failure, await Assert.ThrowsAsync<LlmException>(() => whole));
        foreach (var stream in await Task.WhenAll(early, late))
        {
            Assert.Same(Failure, stream.Failure);
            Assert.Equal("ab", stream.Text);
            Assert.DoesNotContain(stream.Updates, update => update.FinishReason is not null);
        }
        Assert.Equal("c", (await _harness.Answered(Chat, "c")).Text);
        Assert.Equal(2, _harness.Calls.Count);
    }

    [Fact]
    public async Task WhoWantsAFreshAnswerJoinsNobody()
    {
        var first = _harness.Complete(Chat);
        var fresh = _harness.Complete(Chat with { Fresh = true });
        Assert.Equal(2, _harness.Calls.Count);
        _harness.Calls[1].Answer("fresh");
        _harness.Calls[0].Answer("first");
        Assert.Equal("first", (await first).Text);
        Assert.Equal("fresh", (await fresh).Text);
        Assert.Equal(CacheStatus.Bypass, (await fresh).Cache?.Status);
    }

    [Fact]
    public async Task NobodyJoinsWhoWantsAFreshAnswer()
    {
        var fresh = _harness.Complete(Chat with { Fresh = true });
        var another = _harness.Complete(Chat with { Fresh = true });
        var other = _harness.Complete(Chat);
        Assert.Equal(3, _harness.Calls.Count);
        for (var i = 0; i < 3; i++)
            _harness.Calls[i].Answer($"{i}");
        Assert.Equal(["0", "1", "2"], (await Task.WhenAll(fresh, another, other)).Select(response => response.Text));
        Assert.Equal(CacheStatus.Miss, (await other).Cache?.Status);
    }

    [Fact]
    public async Task AFreshCallEndsWithItsOneReader()
    {
        using var cancellation = new CancellationTokenSource();
        var fresh = _harness.Complete(Chat with { Fresh = true }, cancellation.Token);
        cancellation.Cancel();
        Assert.True(Call.Token.IsCancellationRequested);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fresh);
    }

    [Theory]
    [InlineData(LlmTask.Chat)]
    [InlineData(LlmTask.Summarize)]
    public async Task WhatNobodyForesawFailsTheReadersAndIsLoggedWithoutItsMessage(LlmTask task)
    {
        var request = Ask(task, "hi") with { RequestId = "r-1" };
        var whole = _harness.Complete(request);
        var stream = _harness.Stream(request);
        Call.Fail(new FormatException("a secret of the prompt"));

        var failure = await Assert.ThrowsAsync<LlmException>(() => whole);
        Assert.Equal(LlmErrorKind.InternalError, failure.Kind);
        Assert.Equal(LlmErrorKind.InternalError, (await stream).Failure?.Kind);
        Assert.DoesNotContain("secret", failure.ToString(), StringComparison.Ordinal);
        var (level, line) = Assert.Single(_harness.Log.Lines);
        Assert.Equal(LogLevel.Error, level);
        Assert.Contains("System.FormatException", line, StringComparison.Ordinal);
        Assert.Contains("r-1", line, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AModelThatFailsBeforeItIsReadFailsItsReadersOnly()
    {
        _harness.Upstream.OnCall = _ => throw Failure;
        Assert.Same(Failure, await Assert.ThrowsAsync<LlmException>(() => _harness.Complete(Chat)));
        Assert.Same(Failure, await Assert.ThrowsAsync<LlmException>(() => _harness.Complete(Summary)));
    }

    [Fact]
    public async Task FailuresAndLeaversAreNoErrorsInTheLog()
    {
        using var cancellation = new CancellationTokenSource();
        var left = _harness.Complete(Chat, cancellation.Token);
        cancellation.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        _harness.Upstream.OnCall = call => call.Fail(Failure);
        await Assert.ThrowsAsync<LlmException>(() => _harness.Complete(Chat));
        await _harness.UntilLive(0);
        Assert.Empty(_harness.Log.Lines);
    }

    [Fact]
    public async Task DisposingEndsWhatRuns()
    {
        var shared = _harness.Complete(Chat);
        var joined = _harness.Stream(Chat);
        var fresh = _harness.Complete(Chat with { Fresh = true });
        Assert.Equal(2, _harness.Client.Calls.Count);

        await _harness.Client.DisposeAsync().AsTask().WaitAsync(Patience);

        Assert.Equal(0, _harness.Client.Calls.Count);
        Assert.All(_harness.Calls, call => Assert.True(call.Token.IsCancellationRequested));
        Assert.Equal(LlmErrorKind.ShuttingDown, (await Assert.ThrowsAsync<LlmException>(() => shared)).Kind);
        Assert.Equal(LlmErrorKind.ShuttingDown, (await joined).Failure?.Kind);
        await Assert.ThrowsAsync<LlmException>(() => fresh);
    }

    [Fact]
    public async Task LeavesNothingBehindWhateverHappens()
    {
        // Answers, failures and cuts at once, on other threads, and sooner or later than whoever asks has begun to wait.
        var number = 0;
        _harness.Upstream.OnCall = call =>
        {
            var random = new Random(Interlocked.Increment(ref number));
            if (random.Next(4) == 0) Play();
            else ThreadPool.QueueUserWorkItem(_ => Play());

            void Play()
            {
                if (random.Next(2) == 0) Thread.SpinWait(random.Next(2_000));
                call.Say("a");
                if (random.Next(2) == 0) Thread.Yield();
                switch (random.Next(5))
                {
                    case 0: call.Fail(Failure); break;
                    case 1: call.Fail(new FormatException("no")); break;
                    case 2: call.Finish(FinishReason.Length); break;
                    default: call.Finish(); break;
                }
            }
        };

        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            for (var i = 0; i < 500; i++)
            {
                using var cancellation = new CancellationTokenSource();
                var request = Ask(random.Next(2) == 0 ? LlmTask.Chat : LlmTask.Summarize, $"{i / 2} {random.Next(3)}") with { Fresh = random.Next(8) == 0 };
                Task reader = random.Next(2) == 0 ? _harness.Complete(request, cancellation.Token) : _harness.Stream(request, cancellation.Token);
                if (random.Next(4) == 0) await cancellation.CancelAsync();
                try
                {
                    await reader;
                }
                catch (Exception exception) when (exception is LlmException or OperationCanceledException)
                {
                    // It ended, which is all that is asked of it here.
                }
            }
        }))).WaitAsync(Patience);

        await _harness.AssertNothingIsLeft();
    }
}
