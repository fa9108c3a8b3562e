using LlmGateway.Hosting;
using LlmGateway.Llm;
using LlmGateway.Llm.Generations;
using LlmGateway.Llm.Generations.Redis;

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
public sealed record ChatError(string Code, string Message, bool Retryable)
{
    internal static ChatError Of(LlmException failure)
    {
        var problem = Problems.Of(failure.Kind);
        return new ChatError(problem.Code, failure.Message, problem.Retryable);
    }
}

/// <summary>Writes a reply as server-sent events: deltas, then one frame that tells its end or its failure, then <c>[DONE]</c>.</summary>
internal sealed partial class ChatStream(
    StreamingOptions options, SharedStreams shared, Work work, TimeProvider timeProvider, ILogger<ChatStream> logger)
{
    public const string MediaType = "text/event-stream";

    /// <exception cref="LlmException">The reply failed before anything was sent: a status can still say so.</exception>
    public Task WriteAsync(HttpContext context, ILlmClient client, LlmRequest request, CancellationToken cancellationToken) =>
        WriteAsync(context, client, request, default, cancellationToken);

    /// <param name="context">The connection.</param>
    /// <param name="client">Knows what the stream reads.</param>
    /// <param name="stream">What the client had; it has been found to be there.</param>
    /// <param name="from">How far the client had come.</param>
    /// <param name="cancellationToken">Ends with the connection.</param>
    public Task ResumeAsync(HttpContext context, ILlmClient client, StreamSession stream, StreamPlace from, CancellationToken cancellationToken) =>
        WriteAsync(context, client, LlmRequest.RestOf(stream, from.Characters), from, cancellationToken);

    private async Task WriteAsync(HttpContext context, ILlmClient client, LlmRequest request, StreamPlace from, CancellationToken cancellationToken)
    {
        var stream = request.Stream!;
        using var expired = new CancellationTokenSource(options.MaxDuration, timeProvider);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, work.StreamsEnd, expired.Token);
        using var connection = stream.Connect(ending);
        await using var updates = client.StreamAsync(request, ending.Token).GetAsyncEnumerator(ending.Token);
        var first = from.IsEnd ? null : updates.MoveNextAsync().AsTask();
        if (first is not null && !stream.IsOpen)
            await SseResponse.WaitForFirstAsync(first, () => Ended(stream, expired.Token), options, timeProvider, cancellationToken);
        context.Response.Headers[ResponseHeaders.StreamId] = stream.Id;
        if (first is { IsCompletedSuccessfully: true } && updates.Current is { Origin: { } origin } update) AnswerHeaders.SetOrigin(context, origin, update.Cache);
        stream.Open();
        shared.Tell(stream);
        await using var sse = SseResponse.Open(context, options, timeProvider);
        if (stream.IsResumable) sse.UseIds(stream.Id, options.Retry);
        try
        {
            // Whoever loses the connection now shall be able to say what it has lost, and whoever stops it, what: EventSource shows no id without data.
            if (first is { IsCompleted: false } && stream.IsResumable) sse.WriteDelta("", from);
            if (first is not null) await WriteUpdatesAsync(sse, updates, first, from.Characters, context);
        }
        catch (Exception exception) when (exception is LlmException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            WriteFailure(sse, exception as LlmException ?? Ended(stream, expired.Token), context);
        }
        sse.WriteDone();
        await sse.FlushAsync();
    }

    private static async Task WriteUpdatesAsync(SseResponse sse, IAsyncEnumerator<LlmUpdate> updates, Task<bool> first, int characters, HttpContext context)
    {
        var facts = RequestFacts.Of(context);
        for (var next = new ValueTask<bool>(first); await sse.WaitAsync(next); next = updates.MoveNextAsync())
        {
            characters += updates.Current.Text.Length;
            Write(sse, updates.Current, characters, facts);
        }
    }

    private static void Write(SseResponse sse, LlmUpdate update, int characters, RequestFacts facts)
    {
        facts.Origin ??= update.Origin;
        // Only the end tells who pays.
        facts.Cache = update.Cache ?? facts.Cache;
        if (update.Text.Length > 0) sse.WriteDelta(update.Text, new StreamPlace(characters));
        if (update.FinishReason is not { } finish) return;
        facts.Usage = update.Usage;
        facts.CostUsd = update.CostUsd;
        var usage = update.Usage is { } tokens ? new ChatUsage(tokens.InputTokens, tokens.OutputTokens) : null;
        sse.Write(new ChatEndFrame("", finish.Value, facts.Origin?.Model ?? "", usage, update.CostUsd, update.SavedUsd), GatewayJson.Readable.ChatEndFrame, StreamPlace.End);
    }

    private void WriteFailure(SseResponse sse, LlmException failure, HttpContext context)
    {
        var error = ChatError.Of(failure);
        var facts = RequestFacts.Of(context);
        if (failure.Kind != LlmErrorKind.StreamStopped)
        {
            facts.ErrorCode = error.Code;
            Broken(error.Code, facts.RequestId);
        }
        sse.Write(new ChatErrorFrame("", error), GatewayJson.Readable.ChatErrorFrame, StreamPlace.End);
    }

    private static LlmException Ended(StreamSession stream, CancellationToken expired) =>
        stream.IsStopped ? StreamSession.Stopped()
        : expired.IsCancellationRequested ? new LlmException(LlmErrorKind.UpstreamTimeout, "The reply took longer than a stream may.")
        : Work.ShuttingDown();

    [LoggerMessage(EventId = 5, EventName = "StreamBroken", Level = LogLevel.Warning, Message = "Stream ended with {ErrorCode}, request {RequestId}")]
    private partial void Broken(string errorCode, string requestId);
}
