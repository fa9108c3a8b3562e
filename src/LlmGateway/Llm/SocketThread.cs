using System.Runtime.CompilerServices;

namespace LlmGateway.Llm;

/// <summary>
/// The threads that hear of all connections, and handle there what a provider sends (<see cref="Hosting.Startup.CompleteInline"/>): the pieces of streams, which
/// take microseconds. While one of them is busy, or blocked, its connections wait; whatever may take longer leaves it first.
/// </summary>
internal static class SocketThread
{
    /// <summary>Goes on in the thread pool; costs nothing to whoever is there.</summary>
    public static ConfiguredTaskAwaitable LeaveAsync() =>
        Task.CompletedTask.ConfigureAwait(Thread.CurrentThread.IsThreadPoolThread ? ConfigureAwaitOptions.None : ConfigureAwaitOptions.ForceYielding);
}
