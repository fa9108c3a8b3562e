using System.Runtime.CompilerServices;
using LlmGateway.Llm;
using LlmGateway.Llm.Resilience;
using LlmGateway.Tests.Hosts;
using Microsoft.Extensions.Time.Testing;

namespace LlmGateway.Tests.Llm.Resilience;

/// <summary>A resilient client over a scripted upstream, in a time that passes only here.</summary>
internal sealed class ResilienceHarness : ILlmClient
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(50);

    private readonly Lock _lock = new();

    public ResilienceHarness(ResilienceOptions? options = null, Func<double>? jitter = null)
    {
        Options = options ?? new ResilienceOptions();
        Client = new ResilientLlmClient(this, "openai", Options, Time, Log, jitter ?? (() => 1));
    }

    public ResilienceOptions Options { get; }

    public CountingTime Time { get; } = new();

    public RecordingLogger<ResilientLlmClient> Log { get; } = new();

    public ResilientLlmClient Client { get; }

    /// <summary>What the upstream does at its n-th call, from 1 on; success unless told.</summary>
    public Func<int, CancellationToken, Task> Script { get; set; } = (_, _) => Task.CompletedTask;

    /// <summary>What the upstream streams at its n-th call.</summary>
    public Func<int, CancellationToken, IAsyncEnumerable<LlmUpdate>> StreamScript { get; set; } = (_, _) => Updates("a", "b");

    /// <summary>When each upstream call came, since the start.</summary>
    public List<TimeSpan> Calls { get; } = [];

    public static LlmRequest Request { get; } = new(
        LlmTask.Chat, "m", [new(LlmRole.User, "hi")], MaxOutputTokens: 10, RequestId: "r-1");

    public static EmbeddingRequest Embedding { get; } = new() { Model = "e", Inputs = ["hi"], RequestId = "r-1" };

    public static LlmException Failure(LlmErrorKind kind, int? status = null, TimeSpan? retryAfter = null) =>
        new(kind, "no") { UpstreamStatus = status, RetryAfter = retryAfter, Provider = "openai" };

    /// <summary>Never answers; ends on the thread that cancels, where a delay would end on another one, some time later.</summary>
    public static async Task Hang(CancellationToken cancellationToken)
    {
        var never = new TaskCompletionSource();
        await using var registration = cancellationToken.Register(() => never.TrySetCanceled(cancellationToken));
        await never.Task;
    }

    public static async IAsyncEnumerable<LlmUpdate> Updates(params string[] texts)
    {
        for (var i = 0; i < texts.Length; i++)
        {
            await Task.CompletedTask;
            yield return new LlmUpdate
            {
                Text = texts[i],
                Origin = i == 0 ? new LlmOrigin("openai", "m") : null,
                FinishReason = i == texts.Length - 1 ? FinishReason.Stop : null,
            };
        }
    }

    public static async IAsyncEnumerable<LlmUpdate> Fails(Exception exception)
    {
        await Task.FromException(exception);
        yield break;
    }

    public Task<LlmResponse> CompleteAsync() => Run(() => Client.CompleteAsync(Request, CancellationToken.None));

    /// <summary>Starts it, and lets time pass until it has ended.</summary>
    public Task<T> Run<T>(Func<Task<T>> start)
    {
        var task = Start(start);
        Pass(TimeSpan.FromHours(1), () => task.IsCompleted);
        Assert.True(task.IsCompleted, "It never ends.");
        return task;
    }

    /// <summary>Starts it, as far as it goes without time passing: when this returns it waits for time or for the upstream.</summary>
    public static T Start<T>(Func<T> start) => AsInAServer.Run(start);

    public void Pass(TimeSpan time, Func<bool>? until = null) => Start(() =>
    {
        for (var end = Time.GetUtcNow() + time; Time.GetUtcNow() < end && until?.Invoke() != true;)
            Time.Advance(Step);
        return true;
    });

    Task<LlmResponse> ILlmClient.CompleteAsync(LlmRequest request, CancellationToken cancellationToken) =>
        Answer(new LlmResponse { FinishReason = FinishReason.Stop, Origin = new("openai", "m") }, cancellationToken);

    Task<EmbeddingResponse> ILlmClient.EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken) =>
        Answer(new EmbeddingResponse { Vectors = [], Origin = new("openai", "e") }, cancellationToken);

    async IAsyncEnumerable<LlmUpdate> ILlmClient.StreamAsync(
        LlmRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var update in StreamScript(Count(), cancellationToken).WithCancellation(cancellationToken))
            yield return update;
    }

    private async Task<T> Answer<T>(T answer, CancellationToken cancellationToken)
    {
        await Script(Count(), cancellationToken);
        return answer;
    }

    private int Count()
    {
        lock (_lock)
        {
            Calls.Add(Time.GetUtcNow() - Time.Start);
            return Calls.Count;
        }
    }
}

/// <summary>Knows how many timers are still to fire: a request that waits to be repeated has two.</summary>
internal sealed class CountingTime : FakeTimeProvider
{
    private int _timers;

    public int Timers => Volatile.Read(ref _timers);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Interlocked.Increment(ref _timers);
        return new CountedTimer(this, base.CreateTimer(callback, state, dueTime, period));
    }

    private sealed class CountedTimer(CountingTime time, ITimer timer) : ITimer
    {
        private int _disposed;

        public bool Change(TimeSpan dueTime, TimeSpan period) => timer.Change(dueTime, period);

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0) Interlocked.Decrement(ref time._timers);
            timer.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
