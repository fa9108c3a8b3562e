using LlmGateway.Llm;

namespace LlmGateway.Endpoints.Summaries;

/// <summary>One call of a summary is done.</summary>
/// <param name="Stage"><see cref="Map"/> or <see cref="Reduce"/>.</param>
/// <param name="Done">Calls of this level that are done.</param>
/// <param name="Total">Calls of this level.</param>
/// <param name="Response">The summary, with what all calls took together; with the last call alone.</param>
internal sealed record SummaryProgress(string Stage, int Done, int Total, LlmResponse? Response = null)
{
    /// <summary>Slices are summarized.</summary>
    public const string Map = "map";

    /// <summary>Summaries are summarized.</summary>
    public const string Reduce = "reduce";
}
