using LlmGateway.Llm;

namespace LlmGateway.Endpoints.Summaries;

/// <summary>
/// The calls of one level, a few at a time, in the order in which they end. A new one is begun when one has been taken, so a reader that
/// stops reading stops spending. Disposing aborts those that run, and waits until they have ended.
/// </summary>
internal sealed class SummaryCalls : IAsyncDisposable
{
    private readonly ILlmClient _client;
    private readonly SummaryLevel _level;
    private readonly int _parallel;
    private readonly CancellationToken _deadline;
    private readonly CancellationToken _caller;
    private readonly CancellationTokenSource _abort;
    private readonly List<Task<(int Index, LlmResponse Response)>> _running = [];
    private int _next;

    /// <param name="client">Is asked.</param>
    /// <param name="level">What it is asked.</param>
    /// <param name="parallel">Calls at a time.</param>
    /// <param name="deadline">Cancelled when the time is up.</param>
    /// <param name="cancellationToken">The caller's own.</param>
    public SummaryCalls(ILlmClient client, SummaryLevel level, int parallel, CancellationToken deadline, CancellationToken cancellationToken)
    {
        (_client, _level, _parallel, _deadline, _caller) = (client, level, parallel, deadline, cancellationToken);
        _abort = CancellationTokenSource.CreateLinkedTokenSource(deadline, cancellationToken);
    }

    /// <summary>The next call that ends.</summary>
    /// <param name="spending">Told of it.</param>
    /// <param name="time">Until the deadline; for the message.</param>
    /// <exception cref="LlmException">It failed.</exception>
    public async Task<(int Index, LlmResponse Response)> NextAsync(SummarySpending spending, TimeSpan time)
    {
        while (_running.Count < _parallel && _next < _level.Count)
            _running.Add(CallAsync(_next++));
        var ended = await Task.WhenAny(_running);
        _running.Remove(ended);
        try
        {
            var answer = await ended;
            spending.Add(answer.Response);
            return answer;
        }
        catch (LlmException failure)
        {
            failure.Attempts += spending.Attempts;
            throw;
        }
        catch (OperationCanceledException) when (_deadline.IsCancellationRequested && !_caller.IsCancellationRequested)
        {
            throw new LlmException(
                LlmErrorKind.UpstreamTimeout,
                $"The text was not summarized within {time.TotalSeconds:0.###} s. What is done is stored: the same request goes on from there.")
            {
                Attempts = spending.Attempts,
            };
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _abort.CancelAsync();
        await ((Task)Task.WhenAll(_running)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _abort.Dispose();
    }

    private async Task<(int Index, LlmResponse Response)> CallAsync(int index)
    {
        // To ask is to hash the whole slice, and stored answers come at once: a long text must not keep its thread for all of them.
        await Task.Yield();
        try
        {
            return (index, await _client.CompleteAsync(_level.Request(index), _abort.Token));
        }
        catch (LlmException failure)
        {
            throw failure.Of(_level.NameOf(index));
        }
    }
}
