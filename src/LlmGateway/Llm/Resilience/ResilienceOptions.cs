using System.Runtime.CompilerServices;

namespace LlmGateway.Llm.Resilience;

/// <summary>How hard the gateway tries to get an answer out of one provider.</summary>
public sealed record ResilienceOptions
{
    /// <summary>Calls after the first one; 0 for none.</summary>
    public int MaxRetries { get; set; } = 5;

    /// <summary>The longest wait before the first retry; it doubles from retry to retry, and the wait is drawn from 0 up.</summary>
    public TimeSpan BaseDelay { get; set; } = TimeSpan.FromSeconds(0.5);

    /// <summary>Where the doubling ends. A wait that the upstream asks for is not capped.</summary>
    public TimeSpan MaxDelay { get; set; } = TimeSpan.FromSeconds(8);

    /// <summary>For one upstream call: to its whole answer, or to the first token of a stream.</summary>
    public TimeSpan AttemptTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>For all calls of a request and the waits between them: to the whole answer, or to the first token of a stream.</summary>
    public TimeSpan TotalTimeout { get; set; } = TimeSpan.FromSeconds(120);

    /// <summary>For the whole answer, whoever reads it: a stream that goes on and on, however slowly, ends here.</summary>
    public TimeSpan MaxDuration { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>The circuit opens when this part of the calls failed, 0 to 1.</summary>
    public double BreakerFailureRatio { get; set; } = 0.8;

    /// <summary>Fewer calls than these within <see cref="BreakerSamplingDuration"/> never open the circuit.</summary>
    public int BreakerMinimumThroughput { get; set; } = 20;

    /// <summary>How far back the circuit breaker looks.</summary>
    public TimeSpan BreakerSamplingDuration { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long an open circuit lets nothing through before one call may try.</summary>
    public TimeSpan BreakerBreakDuration { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Retries that each answered request pays for.</summary>
    public double BudgetPerSuccess { get; set; } = 0.5;

    /// <summary>Retries that can be saved up: what a dead upstream gets at most on top of the requests themselves.</summary>
    public double BudgetMax { get; set; } = 50;

    /// <summary>Retries there are at the start; never more than <see cref="BudgetMax"/>.</summary>
    public double BudgetInitial { get; set; } = 50;

    /// <summary>What is wrong with the settings, one sentence each; none when all is well.</summary>
    public IEnumerable<string> Problems() =>
        new[]
        {
            Range(MaxRetries, 0, 10),
            Range(BaseDelay, TimeSpan.FromMilliseconds(1), MaxDelay),
            Range(MaxDelay, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(5)),
            Range(AttemptTimeout, TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(1)),
            Range(TotalTimeout, TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(1)),
            Range(MaxDuration, TimeSpan.FromMilliseconds(10), TimeSpan.FromDays(1)),
            Range(BreakerFailureRatio, 0.01, 1),
            Range(BreakerMinimumThroughput, 2, 1_000_000),
            Range(BreakerSamplingDuration, TimeSpan.FromSeconds(0.5), TimeSpan.FromHours(1)),
            Range(BreakerBreakDuration, TimeSpan.FromSeconds(0.5), TimeSpan.FromHours(1)),
            Range(BudgetPerSuccess, 0, 10),
            Range(BudgetMax, 0, 1_000_000),
            Range(BudgetInitial, 0, 1_000_000),
        }.OfType<string>();

    private static string? Range<T>(T value, T min, T max, [CallerArgumentExpression(nameof(value))] string name = "")
        where T : IComparable<T> =>
        value.CompareTo(min) < 0 || value.CompareTo(max) > 0
            ? FormattableString.Invariant($"{name} is {value}: give {min} to {max}")
            : null;
}
