using System.Text.Json;

namespace LlmGateway.Llm.Providers.Anthropic;

/// <summary>What one event of a stream says, or a whole answer; read without building a document, for there is an event to every few tokens.</summary>
internal readonly record struct AnthropicEvent : IPiece<AnthropicEvent>
{
    /// <summary>The event <c>message_stop</c>, or a whole message: without it the connection broke.</summary>
    public bool Ends { get; init; }

    public string? Text { get; init; }

    public (int Start, int Length)? TextPlace { get; init; }

    public string? StopReason { get; init; }

    public AnthropicUsage Usage { get; init; }

    /// <summary>The first tool that the model called; told by whole answers only.</summary>
    public string? ToolName { get; init; }

    public string? ToolArguments { get; init; }

    /// <summary>The upstream gave up in mid-stream.</summary>
    public AnthropicError? Error { get; init; }

    /// <param name="data">The data of one event, or the body of a whole answer.</param>
    /// <exception cref="JsonException">It is no JSON object, or there is more than one.</exception>
    public static AnthropicEvent Parse(ReadOnlySpan<byte> data)
    {
        try
        {
            return ParseObject(data);
        }
        catch (InvalidOperationException)
        {
            return ParseObject(LoneSurrogates.Replaced(data));
        }
    }

    public AnthropicEvent WithText(string text) => this with { Text = text };

    private AnthropicEvent Then(string? text, (int Start, int Length)? place) => this with { Text = Text + text, TextPlace = Text is null ? place : null };

    private static AnthropicEvent ParseObject(ReadOnlySpan<byte> data)
    {
        var parsed = new AnthropicEvent();
        var json = new Utf8JsonReader(data);
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject) throw new JsonException("The data is no JSON object.");
        parsed = Fields(ref json, data, parsed);
        // Throws where something follows.
        json.Read();
        return parsed;
    }

    /// <summary>A whole message, the message of the first event, and the events themselves have different fields of one meaning each.</summary>
    private static AnthropicEvent Fields(ref Utf8JsonReader json, ReadOnlySpan<byte> data, AnthropicEvent parsed)
    {
        while (json.ReadProperty())
        {
            if (json.ValueTextEquals("type"u8)) parsed = parsed with { Ends = parsed.Ends || Is(ref json, "message_stop"u8) };
            else if (json.ValueTextEquals("delta"u8) || json.ValueTextEquals("content_block"u8)) parsed = Object(ref json, data, parsed, Block);
            else if (json.ValueTextEquals("content"u8)) parsed = Blocks(ref json, data, parsed);
            else if (json.ValueTextEquals("message"u8)) parsed = Object(ref json, data, parsed, Fields);
            else if (json.ValueTextEquals("stop_reason"u8)) parsed = parsed with { StopReason = json.ReadString() };
            else if (json.ValueTextEquals("usage"u8)) parsed = parsed with { Usage = AnthropicUsage.Read(ref json) };
            else if (json.ValueTextEquals("error"u8)) parsed = parsed with { Error = AnthropicError.Read(ref json) };
            else json.SkipValue();
        }
        return parsed;
    }

    private static AnthropicEvent Blocks(ref Utf8JsonReader json, ReadOnlySpan<byte> data, AnthropicEvent parsed)
    {
        if (!json.ReadValue(JsonTokenType.StartArray)) return parsed;
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (json.TokenType == JsonTokenType.StartObject) parsed = Block(ref json, data, parsed);
            else json.Skip();
        }
        return parsed;
    }

    /// <summary>A text, or a piece of one; or a call of a tool. What the model thinks is no part of its answer.</summary>
    private static AnthropicEvent Block(ref Utf8JsonReader json, ReadOnlySpan<byte> data, AnthropicEvent parsed)
    {
        string? name = null, input = null;
        while (json.ReadProperty())
        {
            if (json.ValueTextEquals("text"u8)) parsed = parsed.Then(json.ReadString(out var place), place);
            else if (json.ValueTextEquals("stop_reason"u8)) parsed = parsed with { StopReason = json.ReadString() };
            else if (json.ValueTextEquals("name"u8)) name = json.ReadString();
            else if (json.ValueTextEquals("input"u8)) input = Raw(ref json, data);
            else json.SkipValue();
        }
        return name is not null && parsed.ToolName is null ? parsed with { ToolName = name, ToolArguments = input } : parsed;
    }

    private static AnthropicEvent Object(ref Utf8JsonReader json, ReadOnlySpan<byte> data, AnthropicEvent parsed, Reader read) =>
        json.ReadValue(JsonTokenType.StartObject) ? read(ref json, data, parsed) : parsed;

    private static string Raw(ref Utf8JsonReader json, ReadOnlySpan<byte> data)
    {
        json.Read();
        var start = (int)json.TokenStartIndex;
        json.Skip();
        return System.Text.Encoding.UTF8.GetString(data[start..(int)json.BytesConsumed]);
    }

    private static bool Is(ref Utf8JsonReader json, ReadOnlySpan<byte> text) => json.ReadValue(JsonTokenType.String) && json.ValueTextEquals(text);

    /// <summary>Stands on an object's beginning; on its end afterwards.</summary>
    private delegate AnthropicEvent Reader(ref Utf8JsonReader json, ReadOnlySpan<byte> data, AnthropicEvent parsed);
}
