using System.Text;
using LlmGateway.Llm;
using LlmGateway.Llm.Tokens;

namespace LlmGateway.Endpoints.Summaries;

/// <summary>Calls that do not wait for each other: one to each slice, or one to each group of summaries that the level before it made.</summary>
internal sealed class SummaryLevel
{
    private readonly SummaryPlan _plan;
    private readonly IReadOnlyList<Part> _parts;
    private readonly bool _isMap;

    private SummaryLevel(SummaryPlan plan, IReadOnlyList<Part> parts, bool isMap) => (_plan, _parts, _isMap) = (plan, parts, isMap);

    public string Stage => _isMap ? SummaryProgress.Map : SummaryProgress.Reduce;

    public int Count => _parts.Count;

    public bool IsLast => !_isMap && Count == 1;

    /// <summary>The level that summarizes the slices.</summary>
    public static SummaryLevel Of(SummaryPlan plan) =>
        new(plan, [.. plan.Slices.Select((slice, index) => new Part(index + 1, index + 1, null, slice.Tokens))], isMap: true);

    /// <summary>Made when it is sent, for it is as large as what it asks about.</summary>
    public LlmRequest Request(int index)
    {
        if (!_isMap) return _plan.Request(SummaryPrompts.ForParts(_parts[index].Text!, IsLast), IsLast ? _plan.MaxOutputTokens : _plan.SliceOutputTokens);
        var slice = _plan.Slices[index];
        return _plan.Request(SummaryPrompts.ForPart(_plan.Text.Slice(slice.Start, slice.Length).ToString(), index + 1, Count), _plan.SliceOutputTokens);
    }

    /// <summary>For messages: what a call reads.</summary>
    public string NameOf(int index) =>
        _isMap ? $"Slice {index + 1} of {Count}"
        : IsLast ? $"The summary of all {_plan.Chunks} slices"
        : $"The summary of slices {_parts[index].First} to {_parts[index].Last} of {_plan.Chunks}";

    /// <exception cref="LlmException">The summaries do not get any shorter.</exception>
    public SummaryLevel Next(IReadOnlyList<LlmResponse> answers, TokenCounter counter)
    {
        var parts = new List<Part>();
        var text = new StringBuilder();
        int first = 0, tokens = 0;
        for (var i = 0; i < Count; i++)
        {
            var summary = $"{SummaryPrompts.Label(_parts[i].First, _parts[i].Last, _plan.Chunks)}\n{answers[i].Text.Trim()}\n\n";
            var length = counter.Count(summary);
            if (tokens > 0 && tokens + length > _plan.SliceTokens) EndPart(i);
            text.Append(summary);
            tokens += length;
        }
        EndPart(Count);
        // A model that does not keep to its limit would otherwise be asked for ever.
        if (parts.Sum(part => (long)part.Tokens) >= _parts.Sum(part => (long)part.Tokens) || parts.Exists(part => part.Tokens > _plan.SliceTokens))
            throw new LlmException(
                LlmErrorKind.UpstreamInvalidResponse,
                $"The summaries of the {Count} parts are too long to be summarized in turn. Try again, or try another model.");
        return new SummaryLevel(_plan, parts, isMap: false);

        void EndPart(int next)
        {
            parts.Add(new Part(_parts[first].First, _parts[next - 1].Last, text.ToString(), tokens));
            text.Clear();
            (first, tokens) = (next, 0);
        }
    }

    /// <param name="First">The first slice that it is about, from 1.</param>
    /// <param name="Last">The last one.</param>
    /// <param name="Text">The summaries; null where the slice itself is meant.</param>
    /// <param name="Tokens">How long that is.</param>
    private sealed record Part(int First, int Last, string? Text, int Tokens);
}
