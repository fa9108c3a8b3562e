using System.Text.Json;

namespace LlmGateway.FakeOpenAI.Wire;

/// <summary>A settled message, written whole or as events.</summary>
internal sealed record AnthropicAnswer : IAnswer, IFrames
{
    private readonly string _toolId = $"toolu_{Guid.NewGuid():N}";

    public required string Id { get; init; }
    public required string Model { get; init; }

    /// <summary>The called tool; null for text.</summary>
    public required string? Tool { get; init; }

    public required IReadOnlyList<string> Pieces { get; init; }
    public required string StopReason { get; init; }
    public required int InputTokens { get; init; }
    public required bool Streams { get; init; }
    public required FakeScript Script { get; init; }

    public int Tokens => Pieces.Count;

    public IFrames? Frames => Streams ? this : null;

    public byte[] Body() => JsonText.Build(json =>
    {
        var text = string.Concat(Pieces);
        Head(json);
        if (Pieces.Count > 0 && !Script.EmptyChoices)
        {
            json.WriteStartObject();
            if (Tool is null)
            {
                json.WriteString("type", "text");
                json.WriteText("text", text);
            }
            else
            {
                json.WriteString("type", "tool_use");
                json.WriteString("id", _toolId);
                json.WriteText("name", Tool);
                json.WritePropertyName("input");
                // An input is always JSON here: one that was cut off is left out.
                json.WriteRawValue(IsJson(text) ? text : "{}", skipInputValidation: true);
            }
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteText("stop_reason", StopReason);
        json.WriteNull("stop_sequence");
        if (!Script.NoUsage)
            Usage(json, Script.CompletionTokens ?? Tokens, whole: true);
        json.WriteEndObject();
    });

    public IEnumerable<Frame> Opening() =>
    [
        Event("message_start", json =>
        {
            json.WritePropertyName("message");
            Head(json);
            json.WriteEndArray();
            json.WriteNull("stop_reason");
            json.WriteNull("stop_sequence");
            if (!Script.NoUsage)
                Usage(json, 1, whole: true);
            json.WriteEndObject();
        }),
        Event("content_block_start", json =>
        {
            json.WriteNumber("index", 0);
            json.WriteStartObject("content_block");
            json.WriteString("type", "text");
            json.WriteString("text", "");
            json.WriteEndObject();
        }),
        Event("ping", _ => { }),
    ];

    public Frame Token(int index) => Event("content_block_delta", json =>
    {
        json.WriteNumber("index", 0);
        json.WriteStartObject("delta");
        json.WriteString("type", Script.EmptyChoices ? "thinking_delta" : "text_delta");
        json.WriteText(Script.EmptyChoices ? "thinking" : "text", Pieces[index]);
        json.WriteEndObject();
    });

    public IEnumerable<Frame> Closing()
    {
        yield return Event("content_block_stop", json => json.WriteNumber("index", 0));
        yield return Event("message_delta", json =>
        {
            json.WriteStartObject("delta");
            json.WriteText("stop_reason", StopReason);
            json.WriteNull("stop_sequence");
            json.WriteEndObject();
            if (!Script.NoUsage)
                Usage(json, Script.CompletionTokens ?? Tokens, whole: false);
        });
        yield return Event("message_stop", _ => { });
    }

    private static bool IsJson(string text)
    {
        try
        {
            JsonElement.Parse(text);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static Frame Event(string type, Action<Utf8JsonWriter> write) => new(
        JsonText.Build(json =>
        {
            json.WriteStartObject();
            json.WriteString("type", type);
            write(json);
            json.WriteEndObject();
        }),
        type);

    private void Head(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("id", Id);
        json.WriteString("type", "message");
        json.WriteString("role", "assistant");
        json.WriteText("model", Model);
        json.WriteStartArray("content");
    }

    /// <summary>What was read from the cache is not among the input tokens here.</summary>
    private void Usage(Utf8JsonWriter json, int output, bool whole)
    {
        json.WriteStartObject("usage");
        if (whole)
        {
            json.WriteNumber("input_tokens", InputTokens - Script.CachedTokens);
            json.WriteNumber("cache_creation_input_tokens", 0);
            json.WriteNumber("cache_read_input_tokens", Script.CachedTokens);
        }
        json.WriteNumber("output_tokens", output);
        json.WriteEndObject();
    }
}
