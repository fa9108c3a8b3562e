using LlmGateway.Llm.Resilience;

namespace LlmGateway.Tests.Llm.Resilience;

public sealed class RetryBudgetTests
{
    [Fact]
    public void StartsWithItsInitialRetries() => Assert.Equal(3, Spend(new RetryBudget(0.5, 100, 3)));

    [Fact]
    public void NeverHoldsMoreThanItsMaximumAtTheStart() => Assert.Equal(2, Spend(new RetryBudget(0.5, 2, 3)));

    [Fact]
    public void TwoSuccessesPayForOneRetry()
    {
        var budget = new RetryBudget(0.5, 100, 0);
        budget.Fund();
        Assert.False(budget.TrySpend());
        budget.Fund();
        Assert.True(budget.TrySpend());
        Assert.False(budget.TrySpend());
    }

    [Fact]
    public void SavesNoMoreThanItsMaximum()
    {
        var budget = new RetryBudget(0.5, 7, 0);
        for (var i = 0; i < 1000; i++) budget.Fund();
        Assert.Equal(7, Spend(budget));
    }

    [Fact]
    public void NeverSpendsMoreThanItHasWhenManySpendAtOnce()
    {
        var budget = new RetryBudget(0.5, 1000, 1000);
        var spent = 0;
        Parallel.For(0, 5000, _ =>
        {
            if (budget.TrySpend()) Interlocked.Increment(ref spent);
        });
        Assert.Equal(1000, spent);
    }

    private static int Spend(RetryBudget budget)
    {
        var spent = 0;
        while (budget.TrySpend()) spent++;
        return spent;
    }
}
