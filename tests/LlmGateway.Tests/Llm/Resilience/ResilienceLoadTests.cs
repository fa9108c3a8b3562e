using LlmGateway.Llm;
using static LlmGateway.Tests.Llm.Resilience.ResilienceHarness;

namespace LlmGateway.Tests.Llm.Resilience;

/// <summary>What retries, budget and circuit breaker come to together.</summary>
public sealed class ResilienceLoadTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task HidesAnUpstreamThatFailsNowAndThen(int seed)
    {
        var random = new Random(seed);
        var harness = new ResilienceHarness(jitter: random.NextDouble)
        {
            Script = (_, _) => random.NextDouble() < 0.3
                ? Task.FromException(Failure(LlmErrorKind.UpstreamUnavailable, 503))
                : Task.CompletedTask,
        };
        var answered = 0;
        for (var i = 0; i < 20_000; i++)
        {
            if (await IsAnswered(harness.CompleteAsync())) answered++;
        }

        Assert.True(answered >= 20_000 * 0.999, $"{answered} of 20,000 are answered.");
        Assert.True(harness.Calls.Count <= 20_000 * 1.45, $"{harness.Calls.Count} calls for 20,000 requests.");
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(0, 20)]
    [InlineData(0, 1000)]
    [InlineData(1000, 1)]
    [InlineData(1000, 20)]
    [InlineData(1000, 1000)]
    public async Task BarelyTouchesAnUpstreamThatIsDead(int healthyBefore, int perSecond)
    {
        var harness = new ResilienceHarness(jitter: new Random(1).NextDouble);
        Assert.Equal(healthyBefore, await Send(harness, healthyBefore, perSecond));
        harness.Calls.Clear();

        harness.Script = (_, _) => Task.FromException(Failure(LlmErrorKind.UpstreamUnavailable, 503));
        Assert.Equal(0, await Send(harness, 1000, perSecond));
        Assert.True(harness.Calls.Count <= 1050, $"{harness.Calls.Count} calls for 1,000 requests.");
    }

    private static async Task<int> Send(ResilienceHarness harness, int requests, int perSecond)
    {
        var sent = new List<Task<LlmResponse>>();
        var waiting = new List<Task<LlmResponse>>();
        var start = harness.Time.GetUtcNow();
        for (var i = 1; i <= requests; i++)
        {
            sent.Add(Start(() => harness.Client.CompleteAsync(Request, CancellationToken.None)));
            waiting.Add(sent[^1]);
            // The circuit's own news come on another thread: time stands still until they have arrived.
            Assert.True(SpinWait.SpinUntil(() =>
            {
                waiting.RemoveAll(task => task.IsCompleted);
                return harness.Time.Timers == 2 * waiting.Count;
            }, TimeSpan.FromSeconds(10)), "A request neither waits nor ends.");
            harness.Pass(start + TimeSpan.FromSeconds((double)i / perSecond) - harness.Time.GetUtcNow());
        }

        harness.Pass(harness.Options.TotalTimeout, () => sent.TrueForAll(task => task.IsCompleted));
        var answered = 0;
        foreach (var task in sent)
        {
            if (await IsAnswered(task)) answered++;
        }

        return answered;
    }

    private static async Task<bool> IsAnswered(Task<LlmResponse> task)
    {
        try
        {
            await task;
            return true;
        }
        catch (LlmException)
        {
            return false;
        }
    }
}
