using System.Text;

namespace LlmGateway.Llm.Generations;

/// <summary>A whole answer that is kept.</summary>
/// <param name="Response">As the model gave it.</param>
/// <param name="StoredAt">When the model had given it.</param>
/// <param name="TimeToLive">How long it stands.</param>
/// <param name="StaleIfError">How much longer it stands in.</param>
internal sealed record CacheEntry(LlmResponse Response, DateTimeOffset StoredAt, TimeSpan TimeToLive, TimeSpan StaleIfError)
{
    // An entry, its answer and its place in the cache, measured; the texts come on top.
    private const int Overhead = 600;

    /// <summary>Bytes of memory, about.</summary>
    public int Size { get; } = Overhead + (Response.Vector.Length * sizeof(float))
        + (Response.Text.Length * sizeof(char)) + ((Response.ToolArguments?.Length ?? 0) * sizeof(char))
        // What an endpoint will make of it: UTF-8, escaped.
        + Encoding.UTF8.GetByteCount(Response.Text) + (Response.ToolArguments?.Length ?? 0);

    public bool IsFresh(DateTimeOffset now) => now - StoredAt < TimeToLive;

    public bool IsUsable(DateTimeOffset now) => now - StoredAt < TimeToLive + StaleIfError;

    // The gateway that stored it may have a clock of its own.
    private TimeSpan Age(DateTimeOffset now) => now > StoredAt ? now - StoredAt : TimeSpan.Zero;

    public CacheResult Result(CacheStatus status, DateTimeOffset now) =>
        new(status, Stored: true, Age: Age(now), TimeToLive: TimeToLive - Age(now));
}
