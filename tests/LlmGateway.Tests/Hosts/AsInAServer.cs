namespace LlmGateway.Tests.Hosts;

/// <summary>Without the test runner's context, so that whoever waits goes on on the thread that wakes it.</summary>
internal static class AsInAServer
{
    public static T Run<T>(Func<T> start)
    {
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            return start();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }
}
