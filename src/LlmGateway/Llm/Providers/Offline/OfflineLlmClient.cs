using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using LlmGateway.Llm.Tokens;
using static System.Text.Encoding;

namespace LlmGateway.Llm.Providers.Offline;

/// <summary>
/// Answers by itself, with neither network nor key, and the same thing every time: a summary of the text's own sentences, a class by the
/// words used, a plain reply, vectors of hashed words. Reports usage as a model would; the temperature changes nothing.
/// </summary>
internal sealed partial class OfflineLlmClient(OfflineOptions options, TimeProvider timeProvider) : ILlmClient
{
    public const string Name = "offline";

    private const string Encoding = TokenCounters.O200kBase;

    private const int Dimensions = 1536, LargeDimensions = 3072;

    public async Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var started = timeProvider.GetTimestamp();
        var counter = await TokenCounters.GetAsync(Encoding, cancellationToken);
        var answer = request.Tool is { } tool
            ? WellFormed(ToolCall.Arguments(tool, LastMessage(request), Instructions(request)))
            : Reply(request, counter);
        var (length, tokens) = counter.Cut(answer, request.MaxOutputTokens);
        var isWhole = length == answer.Length;
        return new LlmResponse
        {
            Text = request.Tool is null ? answer[..length] : "",
            ToolArguments = request.Tool is null ? null : answer[..length],
            FinishReason = !isWhole ? FinishReason.Length : request.Tool is null ? FinishReason.Stop : FinishReason.ToolCalls,
            Origin = Origin(request.Model, started),
            Usage = new(await PromptTokens.CountAsync(request, counter, cancellationToken), tokens),
        };
    }

    public async IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // A stream has no place for a tool's arguments: without them the answer would be lost in silence.
        if (request.Tool is not null)
            throw Invalid("A tool call does not come as a stream: ask for the whole answer.");
        var started = timeProvider.GetTimestamp();
        var answer = await CompleteAsync(request, cancellationToken);
        var interval = options.TokensPerSecond > 0 ? TimeSpan.FromSeconds(1 / options.TokensPerSecond) : TimeSpan.Zero;
        var due = options.FirstToken;
        LlmOrigin? origin = null;
        foreach (var piece in Pieces.Of(answer.Text))
        {
            await DelayUntilAsync(started, due, cancellationToken);
            yield return new() { Text = piece, Origin = origin is null ? origin = Origin(request.Model, started) : null };
            due += interval;
        }
        cancellationToken.ThrowIfCancellationRequested();
        yield return new()
        {
            Origin = origin is null ? Origin(request.Model, started) : null,
            FinishReason = answer.FinishReason,
            Usage = answer.Usage,
        };
    }

    public async Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var started = timeProvider.GetTimestamp();
        var most = request.Model.EndsWith("-large", StringComparison.Ordinal) ? LargeDimensions : Dimensions;
        var dimensions = request.Dimensions ?? most;
        if (dimensions < 1 || dimensions > most)
            throw Invalid($"'dimensions' must be 1 to {most} for this model.");
        var counter = await TokenCounters.GetAsync(TokenCounters.Cl100kBase, cancellationToken);
        var tokens = 0;
        var vectors = new List<ReadOnlyMemory<float>>(request.Inputs.Count);
        foreach (var input in request.Inputs)
        {
            tokens += await counter.CountAsync(input.AsMemory(), cancellationToken);
            vectors.Add(HashedEmbedding.Of(input, dimensions));
        }
        return new EmbeddingResponse
        {
            Vectors = vectors,
            Origin = Origin(request.Model, started),
            Usage = new(tokens, 0),
        };
    }

    // Measured from the start, so that late timers do not add up.
    private async Task DelayUntilAsync(long started, TimeSpan due, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var delay = due - timeProvider.GetElapsedTime(started);
        if (delay > TimeSpan.Zero) await Task.Delay(delay, timeProvider, cancellationToken);
    }

    private static string Reply(LlmRequest request, TokenCounter counter)
    {
        if (request.Task != LlmTask.Summarize) return WellFormed(ConversationalReply.To(request.Messages));
        var summary = ExtractiveSummary.Of(PartLabel().Replace(LastMessage(request), ""), text => counter.Fits(text, request.MaxOutputTokens));
        return summary.Length > 0 ? WellFormed(summary) : "The text is empty: there is nothing to summarize.";
    }

    private static string LastMessage(LlmRequest request) =>
        request.Messages.LastOrDefault(message => message.Role == LlmRole.User)?.Content ?? "";

    private static string Instructions(LlmRequest request) =>
        string.Join('\n', request.Messages.Where(message => message.Role == LlmRole.System).Select(message => message.Content));

    private static LlmException Invalid(string message) => new(LlmErrorKind.InvalidRequest, message) { Provider = Name };

    private LlmOrigin Origin(string model, long started) => new(Name, model) { UpstreamTime = timeProvider.GetElapsedTime(started) };

    // A text may hold half a character, which an answer must not: it would not survive the wire.
    private static string WellFormed(string text) => UTF8.GetString(UTF8.GetBytes(text));

    // What stands before each summary, where summaries are summarized: no sentence of theirs.
    [GeneratedRegex(@"^\[Parts? \d+( to \d+)? of \d+\]$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex PartLabel();
}
