using Microsoft.Extensions.Time.Testing;

namespace LlmGateway.Tests.Hosts;

/// <summary>Fake time that says when somebody has begun to wait, so that it is never moved too early.</summary>
internal sealed class WatchedTime : FakeTimeProvider
{
    private readonly Lock _lock = new();
    private readonly Dictionary<TimeSpan, int> _timers = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(callback, state, dueTime, period);
        lock (_lock)
        {
            _timers[dueTime] = _timers.GetValueOrDefault(dueTime) + 1;
            _changed.TrySetResult();
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        return timer;
    }

    /// <summary>Completes when so many timers for so long have been started since the beginning.</summary>
    public async Task TimersAsync(TimeSpan dueTime, int count = 1)
    {
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                if (_timers.GetValueOrDefault(dueTime) >= count) return;
                changed = _changed.Task;
            }
            await changed.WaitAsync(TimeSpan.FromSeconds(15));
        }
    }
}
