using System.Text.Json;

namespace LlmGateway.Llm.Providers.OpenAI;

/// <summary>
/// What one event of a chat stream says, or a whole answer; read without building a document, for there is an event to every token.
/// </summary>
internal readonly record struct ChatChunk : IPiece<ChatChunk>
{
    public string? Text { get; init; }

    public (int Start, int Length)? TextPlace { get; init; }

    /// <summary>The model declines to answer.</summary>
    public bool Refused { get; init; }

    /// <summary>The first tool that the model called; told by whole answers only.</summary>
    public string? ToolName { get; init; }

    public string? ToolArguments { get; init; }

    public string? FinishReason { get; init; }

    public LlmUsage? Usage { get; init; }

    /// <summary>The upstream gave up in mid-stream.</summary>
    public OpenAIError? Error { get; init; }

    /// <summary>The event <c>[DONE]</c>.</summary>
    public bool Done { get; init; }

    /// <param name="data">The data of one event, or the body of a whole answer.</param>
    /// <exception cref="JsonException">It is no JSON object, or there is more than one.</exception>
    public static ChatChunk Parse(ReadOnlySpan<byte> data)
    {
        if (data.SequenceEqual("[DONE]"u8)) return new ChatChunk { Done = true };
        try
        {
            return ParseObject(data);
        }
        catch (InvalidOperationException)
        {
            return ParseObject(LoneSurrogates.Replaced(data));
        }
    }

    public ChatChunk WithText(string text) => this with { Text = text };

    private static ChatChunk ParseObject(ReadOnlySpan<byte> data)
    {
        var chunk = new ChatChunk();
        var json = new Utf8JsonReader(data);
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject) throw new JsonException("The data is no JSON object.");
        while (json.ReadProperty())
        {
            if (json.ValueTextEquals("choices"u8)) chunk = First(ref json, chunk, Choice);
            else if (json.ValueTextEquals("usage"u8)) chunk = chunk with { Usage = OpenAIUsage.Read(ref json) ?? chunk.Usage };
            else if (json.ValueTextEquals("error"u8)) chunk = chunk with { Error = OpenAIError.Read(ref json) };
            else json.SkipValue();
        }
        // Throws where something follows.
        json.Read();
        return chunk;
    }

    private static ChatChunk Choice(ref Utf8JsonReader json, ChatChunk chunk)
    {
        while (json.ReadProperty())
        {
            if (json.ValueTextEquals("delta"u8) || json.ValueTextEquals("message"u8)) chunk = Object(ref json, chunk, Message);
            else if (json.ValueTextEquals("finish_reason"u8)) chunk = chunk with { FinishReason = json.ReadString() ?? chunk.FinishReason };
            else json.SkipValue();
        }
        return chunk;
    }

    private static ChatChunk Message(ref Utf8JsonReader json, ChatChunk chunk)
    {
        while (json.ReadProperty())
        {
            if (json.ValueTextEquals("content"u8)) chunk = chunk with { Text = json.ReadString(out var place), TextPlace = place };
            else if (json.ValueTextEquals("refusal"u8)) chunk = chunk with { Refused = !string.IsNullOrEmpty(json.ReadString()) };
            else if (json.ValueTextEquals("tool_calls"u8)) chunk = First(ref json, chunk, ToolCall);
            else json.SkipValue();
        }
        return chunk;
    }

    private static ChatChunk ToolCall(ref Utf8JsonReader json, ChatChunk chunk)
    {
        while (json.ReadProperty())
        {
            if (json.ValueTextEquals("function"u8)) chunk = Object(ref json, chunk, Function);
            else json.SkipValue();
        }
        return chunk;
    }

    private static ChatChunk Function(ref Utf8JsonReader json, ChatChunk chunk)
    {
        while (json.ReadProperty())
        {
            if (json.ValueTextEquals("name"u8)) chunk = chunk with { ToolName = json.ReadString() };
            else if (json.ValueTextEquals("arguments"u8)) chunk = chunk with { ToolArguments = json.ReadString() };
            else json.SkipValue();
        }
        return chunk;
    }

    /// <summary>One choice, and one call, is asked for: a second one would be somebody else's.</summary>
    private static ChatChunk First(ref Utf8JsonReader json, ChatChunk chunk, Reader read)
    {
        if (!json.ReadValue(JsonTokenType.StartArray)) return chunk;
        for (var first = true; json.Read() && json.TokenType != JsonTokenType.EndArray; first = false)
        {
            if (first && json.TokenType == JsonTokenType.StartObject) chunk = read(ref json, chunk);
            else json.Skip();
        }
        return chunk;
    }

    private static ChatChunk Object(ref Utf8JsonReader json, ChatChunk chunk, Reader read) =>
        json.ReadValue(JsonTokenType.StartObject) ? read(ref json, chunk) : chunk;

    /// <summary>Stands on an object's beginning; on its end afterwards.</summary>
    private delegate ChatChunk Reader(ref Utf8JsonReader json, ChatChunk chunk);
}
