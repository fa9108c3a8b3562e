using System.Security.Cryptography;
using LlmGateway.Hosting;
using LlmGateway.Llm;

namespace LlmGateway.Endpoints;

/// <param name="Delta">Nothing more is added.</param>
/// <param name="FinishReason">Why the model stopped.</param>
/// <param name="Model">Who spoke.</param>
/// <param name="Usage">Tokens, where the provider said.</param>
/// <param name="CostUsd">What this request cost, US dollars, where known.</param>
/// <param name="CostSavedUsd">What it would have cost, had the reply not been there, or under way for somebody else.</param>
public sealed record ChatEndFrame(string Delta, string FinishReason, string Model, ChatUsage? Usage, decimal? CostUsd, decimal? CostSavedUsd);

/// <param name="InputTokens">Tokens of the prompt.</param>
/// <param name="OutputTokens">Tokens of the reply.</param>
public sealed record ChatUsage(int InputTokens, int OutputTokens);

/// <param name="Delta">Nothing more is added.</param>
/// <param name="Error">Why the reply is not whole.</param>
public sealed record ChatErrorFrame(string Delta, ChatError Error);

/// <inheritdoc cref="ProblemBody"/>
public sealed record ChatError(string Code, string Message, bool Retryable);

/// <summary>Writes a reply as server-sent events: deltas, then one frame that tells its end or its failure, then <c>[DONE]</c>.</summary>
internal sealed partial class ChatStream(StreamingOptions options, Work work, TimeProvider timeProvider, ILogger<ChatStream> logger)
{
    public const string MediaType = "text/event-stream";

    /// <exception cref="LlmException">The reply failed before anything was sent: a status can still say so.</exception>
    public async Task WriteAsync(HttpContext context, ILlmClient client, LlmRequest request, CancellationToken cancellationToken)
    {
        using var expired = new CancellationTokenSource(options.MaxDuration, timeProvider);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, work.StreamsEnd, expired.Token);
        await using var updates = client.StreamAsync(request, ending.Token).GetAsyncEnumerator(ending.Token);
        var first = updates.MoveNextAsync().AsTask();
        if (!await ComesInTimeAsync(first)) await ThrowIfFailedAsync(first, cancellationToken, expired.Token);
        context.Response.Headers[ResponseHeaders.StreamId] = RandomNumberGenerator.GetHexString(24, lowercase: true);
        if (first.IsCompletedSuccessfully && updates.Current is { Origin: { } origin } update) AnswerHeaders.SetOrigin(context, origin, update.Cache);
        await using var sse = SseResponse.Open(context, options, timeProvider);
        try
        {
            for (var next = new ValueTask<bool>(first); await sse.WaitAsync(next); next = updates.MoveNextAsync())
                Write(sse, updates.Current, context);
        }
        catch (Exception exception) when (exception is LlmException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            WriteFailure(sse, exception as LlmException ?? Ended(expired.Token), context);
        }
        sse.WriteDone();
        await sse.FlushAsync();
    }

    /// <returns>Whether the first update is there, and is no failure.</returns>
    private async Task<bool> ComesInTimeAsync(Task<bool> first)
    {
        await ((Task)first).WaitAsync(options.OpenAfter, timeProvider, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return first.IsCompletedSuccessfully;
    }

    /// <summary>Nothing has been sent yet: the failure is an exception, and becomes a status.</summary>
    private static async Task ThrowIfFailedAsync(Task<bool> first, CancellationToken cancellationToken, CancellationToken expired)
    {
        if (!first.IsCompleted) return;
        try
        {
            await first;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw Ended(expired);
        }
    }

    private static void Write(SseResponse sse, LlmUpdate update, HttpContext context)
    {
        var facts = RequestFacts.Of(context);
        facts.Origin ??= update.Origin;
        if (update.Text.Length > 0) sse.WriteDelta(update.Text);
        if (update.FinishReason is not { } finish) return;
        facts.Usage = update.Usage;
        facts.CostUsd = update.CostUsd;
        var usage = update.Usage is { } tokens ? new ChatUsage(tokens.InputTokens, tokens.OutputTokens) : null;
        sse.Write(new ChatEndFrame("", finish.Value, facts.Origin?.Model ?? "", usage, update.CostUsd, update.SavedUsd), GatewayJson.Readable.ChatEndFrame);
    }

    private void WriteFailure(SseResponse sse, LlmException failure, HttpContext context)
    {
        var problem = Problems.Of(failure.Kind);
        var facts = RequestFacts.Of(context);
        facts.ErrorCode = problem.Code;
        Broken(problem.Code, facts.RequestId);
        sse.Write(new ChatErrorFrame("", new ChatError(problem.Code, failure.Message, problem.Retryable)), GatewayJson.Readable.ChatErrorFrame);
    }

    private static LlmException Ended(CancellationToken expired) => expired.IsCancellationRequested
        ? new LlmException(LlmErrorKind.UpstreamTimeout, "The reply took longer than a stream may.")
        : Work.ShuttingDown();

    [LoggerMessage(EventId = 5, EventName = "StreamBroken", Level = LogLevel.Warning, Message = "Stream ended with {ErrorCode}, request {RequestId}")]
    private partial void Broken(string errorCode, string requestId);
}
