using LlmGateway.Llm;
using LlmGateway.Llm.Models;
using LlmGateway.Llm.Tokens;

namespace LlmGateway.Endpoints.Summaries;

/// <summary>How a text is going to be summarized; nothing has been sent yet.</summary>
/// <param name="Text">The whole text.</param>
/// <param name="Model">Who summarizes.</param>
/// <param name="Slices">In which it is read; empty where one call reads it.</param>
/// <param name="Length">How much of it is read, in chars.</param>
/// <param name="InputTokens">Of the whole text; null where it was so short that it need not be counted before the answer is known to be new.</param>
/// <param name="TextHash">Stands for the whole text where only its beginning is sent.</param>
/// <param name="SliceTokens">The most tokens of a slice, and of the summaries that are summarized in one call.</param>
/// <param name="SliceOutputTokens">Of the summary of a slice, and of every other but the last.</param>
/// <param name="MaxOutputTokens">Of the summary.</param>
internal sealed record SummaryPlan(
    ReadOnlyMemory<char> Text,
    ModelInfo Model,
    IReadOnlyList<TextSlice> Slices,
    int Length,
    int? InputTokens,
    string? TextHash,
    int SliceTokens,
    int SliceOutputTokens,
    int MaxOutputTokens)
{
    private LlmRequest? _question;

    /// <summary>Whether stored answers will not do.</summary>
    public bool Fresh { get; init; }

    /// <summary>The HTTP request that asked.</summary>
    public string? RequestId { get; init; }

    public bool IsMapReduce => Slices.Count > 0;

    public bool IsTruncated => Length < Text.Length;

    /// <summary>The calls of each level, at most: one for each slice, then those that summarize summaries, until there is one.</summary>
    public IEnumerable<int> CallsOfLevels() => CallsOfLevels(Chunks);

    /// <inheritdoc cref="CallsOfLevels()"/>
    /// <param name="first">The calls of the level that is the first one here.</param>
    public IEnumerable<int> CallsOfLevels(int first)
    {
        for (var calls = first; ; calls = (calls + Capacity - 1) / Capacity)
        {
            yield return calls;
            if (calls == 1) yield break;
        }
    }

    /// <summary>Summaries that fit one call, whatever their length.</summary>
    private int Capacity => SliceTokens / (SliceOutputTokens + SummaryPrompts.LabelOverhead);

    public int Chunks => Math.Max(1, Slices.Count);

    /// <summary>
    /// The same with the one call that it takes without slices, which whoever asks for the same again need not put together again. To be called last: of what is
    /// changed afterwards, only <see cref="Fresh"/> and <see cref="RequestId"/> are in it.
    /// </summary>
    public SummaryPlan WithQuestion() =>
        this with { _question = (Request(SummaryPrompts.ForText(Text[..Length].ToString()), MaxOutputTokens) with { Source = TextHash }).WithKnownKey() };

    /// <summary>That call.</summary>
    public LlmRequest Single() => _question! with { Fresh = Fresh, RequestId = RequestId };

    public LlmRequest Request(IReadOnlyList<LlmMessage> messages, int maxOutputTokens) =>
        new(LlmTask.Summarize, Model.Name, messages, maxOutputTokens, Fresh: Fresh, RequestId: RequestId);
}
