using LlmGateway.Llm;

namespace LlmGateway.Tests.Llm;

public class LlmUpdateTests
{
    private static readonly LlmUpdate End = new() { FinishReason = FinishReason.Stop, Usage = new LlmUsage(3, 2), CostUsd = 0.1m };

    [Fact]
    public void ACopyLeavesItsOriginalAsItIs()
    {
        var copy = End with { CostUsd = 0.2m, Cache = new CacheResult(CacheStatus.Miss) };

        Assert.Equal((0.1m, null), (End.CostUsd, End.Cache));
        Assert.Equal((0.2m, FinishReason.Stop, End.Usage), (copy.CostUsd, copy.FinishReason, copy.Usage));
    }

    [Fact]
    public void ThoseThatTellTheSameAreEqual()
    {
        Assert.Equal(End, new LlmUpdate { CostUsd = 0.1m, Usage = new LlmUsage(3, 2), FinishReason = FinishReason.Stop });
        Assert.Equal(new LlmUpdate { Text = "a" }, new LlmUpdate { Text = "a", Usage = null });
        Assert.NotEqual(End, End with { SavedUsd = 0 });
    }
}
