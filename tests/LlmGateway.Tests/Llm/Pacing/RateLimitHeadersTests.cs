using LlmGateway.Llm.Pacing;

namespace LlmGateway.Tests.Llm.Pacing;

public class RateLimitHeadersTests
{
    [Theory]
    [InlineData("1s", 1)]
    [InlineData("6m0s", 360)]
    [InlineData("12ms", 0.012)]
    [InlineData("1h2m3.5s", 3723.5)]
    [InlineData("8.64s", 8.64)]
    [InlineData("2", 2)]
    [InlineData("1d", 86400)]
    public void ReadsHowLongItTakes(string text, double seconds) => Assert.Equal(TimeSpan.FromSeconds(seconds), RateLimitHeaders.Duration(text));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("soon")]
    [InlineData("1x")]
    [InlineData("-1s")]
    [InlineData("1..s")]
    [InlineData("999999999999999h")]
    public void MakesNothingOfNonsense(string? text) => Assert.Null(RateLimitHeaders.Duration(text));

    [Fact]
    public void ReckonsTheRateFromWhatComesBack()
    {
        var headers = Read(RateLimitHeaders.OfOpenAI, ("x-ratelimit-limit-requests", "500"), ("x-ratelimit-remaining-requests", "400"), ("x-ratelimit-reset-requests", "12s"),
            ("x-ratelimit-limit-tokens", "30000"), ("x-ratelimit-remaining-tokens", "30000"), ("x-ratelimit-reset-tokens", "0s"));

        Assert.Equal(100 / 12d, headers.Requests!.Value.PerSecond, 6);
        // All of it is there: a minute's worth.
        Assert.Equal(new RateLimit(30000, 30000, 500), headers.Tokens);
    }

    [Fact]
    public void ReadsAnthropicsOwn()
    {
        var headers = Read(RateLimitHeaders.OfAnthropic, ("anthropic-ratelimit-requests-limit", "60"), ("anthropic-ratelimit-requests-remaining", "7"),
            ("anthropic-ratelimit-requests-reset", "2026-11-22T12:00:05Z"), ("anthropic-ratelimit-input-tokens-limit", "60000"), ("anthropic-ratelimit-input-tokens-remaining", "59000"));

        Assert.Equal(new RateLimitHeaders(new RateLimit(60, 7, 1), new RateLimit(60000, 59000, 1000)), headers);
    }

    [Theory]
    [InlineData("x-ratelimit-limit-requests", "ten", "x-ratelimit-remaining-requests", "1")]
    [InlineData("x-ratelimit-limit-requests", "10", "x-other", "1")]
    public void KnowsNothingOfWhatIsNotThere(string one, string value, string other, string second) =>
        Assert.Equal(default, Read(RateLimitHeaders.OfOpenAI, (one, value), (other, second)));

    private static RateLimitHeaders Read(Func<RateLimitHeaders.Reader, RateLimitHeaders> read, params (string Name, string Value)[] headers)
    {
        var all = headers.ToDictionary(header => header.Name, header => header.Value);
        return read(name => all.GetValueOrDefault(name));
    }
}
