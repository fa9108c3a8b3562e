using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace LlmGateway.Tests.Hosts;

internal static class Until
{
    /// <summary>Asks again and again until the condition holds.</summary>
    /// <exception cref="TimeoutException">It did not come to hold in time.</exception>
    public static Task TrueAsync(Func<bool> condition, TimeSpan timeout, [CallerArgumentExpression(nameof(condition))] string what = "") =>
        TrueAsync(() => Task.FromResult(condition()), timeout, what);

    /// <inheritdoc cref="TrueAsync(Func{bool}, TimeSpan, string)"/>
    public static async Task TrueAsync(Func<Task<bool>> condition, TimeSpan timeout, [CallerArgumentExpression(nameof(condition))] string what = "")
    {
        var started = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(started) > timeout) throw new TimeoutException($"Not within {timeout}: {what}");
            await Task.Delay(5);
        }
    }
}
