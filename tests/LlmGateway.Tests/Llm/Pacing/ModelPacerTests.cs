using LlmGateway.Llm.Pacing;
using Microsoft.Extensions.Time.Testing;

namespace LlmGateway.Tests.Llm.Pacing;

public class ModelPacerTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    // A timer counts whole milliseconds, and is set one late.
    private static readonly TimeSpan Late = TimeSpan.FromMilliseconds(1);

    private readonly FakeTimeProvider _time = new();
    private readonly PacingOptions _options = new() { FirstCalls = 2, FirstWait = TimeSpan.FromSeconds(0.25) };

    [Fact]
    public async Task WhileNothingIsToldTwiceAsManyGoAfterEachWait()
    {
        var calls = Enter(new ModelPacer(_options, _time), 10);

        foreach (var together in (int[])[2, 4, 8])
        {
            await Task.WhenAll(calls.Take(together)).WaitAsync(Patience);
            _time.Advance(_options.FirstWait + Late);
        }

        Assert.Equal([0, 0, 1, 1, 2, 2, 2, 2, 3, 3], await WaitsAsync(calls, _options.FirstWait + Late));
    }

    [Fact]
    public async Task AnAnswerThatTellsNoLimitsLetsAllOthersGo()
    {
        var pacer = new ModelPacer(_options, _time);
        var calls = Enter(pacer, 10);

        pacer.Leave(await calls[0], new RateLimitHeaders(null, null), null);

        Assert.All(await WaitsAsync(calls, Late), waits => Assert.Equal(0, waits));
    }

    [Fact]
    public async Task AnAnswerThatTellsALimitHoldsTheOthersToIt()
    {
        var pacer = new ModelPacer(_options, _time);
        var calls = Enter(pacer, 7);
        var second = TimeSpan.FromSeconds(1);

        pacer.Leave(await calls[0], new RateLimitHeaders(new RateLimit(10, 4, 1), null), null);
        // Of the four, one is the call that is still under way.
        foreach (var together in (int[])[5, 6])
        {
            await Task.WhenAll(calls.Take(together)).WaitAsync(Patience);
            _time.Advance(second + Late);
        }

        Assert.Equal([0, 0, 0, 0, 0, 1, 2], await WaitsAsync(calls, second + Late));
    }

    [Fact]
    public async Task AnAnswerThatWasOvertakenGivesNoRoomTwice()
    {
        var pacer = new ModelPacer(_options, _time);
        var calls = Enter(pacer, 4);

        // The second was counted first, and told last: the room that it tells of is the first one's.
        pacer.Leave(await calls[0], new RateLimitHeaders(new RateLimit(10, 0, 1), null), null);
        pacer.Leave(await calls[1], new RateLimitHeaders(new RateLimit(10, 1, 1), null), null);
        foreach (var together in (int[])[2, 3])
        {
            await Task.WhenAll(calls.Take(together)).WaitAsync(Patience);
            _time.Advance(TimeSpan.FromSeconds(1) + Late);
        }

        Assert.Equal([0, 0, 1, 2], await WaitsAsync(calls, TimeSpan.FromSeconds(1) + Late));
    }

    private static List<Task<PacerTicket>> Enter(ModelPacer pacer, int calls) =>
        [.. Enumerable.Range(0, calls).Select(_ => pacer.EnterAsync(1, CancellationToken.None).AsTask())];

    private static async Task<IEnumerable<int>> WaitsAsync(List<Task<PacerTicket>> calls, TimeSpan unit) =>
        (await Task.WhenAll(calls).WaitAsync(Patience)).Select(ticket => (int)(ticket.Queued / unit));
}
