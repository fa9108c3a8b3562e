using Polly.CircuitBreaker;
using Polly.Timeout;

namespace LlmGateway.Llm.Resilience;

/// <summary>What a failure of an attempt means: for the retry, for the circuit, for the caller.</summary>
internal static class UpstreamFailure
{
    /// <summary>Whether the next attempt may well succeed.</summary>
    public static bool IsTransient(Exception? failure) => failure
        is TimeoutRejectedException
        or LlmException { Kind: LlmErrorKind.UpstreamRateLimited or LlmErrorKind.UpstreamUnavailable or LlmErrorKind.UpstreamTimeout };

    /// <summary>Whether the upstream is unwell: 429 and 409 come from one that is well. A cancellation here is the deadline's.</summary>
    public static bool IsOutage(Exception? failure) =>
        failure is OperationCanceledException
        || (IsTransient(failure) && failure is not LlmException { Kind: LlmErrorKind.UpstreamRateLimited }
            && failure is not LlmException { UpstreamStatus: 409 or 429 });

    /// <summary>What the caller gets to see of it.</summary>
    public static Exception ForCaller(Exception failure, UpstreamCall call, string provider, ResilienceOptions options)
    {
        if (call.CallerToken.IsCancellationRequested)
            return failure as OperationCanceledException ?? new OperationCanceledException(null, failure, call.CallerToken);

        switch (failure)
        {
            case LlmException known:
                known.Attempts = call.Attempts;
                return known;
            case BrokenCircuitException open:
                return new LlmException(LlmErrorKind.UpstreamUnavailable, $"{provider} keeps failing and is left alone for a moment.", open)
                {
                    Provider = provider,
                    Attempts = call.Attempts,
                    RetryAfter = open.RetryAfter is { Ticks: > 0 } left ? left : null,
                };
            case TimeoutRejectedException timeout:
                var message = call.DeadlinePassed
                    ? $"{provider} did not answer before the deadline of {options.TotalTimeout.TotalSeconds:0.###} s."
                    : $"{provider} did not answer within {options.AttemptTimeout.TotalSeconds:0.###} s.";
                return new LlmException(LlmErrorKind.UpstreamTimeout, message, timeout) { Provider = provider, Attempts = call.Attempts };
            default:
                return failure;
        }
    }
}
