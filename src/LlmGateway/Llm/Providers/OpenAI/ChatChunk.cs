using System.Text.Json;

namespace LlmGateway.Llm.Providers.OpenAI;

/// <summary>What one event of a chat stream says; read without building a document, for there is one to every token.</summary>
internal readonly record struct ChatChunk
{
    public string? Text { get; init; }

    /// <summary>The model declines to answer.</summary>
    public bool Refused { get; init; }

    public string? FinishReason { get; init; }

    public LlmUsage? Usage { get; init; }

    /// <summary>The upstream gave up in mid-stream.</summary>
    public OpenAIError? Error { get; init; }

    /// <summary>The event <c>[DONE]</c>.</summary>
    public bool Done { get; init; }

    public static ChatChunk Parse(ReadOnlySpan<byte> data)
    {
        if (data.SequenceEqual("[DONE]"u8)) return new ChatChunk { Done = true };
        try
        {
            return ParseObject(data);
        }
        catch (InvalidOperationException)
        {
            var repaired = data.ToArray();
            LoneSurrogates.Replace(repaired);
            return ParseObject(repaired);
        }
    }

    private static ChatChunk ParseObject(ReadOnlySpan<byte> data)
    {
        var chunk = new ChatChunk();
        var json = new Utf8JsonReader(data);
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject) throw new JsonException("An event is no JSON object.");
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("choices"u8)) chunk = Choices(ref json, chunk);
            else if (json.ValueTextEquals("usage"u8)) chunk = chunk with { Usage = OpenAIUsage.Read(ref json) ?? chunk.Usage };
            else if (json.ValueTextEquals("error"u8)) chunk = chunk with { Error = OpenAIError.Read(ref json) };
            else Skip(ref json);
        }
        return chunk;
    }

    private static ChatChunk Choices(ref Utf8JsonReader json, ChatChunk chunk)
    {
        json.Read();
        if (json.TokenType != JsonTokenType.StartArray)
        {
            json.Skip();
            return chunk;
        }
        // One choice is asked for: a second one would be somebody else's.
        for (var first = true; json.Read() && json.TokenType != JsonTokenType.EndArray; first = false)
        {
            if (first && json.TokenType == JsonTokenType.StartObject) chunk = Choice(ref json, chunk);
            else json.Skip();
        }
        return chunk;
    }

    private static ChatChunk Choice(ref Utf8JsonReader json, ChatChunk chunk)
    {
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("delta"u8)) chunk = Delta(ref json, chunk);
            else if (json.ValueTextEquals("finish_reason"u8)) chunk = chunk with { FinishReason = String(ref json) ?? chunk.FinishReason };
            else Skip(ref json);
        }
        return chunk;
    }

    private static ChatChunk Delta(ref Utf8JsonReader json, ChatChunk chunk)
    {
        json.Read();
        if (json.TokenType != JsonTokenType.StartObject)
        {
            json.Skip();
            return chunk;
        }
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("content"u8)) chunk = chunk with { Text = String(ref json) };
            else if (json.ValueTextEquals("refusal"u8)) chunk = chunk with { Refused = !string.IsNullOrEmpty(String(ref json)) };
            else Skip(ref json);
        }
        return chunk;
    }

    private static string? String(ref Utf8JsonReader json)
    {
        json.Read();
        if (json.TokenType == JsonTokenType.String) return json.GetString();
        json.Skip();
        return null;
    }

    private static void Skip(ref Utf8JsonReader json)
    {
        json.Read();
        json.Skip();
    }
}
