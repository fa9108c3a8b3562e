using System.Diagnostics;
using Serilog.Events;

namespace LlmGateway.Tests.Hosts;

internal static class LogExtensions
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>The events of one kind, once there are so many: a request is logged after its answer is sent.</summary>
    public static async Task<IReadOnlyList<LogEvent>> WaitForAsync(this CapturedLog log, string eventName, int count)
    {
        var started = Stopwatch.GetTimestamp();
        while (log.Of(eventName).Count < count)
        {
            if (Stopwatch.GetElapsedTime(started) > Patience) throw new TimeoutException($"{log.Of(eventName).Count} of {count} events {eventName}.");
            await Task.Delay(5);
        }
        return log.Of(eventName);
    }

    public static object? Value(this LogEvent logged, string property) => (logged.Properties.GetValueOrDefault(property) as ScalarValue)?.Value;
}
