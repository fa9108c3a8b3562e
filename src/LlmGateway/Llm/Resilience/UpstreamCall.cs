using Polly;

namespace LlmGateway.Llm.Resilience;

/// <summary>One request on its way through the pipeline: what its steps have to know of each other.</summary>
internal sealed class UpstreamCall(string? requestId, TimeProvider timeProvider, CancellationToken callerToken)
{
    private static readonly ResiliencePropertyKey<UpstreamCall> Key = new(nameof(UpstreamCall));

    private readonly long _started = timeProvider.GetTimestamp();

    public string? RequestId { get; } = requestId;

    public CancellationToken CallerToken { get; } = callerToken;

    public TimeSpan Elapsed => timeProvider.GetElapsedTime(_started);

    /// <summary>Upstream calls made so far.</summary>
    public int Attempts { get; set; }

    /// <summary>The wait before the retry that was decided on.</summary>
    public TimeSpan RetryDelay { get; set; }

    /// <summary>Whether the running attempt is the one that a half-open circuit let through.</summary>
    public bool IsProbe { get; set; }

    public bool DeadlinePassed { get; set; }

    public static UpstreamCall Of(ResilienceContext context) => context.Properties.GetValue(Key, null!);

    public void Attach(ResilienceContext context) => context.Properties.Set(Key, this);

    /// <summary>An attempt may have made several calls, one with each key: all of them count.</summary>
    public void Count(int calls) => Attempts += calls - 1;

    public LlmOrigin Stamp(LlmOrigin origin)
    {
        Count(origin.Attempts);
        return origin with { Attempts = Attempts, UpstreamTime = Elapsed };
    }
}
