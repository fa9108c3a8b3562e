using LlmGateway.Hosting;
using LlmGateway.Llm;

namespace LlmGateway.Endpoints.Summaries;

/// <param name="Stage"><c>map</c>: slices are summarized; <c>reduce</c>: summaries are.</param>
/// <param name="Done">Calls of this stage that are done.</param>
/// <param name="Total">Calls of this stage.</param>
/// <param name="Usage">With the last call: the tokens of all, where the provider said.</param>
/// <param name="CostUsd">With the last call: what this request cost, US dollars, where known.</param>
/// <param name="CostSavedUsd">With the last call: what the calls would have cost that did not have to be made.</param>
public sealed record SummaryProgressFrame(string Stage, int Done, int Total, ChatUsage? Usage, decimal? CostUsd, decimal? CostSavedUsd);

/// <param name="Error">Why there is no summary.</param>
public sealed record SummaryErrorFrame(ChatError Error);

/// <summary>Writes a summary as server-sent events: one for each call that is done, then the JSON body, or a failure; then <c>[DONE]</c>.</summary>
internal sealed partial class SummaryStream(
    Summarizer summarizer, StreamingOptions options, Work work, TimeProvider timeProvider, ILogger<SummaryStream> logger)
{
    /// <param name="context">The request.</param>
    /// <param name="plan">What is to be done.</param>
    /// <param name="body">Makes the JSON body of the answer.</param>
    /// <param name="cancellationToken">The caller has gone.</param>
    /// <exception cref="LlmException">It failed before anything was sent: a status can still say so.</exception>
    public async Task WriteAsync(
        HttpContext context, SummaryPlan plan, Func<LlmResponse, ValueTask<SummarizeResponse>> body, CancellationToken cancellationToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, work.StreamsEnd);
        await using var steps = summarizer.RunAsync(plan, ending.Token).GetAsyncEnumerator(ending.Token);
        var first = steps.MoveNextAsync().AsTask();
        await SseResponse.WaitForFirstAsync(first, Work.ShuttingDown, options, timeProvider, cancellationToken);
        if (first.IsCompletedSuccessfully && steps.Current.Response is { } atOnce) AnswerHeaders.Set(context, atOnce, timeProvider);
        await using var sse = SseResponse.Open(context, options, timeProvider);
        try
        {
            for (var next = new ValueTask<bool>(first); await sse.WaitAsync(next); next = steps.MoveNextAsync())
                await WriteAsync(sse, steps.Current, body, context);
        }
        catch (Exception exception) when (exception is LlmException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            WriteFailure(sse, exception as LlmException ?? Work.ShuttingDown(), context);
        }
        sse.WriteDone();
        await sse.FlushAsync();
    }

    private static async ValueTask WriteAsync(
        SseResponse sse, SummaryProgress step, Func<LlmResponse, ValueTask<SummarizeResponse>> body, HttpContext context)
    {
        var response = step.Response;
        var usage = response?.Usage is { } tokens ? new ChatUsage(tokens.InputTokens, tokens.OutputTokens) : null;
        sse.Write(
            new SummaryProgressFrame(step.Stage, step.Done, step.Total, usage, response?.CostUsd, response?.SavedUsd), GatewayJson.Readable.SummaryProgressFrame);
        if (response is null) return;
        AnswerHeaders.Note(context, response);
        sse.Write(await body(response), GatewayJson.Readable.SummarizeResponse);
    }

    private void WriteFailure(SseResponse sse, LlmException failure, HttpContext context)
    {
        var error = ChatError.Of(failure);
        var facts = RequestFacts.Of(context);
        facts.ErrorCode = error.Code;
        Broken(error.Code, facts.RequestId);
        sse.Write(new SummaryErrorFrame(error), GatewayJson.Readable.SummaryErrorFrame);
    }

    [LoggerMessage(EventId = 7, EventName = "SummaryStreamBroken", Level = LogLevel.Warning, Message = "Stream ended with {ErrorCode}, request {RequestId}")]
    private partial void Broken(string errorCode, string requestId);
}
