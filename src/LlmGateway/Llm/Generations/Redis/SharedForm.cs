using System.Text.Json;
using System.Text.Json.Serialization;
using StackExchange.Redis;

namespace LlmGateway.Llm.Generations.Redis;

/// <summary>How a call under way is told in a stream: entries of updates, then one of its end.</summary>
internal static class SharedForm
{
    public const string Updates = "updates";
    public const string End = "end";

    public static byte[] Write(SharedUpdates updates) => JsonSerializer.SerializeToUtf8Bytes(updates, SharedJson.Default.SharedUpdates);

    public static byte[] Write(SharedEnd end) => JsonSerializer.SerializeToUtf8Bytes(end, SharedJson.Default.SharedEnd);

    public static SharedUpdates? ReadUpdates(StreamEntry entry) => Read(entry[Updates], SharedJson.Default.SharedUpdates);

    public static SharedEnd? ReadEnd(StreamEntry entry) => Read(entry[End], SharedJson.Default.SharedEnd);

    private static T? Read<T>(RedisValue value, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        where T : class
    {
        if (value.IsNull) return null;
        try
        {
            return JsonSerializer.Deserialize(((ReadOnlyMemory<byte>)value).Span, type);
        }
        catch (JsonException)
        {
            // Another version's, or nobody's: it tells nothing.
            return null;
        }
    }
}

/// <param name="From">The place of the first one in the log: what was told twice is read once.</param>
/// <param name="Updates">In order.</param>
internal sealed record SharedUpdates(int From, List<LlmUpdate> Updates);

/// <summary>One of the two.</summary>
internal sealed record SharedEnd(LlmResponse? Response, SharedFailure? Failure);

internal sealed record SharedFailure(LlmErrorKind Kind, string Message, TimeSpan? RetryAfter, int? UpstreamStatus, string? Provider, int Attempts)
{
    public static SharedFailure Of(LlmException failure) =>
        new(failure.Kind, failure.Message, failure.RetryAfter, failure.UpstreamStatus, failure.Provider, failure.Attempts);

    public LlmException ToException() =>
        new(Kind, Message) { RetryAfter = RetryAfter, UpstreamStatus = UpstreamStatus, Provider = Provider, Attempts = Attempts };
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(SharedUpdates))]
[JsonSerializable(typeof(SharedEnd))]
internal sealed partial class SharedJson : JsonSerializerContext;
