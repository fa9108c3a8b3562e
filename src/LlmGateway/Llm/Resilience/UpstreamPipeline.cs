using System.Runtime.ExceptionServices;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace LlmGateway.Llm.Resilience;

/// <summary>
/// Total timeout → retry → circuit breaker → attempt timeout, for everything that is sent to one provider: all its requests share the
/// circuit and the retry budget.
/// </summary>
internal sealed partial class UpstreamPipeline
{
    private readonly string _provider;
    private readonly ResilienceOptions _options;
    private readonly ILogger _logger;
    private readonly Func<double> _jitter;
    private readonly RetryBudget _budget;
    private readonly ResiliencePipeline _pipeline;

    /// <param name="provider">Its name in the configuration, for logs and errors.</param>
    /// <param name="options">Checked by <see cref="ResilienceOptions.Problems"/>.</param>
    /// <param name="timeProvider">The clock of all timeouts, waits and breaks.</param>
    /// <param name="logger">Told of retries and of the circuit.</param>
    /// <param name="jitter">0 to 1, a new one at each call; called from several threads.</param>
    public UpstreamPipeline(string provider, ResilienceOptions options, TimeProvider timeProvider, ILogger logger, Func<double> jitter)
    {
        (_provider, _options, _logger, _jitter) = (provider, options, logger, jitter);
        _budget = new(options.BudgetPerSuccess, options.BudgetMax, options.BudgetInitial);

        var builder = new ResiliencePipelineBuilder { TimeProvider = timeProvider };
        builder.AddTimeout(new TimeoutStrategyOptions { Timeout = options.TotalTimeout, OnTimeout = NoteDeadline });
        if (options.MaxRetries > 0)
        {
            builder.AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = options.MaxRetries,
                ShouldHandle = args => new(ShouldRetry(args)),
                DelayGenerator = static args => new(UpstreamCall.Of(args.Context).RetryDelay),
                OnRetry = NoteRetry,
            });
        }

        builder.AddCircuitBreaker(new CircuitBreakerStrategyOptions
        {
            FailureRatio = options.BreakerFailureRatio,
            MinimumThroughput = options.BreakerMinimumThroughput,
            SamplingDuration = options.BreakerSamplingDuration,
            BreakDuration = options.BreakerBreakDuration,
            ShouldHandle = static args => new(SpeaksAgainstUpstream(args)),
            OnHalfOpened = NoteProbe,
            OnOpened = NoteOpened,
            OnClosed = NoteClosed,
        });
        builder.AddTimeout(options.AttemptTimeout);
        _pipeline = builder.Build();
    }

    /// <summary>Runs the attempt until it succeeds, or must not be repeated.</summary>
    /// <param name="call">What the steps have to know.</param>
    /// <param name="state">What the attempt has to know.</param>
    /// <param name="attempt">Asks once.</param>
    /// <param name="finish">Makes of the attempt's result what the caller gets: here, for a method of its own would wait once more.</param>
    /// <exception cref="LlmException">The last failure, with the number of calls made.</exception>
    /// <exception cref="OperationCanceledException">The caller has gone.</exception>
    public async Task<T> RunAsync<TState, T>(
        UpstreamCall call, TState state, Func<TState, CancellationToken, Task<T>> attempt, Func<UpstreamCall, T, T> finish)
        where T : class
    {
        var context = ResilienceContextPool.Shared.Get(call.CallerToken);
        call.Attach(context);
        // The strategies are made for objects: with results of another type, each would take two more steps to turn them into objects and back.
        Outcome<object> outcome;
        try
        {
            outcome = await _pipeline.ExecuteOutcomeAsync(
                static async (context, run) =>
                {
                    run.call.Attempts++;
                    try
                    {
                        return Outcome.FromResult<object>(await run.attempt(run.state, context.CancellationToken));
                    }
                    catch (Exception exception)
                    {
                        if (exception is LlmException { Attempts: > 1 } several) run.call.Count(several.Attempts);
                        return Outcome.FromException<object>(exception);
                    }
                },
                context,
                (call, state, attempt));
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }

        if (outcome.Exception is { } failure) ExceptionDispatchInfo.Throw(UpstreamFailure.ForCaller(failure, call, _provider, _options));
        _budget.Fund();
        return finish(call, (T)outcome.Result!);
    }

    private bool ShouldRetry(in RetryPredicateArguments<object> args)
    {
        // Asked after the last attempt too, which must not cost a token.
        if (args.AttemptNumber >= _options.MaxRetries || !UpstreamFailure.IsTransient(args.Outcome.Exception)
            || args.Context.CancellationToken.IsCancellationRequested)
            return false;

        var call = UpstreamCall.Of(args.Context);
        call.RetryDelay = Delay(args.Outcome.Exception, args.AttemptNumber);
        // A wait that cannot end in time would only turn the upstream's own words into a timeout.
        return call.Elapsed + call.RetryDelay < _options.TotalTimeout && _budget.TrySpend();
    }

    private TimeSpan Delay(Exception? exception, int attempt)
    {
        // Never earlier than asked; a little later, so that those who were told the same do not all come back at once.
        if (exception is LlmException { RetryAfter: { Ticks: > 0 } asked }) return asked + (asked * 0.1 * _jitter());
        var ceiling = _options.BaseDelay * Math.Pow(2, attempt);
        return (ceiling < _options.MaxDelay ? ceiling : _options.MaxDelay) * _jitter();
    }

    private static bool SpeaksAgainstUpstream(in CircuitBreakerPredicateArguments<object> args)
    {
        var call = UpstreamCall.Of(args.Context);
        var (isProbe, exception) = (call.IsProbe, args.Outcome.Exception);
        call.IsProbe = false;
        if (exception is not null && call.CallerToken.IsCancellationRequested)
        {
            // Whatever is no failure counts as a success, and a caller who left is neither: an exception gets past the count. A probe has
            // to count, though, or the circuit would wait for its verdict forever.
            return isProbe ? true : throw new OperationCanceledException(call.CallerToken);
        }

        return UpstreamFailure.IsOutage(exception);
    }

    private static ValueTask NoteDeadline(OnTimeoutArguments args)
    {
        UpstreamCall.Of(args.Context).DeadlinePassed = true;
        return ValueTask.CompletedTask;
    }

    private static ValueTask NoteProbe(OnCircuitHalfOpenedArguments args)
    {
        UpstreamCall.Of(args.Context).IsProbe = true;
        return ValueTask.CompletedTask;
    }

    private ValueTask NoteRetry(OnRetryArguments<object> args)
    {
        var call = UpstreamCall.Of(args.Context);
        var kind = args.Outcome.Exception is LlmException known ? known.Kind : LlmErrorKind.UpstreamTimeout;
        LogRetry(_provider, kind, call.Attempts, args.RetryDelay.TotalMilliseconds, call.RequestId);
        return ValueTask.CompletedTask;
    }

    private ValueTask NoteOpened(OnCircuitOpenedArguments<object> args)
    {
        LogOpened(_provider, args.BreakDuration.TotalSeconds);
        return ValueTask.CompletedTask;
    }

    private ValueTask NoteClosed(OnCircuitClosedArguments<object> args)
    {
        LogClosed(_provider);
        return ValueTask.CompletedTask;
    }

    [LoggerMessage(EventId = 15, EventName = "Retry", Level = LogLevel.Warning,
        Message = "{Provider}: {Kind} at attempt {Attempt}, next one in {DelayMs:0} ms (request {RequestId})")]
    private partial void LogRetry(string provider, LlmErrorKind kind, int attempt, double delayMs, string? requestId);

    [LoggerMessage(EventId = 16, EventName = "CircuitOpened", Level = LogLevel.Error, Message = "{Provider}: circuit open, no calls for {BreakSeconds:0.#} s")]
    private partial void LogOpened(string provider, double breakSeconds);

    [LoggerMessage(EventId = 17, EventName = "CircuitClosed", Level = LogLevel.Information, Message = "{Provider}: circuit closed")]
    private partial void LogClosed(string provider);
}
