namespace LlmGateway.Llm.Providers;

/// <summary>Lets only the caller's own cancellation and <see cref="LlmException"/> out of a call to a provider.</summary>
/// <param name="failures">Names them.</param>
internal sealed class ProviderCall(ProviderFailures failures)
{
    /// <summary>Ends in the thread pool, well or not: nobody here knows what comes next.</summary>
    public async ValueTask<T> GuardAsync<T>(ValueTask<T> work, IdleTimeout? idle, CancellationToken cancellationToken)
    {
        try
        {
            return await work;
        }
        catch (Exception exception) when (exception is not LlmException)
        {
            if (Failure(exception, idle, cancellationToken) is { } failure) throw failure;
            throw;
        }
        finally
        {
            await SocketThread.LeaveAsync();
        }
    }

    public LlmException TooLong(int maxBytes) => failures.TooLong(maxBytes);

    /// <returns>Null where the exception is to get out as it is.</returns>
    public LlmException? Failure(Exception exception, IdleTimeout? idle, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return idle is { HasExpired: true } ? failures.Idle(idle.Limit) : failures.FromException(exception);
    }
}
