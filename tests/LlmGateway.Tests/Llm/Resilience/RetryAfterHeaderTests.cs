using LlmGateway.Llm.Resilience;
using Microsoft.Extensions.Time.Testing;

namespace LlmGateway.Tests.Llm.Resilience;

public sealed class RetryAfterHeaderTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 6, 8, 49, 7, TimeSpan.Zero));

    [Theory]
    [InlineData("1500", 1500)]
    [InlineData("20.5", 20.5)]
    [InlineData(" 7 ", 7)]
    [InlineData("0", 0)]
    public void ReadsMilliseconds(string value, double milliseconds) => Assert.Equal(milliseconds, Parse(value, null));

    [Theory]
    [InlineData("2", 2000)]
    [InlineData("0.25", 250)]
    [InlineData("0", 0)]
    public void ReadsSeconds(string value, double milliseconds) => Assert.Equal(milliseconds, Parse(null, value));

    [Theory]
    [InlineData("Fri, 06 Nov 2026 08:49:37 GMT")]
    [InlineData("Friday, 06-Nov-26 08:49:37 GMT")]
    [InlineData("Fri Nov  6 08:49:37 2026")]
    public void ReadsAllThreeDateForms(string value) => Assert.Equal(30_000, Parse(null, value));

    [Fact]
    public void ADateInThePastIsNoWait() => Assert.Equal(0, Parse(null, "Fri, 06 Nov 2026 08:00:00 GMT"));

    [Fact]
    public void MillisecondsGoBeforeSeconds() => Assert.Equal(1500, Parse("1500", "2"));

    [Fact]
    public void SecondsStandInForBadMilliseconds() => Assert.Equal(2000, Parse("soon", "2"));

    [Theory]
    [InlineData("99999999999999999999999999999999", null)]
    [InlineData(null, "99999999999999999999999999999999")]
    [InlineData(null, "86401")]
    [InlineData(null, "Fri, 06 Nov 2037 08:49:37 GMT")]
    public void IsAtMostADay(string? milliseconds, string? other) => Assert.Equal(86_400_000, Parse(milliseconds, other));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("  ")]
    [InlineData("-1")]
    [InlineData("-0.5")]
    [InlineData("NaN")]
    [InlineData("1e3")]
    [InlineData("1,5")]
    [InlineData("in a minute")]
    [InlineData("Fri, 99 Nov 2026 08:49:37 GMT")]
    public void AnythingElseSaysNothing(string? value)
    {
        Assert.Null(Parse(null, value));
        Assert.Null(Parse(value, null));
    }

    private double? Parse(string? milliseconds, string? other) =>
        RetryAfterHeader.Parse(milliseconds, other, _time) is { } wait ? Math.Round(wait.TotalMilliseconds, 3) : null;
}
