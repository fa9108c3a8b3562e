using System.Text;
using LlmGateway.Llm;
using LlmGateway.Llm.Generations;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Llm.Generations;

public class GenerationTests
{
    private readonly Generation _generation = new();

    [Fact]
    public void EachReaderReadsAtItsOwnPace()
    {
        using var quick = Join();
        using var slow = Join();
        Write("a", "b");
        Assert.Equal("ab", Rest(quick));
        Write("c");
        Assert.Equal("c", Rest(quick));
        Assert.Equal("abc", Rest(slow));
    }

    [Fact]
    public async Task ALateReaderGetsAllAtOnceAndThenTheRestAsItComes()
    {
        using var early = Join();
        Write("a", "b");

        using var late = Join();
        Assert.Equal("ab", Rest(late));
        var more = late.WaitAsync().AsTask();
        Assert.False(more.IsCompleted);
        Write("c");
        await more.WaitAsync(GeneratingHarness.Patience);
        Assert.Equal("c", Rest(late));
    }

    [Fact]
    public void WaitsForNothingThatIsThere()
    {
        using var reader = Join();
        Write("a");
        Assert.True(reader.WaitAsync().AsTask().IsCompletedSuccessfully);
    }

    [Fact]
    public void WaitsForNothingAfterTheEnd()
    {
        using var reader = Join();
        _generation.Fail(GeneratingHarness.Failure);
        Assert.True(reader.WaitAsync().AsTask().IsCompletedSuccessfully);
        Assert.False(reader.TryRead(out _));
    }

    /// <summary>On the thread that publishes, the model is heard: a crowd of readers does not keep it.</summary>
    [Fact]
    public async Task WakesACrowdInTheThreadPool()
    {
        var readers = Enumerable.Range(0, 20).Select(_ => Join()).ToList();
        var woken = readers.Select(reader => AsInAServer.Run(() => IsWokenInPoolAsync(reader))).ToList();
        new Thread(() => Write("a")).Start();

        var inPool = await Task.WhenAll(woken).WaitAsync(GeneratingHarness.Patience);

        Assert.Equal(4, inPool.Count(isIt => isIt));
        readers.ForEach(reader => reader.Dispose());

        static async Task<bool> IsWokenInPoolAsync(GenerationReader reader)
        {
            await reader.WaitAsync();
            return Thread.CurrentThread.IsThreadPoolThread;
        }
    }

    [Fact]
    public void WakesWhoWaitsWhenItIsPublishedAndAtTheEnd()
    {
        using var reader = Join();
        var first = reader.WaitAsync().AsTask();
        _generation.Append(new LlmUpdate { Text = "a" });
        Assert.False(first.IsCompleted);
        _generation.Publish();
        Assert.True(first.IsCompletedSuccessfully);
        Assert.Equal("a", Rest(reader));

        var end = reader.WaitAsync().AsTask();
        Assert.False(end.IsCompleted);
        _generation.Complete(Whole("a"));
        Assert.True(end.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task AllOfManyReadersReadTheSame()
    {
        var readers = Enumerable.Range(0, 300).Select(_ => Join()).ToArray();
        var all = Task.WhenAll(readers.Select(reader => Task.Run(() => ReadToEndAsync(reader, _generation, new Random(1)))));
        for (var i = 0; i < 100; i++)
            Write($"{i} ");
        _generation.Complete(Whole("whatever"));

        var texts = await all.WaitAsync(GeneratingHarness.Patience);
        Assert.Equal(string.Concat(Enumerable.Range(0, 100).Select(i => $"{i} ")), Assert.Single(texts.Distinct()));
    }

    [Fact]
    public async Task OneReadersCancellationIsItsOwn()
    {
        using var cancellation = new CancellationTokenSource();
        using var other = Join();
        using (var leaving = _generation.Join(cancellation.Token)!)
        {
            var wait = leaving.WaitAsync().AsTask();
            var otherWait = other.WaitAsync().AsTask();
            await cancellation.CancelAsync();
            var exception = await Assert.ThrowsAsync<OperationCanceledException>(() => wait.WaitAsync(GeneratingHarness.Patience));
            Assert.Equal(cancellation.Token, exception.CancellationToken);
            Assert.False(otherWait.IsCompleted);
        }
        Assert.False(_generation.Aborted.IsCancellationRequested);
        Write("a");
        Assert.Equal("a", Rest(other));
    }

    /// <summary>It may still stand in the line of those who wait, among others, and asks again at once.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task ACancelledReaderLosesNobodyElsesWakeUp(int place)
    {
        using var cancellation = new CancellationTokenSource();
        var readers = Enumerable.Range(0, 3).Select(i => i == place ? _generation.Join(cancellation.Token)! : Join()).ToList();
        var waits = readers.Select(reader => reader.WaitAsync().AsTask()).ToList();
        await cancellation.CancelAsync();
        for (var i = 0; i < 2; i++)
            await Assert.ThrowsAsync<OperationCanceledException>(() => readers[place].WaitAsync().AsTask().WaitAsync(GeneratingHarness.Patience));

        for (var i = 0; i < 2; i++)
        {
            Write("a");
            Assert.All(waits.Where((_, other) => other != place), wait => Assert.True(wait.IsCompletedSuccessfully));
            Assert.All(readers.Where((_, other) => other != place), reader => Assert.Equal("a", Rest(reader)));
            waits = [.. readers.Select((reader, other) => other == place ? Task.CompletedTask : reader.WaitAsync().AsTask())];
        }
        readers.ForEach(reader => reader.Dispose());
    }

    /// <summary>Each goes on where it is woken, reads what is there, and waits again while others are still to be woken.</summary>
    [Fact]
    public async Task WakesInTheOrderInWhichTheyCame()
    {
        var readers = Enumerable.Range(0, 5).Select(_ => Join()).ToList();
        var woken = new List<int>();
        var reading = readers.Select((reader, i) => AsInAServer.Run(() => ReadAsync(reader, i))).ToList();
        for (var round = 0; round < 3; round++)
            Write("a");
        _generation.Complete(Whole("aaa"));

        await Task.WhenAll(reading).WaitAsync(GeneratingHarness.Patience);
        Assert.Equal([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4], woken);
        // Or one that stays would keep alive the requests of those that have left.
        Assert.All(readers, reader => Assert.Null(reader.NextWaiting));

        async Task ReadAsync(GenerationReader reader, int i)
        {
            using (reader)
            {
                while (!_generation.HasEnded)
                {
                    await reader.WaitAsync();
                    woken.Add(i);
                    Rest(reader);
                }
            }
        }
    }

    /// <summary>Who only waits for the end stays in the line, wherever in it, and nobody else is missed or moved.</summary>
    [Fact]
    public async Task WhoWaitsForTheEndIsPassedOver()
    {
        var readers = Enumerable.Range(0, 6).Select(_ => Join()).ToList();
        int[] patient = [0, 2, 3, 5], reading = [1, 4];
        foreach (var i in patient)
            readers[i].SkipToEnd();
        var ends = patient.Select(i => readers[i].WaitAsync().AsTask()).ToList();
        for (var round = 0; round < 3; round++)
        {
            var waits = reading.Select(i => readers[i].WaitAsync().AsTask()).ToList();
            Write("a");
            Assert.All(waits, wait => Assert.True(wait.IsCompletedSuccessfully));
            Assert.Equal(["a", "a"], reading.Select(i => Rest(readers[i])));
            Assert.All(ends, wait => Assert.False(wait.IsCompleted));
        }

        _generation.Complete(Whole("aaa"));
        await Task.WhenAll(ends).WaitAsync(GeneratingHarness.Patience);
        readers.ForEach(reader => reader.Dispose());
    }

    /// <summary>Nothing is said, so that only the cancellation can wake it; whichever of the two comes first, it has when both are done.</summary>
    [Fact]
    public void MissesNoCancellationThatComesAsItBeginsToWait()
    {
        const int Rounds = 50_000;
        using var holding = Join();
        var (begun, done) = (-1, -1);
        var cancellation = new CancellationTokenSource();
        var canceller = new Thread(() =>
        {
            for (var round = 0; round < Rounds; round++)
            {
                SpinUntil(ref begun, round);
                cancellation.Cancel();
                Volatile.Write(ref done, round);
            }
        });
        canceller.Start();

        var missed = 0;
        for (var round = 0; round < Rounds; round++)
        {
            cancellation = new CancellationTokenSource();
            using var reader = _generation.Join(cancellation.Token)!;
            Volatile.Write(ref begun, round);
            Thread.SpinWait(round % 20);
            var wait = reader.WaitAsync();
            SpinUntil(ref done, round);
            if (!wait.IsCompleted) missed++;
        }
        canceller.Join();
        Assert.Equal(0, missed);

        static void SpinUntil(ref int place, int round)
        {
            var spin = new SpinWait();
            while (Volatile.Read(ref place) != round)
                spin.SpinOnce();
        }
    }

    [Fact]
    public async Task ACancelledReaderDoesNotWait()
    {
        using var cancellation = new CancellationTokenSource();
        using var reader = _generation.Join(cancellation.Token)!;
        await cancellation.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(() => reader.WaitAsync().AsTask().WaitAsync(GeneratingHarness.Patience));
    }

    [Fact]
    public async Task LosesNoWakeUp()
    {
        for (var seed = 0; seed < 150; seed++)
            await RaceAsync(seed).WaitAsync(GeneratingHarness.Patience);
    }

    [Fact]
    public void TheLastReaderToLeaveAbortsTheCall()
    {
        var first = Join();
        var second = Join();
        first.Dispose();
        Assert.False(_generation.Aborted.IsCancellationRequested);
        second.Dispose();
        Assert.True(_generation.Aborted.IsCancellationRequested);
    }

    [Fact]
    public void NobodyJoinsACallThatIsBeingAborted()
    {
        Join().Dispose();
        Assert.Null(_generation.Join(CancellationToken.None));
    }

    [Fact]
    public void NobodyJoinsACallThatWasTold()
    {
        using var reader = Join();
        _generation.Abort();
        Assert.True(_generation.Aborted.IsCancellationRequested);
        Assert.Null(_generation.Join(CancellationToken.None));
    }

    [Fact]
    public void LeavingAfterTheEndAbortsNothing()
    {
        var reader = Join();
        _generation.Complete(Whole("a"));
        reader.Dispose();
        Assert.False(_generation.Aborted.IsCancellationRequested);
    }

    [Fact]
    public void IsWholeWithAllItsTextAndTheEndOfItsLastPiece()
    {
        var origin = new LlmOrigin("stub", "m");
        _generation.Append(new LlmUpdate { Text = "a", Origin = origin });
        Assert.False(_generation.IsEmpty);
        _generation.Append(new LlmUpdate { Text = "b" });
        _generation.Append(new LlmUpdate { FinishReason = FinishReason.Length, Usage = StubCall.Usage });
        Assert.Equal(new LlmResponse { Text = "ab", Origin = origin, FinishReason = FinishReason.Length, Usage = StubCall.Usage }, _generation.Whole());
    }

    [Fact]
    public void AReaderThatReadsNothingCostsNothing()
    {
        Allocated(idle: 1);
        Assert.InRange(Allocated(idle: 100) - Allocated(idle: 1), -1024, 1024);
    }

    /// <returns>Bytes that it takes to write a long answer that <paramref name="idle"/> readers might read.</returns>
    private static long Allocated(int idle)
    {
        var generation = new Generation();
        var readers = Enumerable.Range(0, idle).Select(_ => generation.Join(CancellationToken.None)!).ToList();
        var update = new LlmUpdate { Text = "a" };
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 10_000; i++)
        {
            generation.Append(update);
            generation.Publish();
        }
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        readers.ForEach(reader => reader.Dispose());
        return allocated;
    }

    /// <summary>One writer, seven readers of which two are cancelled somewhere, all of them at paces that the seed decides.</summary>
    private static async Task RaceAsync(int seed)
    {
        const int Updates = 60;
        var generation = new Generation();
        using var cancellation = new CancellationTokenSource();
        var staying = Enumerable.Range(0, 5).Select(_ => generation.Join(CancellationToken.None)!).ToArray();
        var leaving = Enumerable.Range(0, 2).Select(_ => generation.Join(cancellation.Token)!).ToArray();
        var stayed = staying.Select((reader, i) => Task.Run(() => ReadToEndAsync(reader, generation, new Random((seed * 100) + i)))).ToArray();
        var left = leaving.Select((reader, i) => Task.Run(() => ReadToEndAsync(reader, generation, new Random((seed * 100) + 10 + i)))).ToArray();
        var writer = Task.Run(() =>
        {
            var random = new Random((seed * 100) + 20);
            for (var i = 0; i < Updates; i++)
            {
                generation.Append(new LlmUpdate { Text = $"{i} " });
                if (random.Next(3) > 0) generation.Publish();
                if (i == seed % Updates) cancellation.Cancel();
                Pause(random);
            }
            generation.Complete(Whole("whatever"));
        });

        await writer;
        Assert.All(await Task.WhenAll(stayed), text => Assert.Equal(string.Concat(Enumerable.Range(0, Updates).Select(i => $"{i} ")), text));
        foreach (var reading in left)
        {
            try
            {
                await reading;
            }
            catch (OperationCanceledException exception)
            {
                Assert.Equal(cancellation.Token, exception.CancellationToken);
            }
        }
    }

    private static async Task<string> ReadToEndAsync(GenerationReader reader, Generation generation, Random random)
    {
        var text = new StringBuilder();
        using (reader)
        {
            while (true)
            {
                LlmUpdate? update;
                while (!reader.TryRead(out update) && !generation.HasEnded)
                {
                    Pause(random);
                    await reader.WaitAsync();
                }
                if (update is null && !reader.TryRead(out update)) return text.ToString();
                text.Append(update!.Text);
                Pause(random);
            }
        }
    }

    private static void Pause(Random random)
    {
        switch (random.Next(4))
        {
            case 0: Thread.Yield(); break;
            case 1: Thread.SpinWait(random.Next(200)); break;
            default: break;
        }
    }

    private static LlmResponse Whole(string text) => new() { Text = text, Origin = new LlmOrigin("stub", "m"), FinishReason = FinishReason.Stop };

    private static string Rest(GenerationReader reader)
    {
        var text = "";
        while (reader.TryRead(out var update))
            text += update!.Text;
        return text;
    }

    private GenerationReader Join() => _generation.Join(CancellationToken.None)!;

    private void Write(params string[] texts)
    {
        foreach (var text in texts)
            _generation.Append(new LlmUpdate { Text = text });
        _generation.Publish();
    }
}
