using System.Runtime.CompilerServices;
using LlmGateway.Llm;
using LlmGateway.Llm.Generations;
using LlmGateway.Llm.Generations.Redis;
using StackExchange.Redis;

namespace LlmGateway.Tests.Llm.Generations;

public class UpdateLogTests
{
    private static readonly LlmUpdate First = new() { Text = "Once", Origin = new LlmOrigin("openai", "gpt-4o-mini") };
    private static readonly LlmUpdate End = new() { FinishReason = FinishReason.Stop, Usage = new LlmUsage(3, 2) };

    private readonly UpdateLog _log = new();

    [Fact]
    public void IsEmptyAtFirst()
    {
        Assert.Equal((0, 0, "", null, 0L), (_log.Count, _log.Length, _log.Text, _log.Last, _log.Size));
        Assert.Throws<ArgumentOutOfRangeException>(() => _log[0]);
    }

    [Fact]
    public void GivesBackWhatWasAddedHoweverMuchCameAfterIt()
    {
        LlmUpdate[] said = [First, .. Enumerable.Range(0, 1000).Select(i => new LlmUpdate { Text = $" {i}é🎈" }), new() { Text = "" }, End];
        foreach (var update in said)
            _log.Add(update);

        Assert.Equal(said, Enumerable.Range(0, _log.Count).Select(i => _log[i]));
        Assert.Equal(string.Concat(said.Select(update => update.Text)), _log.Text);
        Assert.Equal(_log.Text.Length, _log.Length);
        Assert.Equal(End, _log.Last);
        Assert.Throws<ArgumentOutOfRangeException>(() => _log[said.Length]);
    }

    [Fact]
    public void GivesWhoeverReadsAlongWhatWasJustAdded()
    {
        var update = new LlmUpdate { Text = " upon" };
        _log.Add(First);
        _log.Add(update);
        Assert.Same(update, _log[1]);
    }

    [Fact]
    public void HoldsALongTextOnce()
    {
        var text = AddLong();
        GC.Collect();
        Assert.False(text.IsAlive);
        Assert.Equal((First.Origin, 1_000_000), (_log[0].Origin, _log[0].Text.Length));

        [MethodImpl(MethodImplOptions.NoInlining)]
        WeakReference AddLong()
        {
            var update = First with { Text = new string('a', 1_000_000) };
            _log.Add(update);
            return new WeakReference(update.Text);
        }
    }

    [Fact]
    public void APieceFromAnotherGatewayIsOnlyText()
    {
        var form = SharedForm.Write(new SharedUpdates(0, [First, new LlmUpdate { Text = " upon" }, End]));
        var read = SharedForm.ReadUpdates(new StreamEntry("1-1", [new NameValueEntry(SharedForm.Updates, form)]));
        Assert.Equal([false, true, false], read!.Updates.Select(update => update.IsOnlyText));
    }

    [Fact]
    public void CountsHalfACharacterAndReplacesItAsTheWireDoes()
    {
        foreach (var half in "🎈")
            _log.Add(new LlmUpdate { Text = half.ToString() });
        Assert.Equal(("\uFFFD\uFFFD", 2), (_log.Text, _log.Length));
        Assert.Equal("\uFFFD", _log[0].Text);
    }

    [Fact]
    public void TakesAFifthOfWhatItsPiecesWould()
    {
        const int Pieces = 100_000;
        var before = GC.GetAllocatedBytesForCurrentThread();
        var pieces = Enumerable.Range(0, Pieces).Select(i => new LlmUpdate { Text = new string('a', 5) }).ToArray();
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        foreach (var update in pieces)
            _log.Add(update);
        Assert.InRange(_log.Size, Pieces * (5 + sizeof(int)), allocated / 5);
    }
}
