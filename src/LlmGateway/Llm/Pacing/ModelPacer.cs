namespace LlmGateway.Llm.Pacing;

/// <summary>
/// Lets the calls to one model with one key through as fast as the provider's limits allow, in the order in which they came. As long as
/// there is room, which is nearly always, nobody waits.
/// </summary>
internal sealed class ModelPacer(PacingOptions options, TimeProvider timeProvider)
{
    private readonly Lock _lock = new();
    private readonly Queue<Waiter> _queue = new();
    private readonly RateBucket _requests = new();
    private readonly RateBucket _tokens = new();
    private ITimer? _timer;
    private double _queuedTokens;
    private long _entered;
    private double _enteredTokens;
    private long _left;
    private double _leftTokens;
    private bool _known;
    private int _firstCalls = options.FirstCalls;
    private long? _firstWait;
    private long _blockedSince;
    private TimeSpan _blocked;

    /// <returns>To be given back by <see cref="Leave"/>.</returns>
    /// <exception cref="LlmException">It would have to wait for too long, or behind too many.</exception>
    public ValueTask<PacerTicket> EnterAsync(double tokens, CancellationToken cancellationToken)
    {
        Waiter waiter;
        lock (_lock)
        {
            var now = timeProvider.GetTimestamp();
            if (_queue.Count == 0 && Wait(tokens, now) == TimeSpan.Zero)
            {
                return new(Take(tokens));
            }
            var wait = Wait(tokens, now) + _requests.TimeFor(_queue.Count) + _tokens.TimeFor(_queuedTokens);
            if (_queue.Count >= options.QueueLimit || wait > options.MaxWait) throw Full(wait);
            waiter = new Waiter(tokens, now);
            _queue.Enqueue(waiter);
            _queuedTokens += tokens;
            if (_queue.Count == 1) Schedule(now);
        }
        return WaitAsync(waiter, cancellationToken);
    }

    /// <summary>The call has been answered, or has failed.</summary>
    /// <param name="ticket">What it got when it entered.</param>
    /// <param name="told">What the answer told of the limits; null where there was none.</param>
    /// <param name="limited">How long the provider wants to be left alone; null where it does not.</param>
    public void Leave(PacerTicket ticket, RateLimitHeaders? told, TimeSpan? limited)
    {
        lock (_lock)
        {
            var now = timeProvider.GetTimestamp();
            Left(ticket.Tokens);
            if (told is { } headers)
            {
                _known = true;
                _requests.Refill(now, timeProvider);
                _tokens.Refill(now, timeProvider);
                // Calls overtake one another: only what had left when this one entered is surely in what its answer tells.
                if (headers.Requests is { } requests) _requests.Learn(requests, _entered - ticket.Left - 1, now);
                if (headers.Tokens is { } limit) _tokens.Learn(limit, _enteredTokens - ticket.LeftTokens - ticket.Tokens, now);
            }
            if (limited is { } time && _requests.IsKnown)
            {
                _requests.Empty();
                // A long wait is for the caller to hear of, each time from the provider itself: it may end earlier than was said.
                if (time <= options.MaxWait) (_blockedSince, _blocked) = (now, time);
            }
            if (_queue.Count > 0) Release(now);
            else _firstWait = null;
        }
    }

    private async ValueTask<PacerTicket> WaitAsync(Waiter waiter, CancellationToken cancellationToken)
    {
        await using (cancellationToken.UnsafeRegister(static (state, token) => ((Waiter)state!).Done.TrySetCanceled(token), waiter))
            return (await waiter.Done.Task) with { Queued = timeProvider.GetElapsedTime(waiter.Since) };
    }

    private TimeSpan Wait(double tokens, long now)
    {
        if (!_known)
        {
            if (_entered - _left < _firstCalls) return TimeSpan.Zero;
            _firstWait ??= now;
            var left = options.FirstWait - timeProvider.GetElapsedTime(_firstWait.Value, now);
            if (left > TimeSpan.Zero) return left;
            // Nothing told yet: a provider that is merely slow to answer must not get everything at once.
            (_firstCalls, _firstWait) = (_firstCalls <= int.MaxValue / 2 ? _firstCalls * 2 : int.MaxValue, now);
            if (_entered - _left < _firstCalls) return TimeSpan.Zero;
            return options.FirstWait;
        }
        _requests.Refill(now, timeProvider);
        _tokens.Refill(now, timeProvider);
        var wait = Longer(_requests.Wait(1), _tokens.Wait(tokens));
        return _blocked == TimeSpan.Zero ? wait : Longer(wait, _blocked - timeProvider.GetElapsedTime(_blockedSince, now));
    }

    private PacerTicket Take(double tokens)
    {
        _entered++;
        _enteredTokens += tokens;
        _requests.Take(1);
        _tokens.Take(tokens);
        return new PacerTicket(tokens, _left, _leftTokens);
    }

    private void Left(double tokens)
    {
        _left++;
        _leftTokens += tokens;
    }

    /// <summary>Lets through whom there is room for.</summary>
    private void Release(long now)
    {
        while (_queue.TryPeek(out var next))
        {
            if (!next.Done.Task.IsCompleted)
            {
                if (Wait(next.Tokens, now) > TimeSpan.Zero) break;
                // Before it is told: it may leave at once.
                // It may go away in this very moment.
                if (!next.Done.TrySetResult(Take(next.Tokens))) Left(next.Tokens);
            }
            _queue.Dequeue();
            _queuedTokens -= next.Tokens;
        }
        Schedule(now);
    }

    private void Schedule(long now)
    {
        if (!_queue.TryPeek(out var next)) return;
        var wait = Wait(next.Tokens, now);
        _timer ??= timeProvider.CreateTimer(static pacer => ((ModelPacer)pacer!).Tick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        // A timer counts whole milliseconds: one that is early would only have to be set again.
        _timer.Change(wait + TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
    }

    private void Tick()
    {
        lock (_lock) Release(timeProvider.GetTimestamp());
    }

    private static TimeSpan Longer(TimeSpan one, TimeSpan other) => one > other ? one : other;

    private static LlmException Full(TimeSpan wait) => new(LlmErrorKind.UpstreamRateLimited, "The model's provider limits the rate of requests, and too many wait already. Try again later.")
    {
        RetryAfter = wait,
    };

    private sealed class Waiter(double tokens, long since)
    {
        public double Tokens => tokens;

        public long Since => since;

        public TaskCompletionSource<PacerTicket> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

/// <summary>A call that was let through.</summary>
/// <param name="Tokens">What it may take.</param>
/// <param name="Left">Calls that had left by then.</param>
/// <param name="LeftTokens">Their tokens.</param>
internal readonly record struct PacerTicket(double Tokens, long Left, double LeftTokens)
{
    /// <summary>How long it has waited.</summary>
    public TimeSpan Queued { get; init; }
}
