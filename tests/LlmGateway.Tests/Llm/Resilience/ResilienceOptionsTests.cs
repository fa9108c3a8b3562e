using LlmGateway.Llm.Resilience;

namespace LlmGateway.Tests.Llm.Resilience;

public sealed class ResilienceOptionsTests
{
    [Fact]
    public void TheDefaultsAreFine() => Assert.Empty(new ResilienceOptions().Problems());

    [Theory]
    [InlineData(0)]
    [InlineData(10)]
    public void TheEndsOfARangeAreFine(int retries) => Assert.Empty(new ResilienceOptions { MaxRetries = retries }.Problems());

    [Fact]
    public void NamesTheSettingItsValueAndItsRange() =>
        Assert.Equal("MaxRetries is 40: give 0 to 10", Assert.Single(new ResilienceOptions { MaxRetries = 40 }.Problems()));

    [Fact]
    public void TheFirstWaitIsNotLongerThanTheLongest() =>
        Assert.Equal("BaseDelay is 00:00:09: give 00:00:00.0010000 to 00:00:08",
            Assert.Single(new ResilienceOptions { BaseDelay = TimeSpan.FromSeconds(9) }.Problems()));

    [Fact]
    public void NamesEverySettingThatIsWrong()
    {
        var options = new ResilienceOptions
        {
            MaxRetries = -1,
            BaseDelay = TimeSpan.Zero,
            MaxDelay = TimeSpan.FromHours(1),
            AttemptTimeout = TimeSpan.FromSeconds(-1),
            TotalTimeout = TimeSpan.Zero,
            MaxDuration = TimeSpan.Zero,
            BreakerFailureRatio = double.NaN,
            BreakerMinimumThroughput = 1,
            BreakerSamplingDuration = TimeSpan.Zero,
            BreakerBreakDuration = TimeSpan.Zero,
            BudgetPerSuccess = -1,
            BudgetMax = double.NaN,
            BudgetInitial = double.PositiveInfinity,
        };
        Assert.Equal(typeof(ResilienceOptions).GetProperties().Select(property => property.Name).Order(),
            options.Problems().Select(problem => problem.Split(' ')[0]).Order());
    }
}
