using LlmGateway.Llm;
using LlmGateway.Llm.Generations;
using LlmGateway.Llm.Generations.Redis;

namespace LlmGateway.Endpoints;

/// <summary>Streams under way: <c>DELETE /streams/{id}</c> ends one, and a client that lost its own comes back for the rest.</summary>
internal sealed class Streams(StreamSessions known, SharedStreams shared)
{
    public const string LastEventId = "Last-Event-ID";

    public static void Map(IEndpointRouteBuilder endpoints) => endpoints
        .MapDelete("/streams/{id}", StopAsync)
        .WithName("stopStream")
        .WithSummary("Stops a stream, and the call to the model if nobody else reads it. The id is in x-stream-id.")
        .Produces(StatusCodes.Status204NoContent)
        .ProducesProblems(403, 404, 500, 503)
        .WithTags("LlmGateway");

    /// <returns>The stream, to be connected to at once, and the place to go on from; null where nothing is left to be told.</returns>
    public async Task<(StreamSession Stream, StreamPlace Place)?> ReturnAsync(string? lastEventId, CancellationToken cancellationToken)
    {
        if (StreamPlace.Parse(lastEventId) is not var (id, place)) return null;
        if (place.IsDone)
        {
            // Delivered: it need not be kept.
            if (known.Find(id) is { Left: not null } delivered) known.Drop(delivered);
            return null;
        }
        if ((known.Find(id) ?? await shared.FindAsync(id, place.Characters, cancellationToken)) is not { } stream) return null;
        if (stream.TryResume()) return (stream, place);
        known.Drop(stream);
        return null;
    }

    private static async Task<IResult> StopAsync(string id, SharedStreams shared, CancellationToken cancellationToken) =>
        // What is no id is asked of nobody.
        StreamSessions.IsId(id) && await shared.StopAsync(id, cancellationToken)
            ? Results.NoContent()
            : throw new LlmException(LlmErrorKind.NotFound, "No stream of this id is known: it has ended, or it never was.");
}
