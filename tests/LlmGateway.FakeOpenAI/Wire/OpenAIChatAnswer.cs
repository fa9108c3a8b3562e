using System.Text.Json;

namespace LlmGateway.FakeOpenAI.Wire;

/// <summary>A settled chat completion, written as <c>chat.completion</c> or as <c>chat.completion.chunk</c> events.</summary>
internal sealed record OpenAIChatAnswer : IAnswer, IFrames
{
    private readonly string _callId = $"call_{Guid.NewGuid():N}";

    public required string Id { get; init; }
    public required long Created { get; init; }
    public required string Model { get; init; }

    /// <summary>The called function; null for text.</summary>
    public required string? Tool { get; init; }

    public required IReadOnlyList<string> Pieces { get; init; }
    public required string FinishReason { get; init; }
    public required int PromptTokens { get; init; }
    public required bool Streams { get; init; }
    public required bool IncludesUsage { get; init; }
    public required FakeScript Script { get; init; }

    public int Tokens => Pieces.Count;

    public IFrames? Frames => Streams ? this : null;

    private bool Refuses => Script.Refusal is not null && Tool is null;

    public byte[] Body() => JsonText.Build(json =>
    {
        Head(json, "chat.completion");
        json.WriteStartArray("choices");
        if (!Script.EmptyChoices)
            Choice(json, "message", FinishReason, Message);
        json.WriteEndArray();
        if (!Script.NoUsage)
            Usage(json);
        json.WriteEndObject();
    });

    public IEnumerable<Frame> Opening() => [Chunk(null, delta =>
    {
        delta.WriteString("role", "assistant");
        if (Tool is null)
        {
            delta.WriteText("content", Script.NullContent || Refuses ? null : "");
            delta.WriteNull("refusal");
            return;
        }

        delta.WriteNull("content");
        ToolCalls(delta, call =>
        {
            call.WriteString("id", _callId);
            call.WriteString("type", "function");
        }, Tool, "");
        delta.WriteNull("refusal");
    })];

    public Frame Token(int index) => Script.EmptyChoices ? Chunk() : Chunk(null, delta =>
    {
        if (Tool is null)
            delta.WriteText(Refuses ? "refusal" : "content", Pieces[index]);
        else
            ToolCalls(delta, _ => { }, null, Pieces[index]);
    });

    public IEnumerable<Frame> Closing()
    {
        yield return Chunk(FinishReason, _ => { });
        if (IncludesUsage)
            yield return Chunk(usage: true);
        yield return new Frame("[DONE]"u8.ToArray());
    }

    private Frame Chunk(string? finishReason, Action<Utf8JsonWriter> delta) => Chunk(json => Choice(json, "delta", finishReason, delta));

    /// <param name="choice">Writes the only choice; null leaves the array empty.</param>
    /// <param name="usage">Whether this is the event with the usage. All others say null, once usage was asked for.</param>
    private Frame Chunk(Action<Utf8JsonWriter>? choice = null, bool usage = false) => new(JsonText.Build(json =>
    {
        Head(json, "chat.completion.chunk");
        json.WriteStartArray("choices");
        choice?.Invoke(json);
        json.WriteEndArray();
        if (usage)
            Usage(json);
        else if (IncludesUsage)
            json.WriteNull("usage");
        json.WriteEndObject();
    }));

    private void Head(Utf8JsonWriter json, string kind)
    {
        json.WriteStartObject();
        json.WriteString("id", Id);
        json.WriteString("object", kind);
        json.WriteNumber("created", Created);
        json.WriteText("model", Model);
        json.WriteString("service_tier", "default");
        json.WriteString("system_fingerprint", "fp_fake");
    }

    private static void Choice(Utf8JsonWriter json, string name, string? finishReason, Action<Utf8JsonWriter> content)
    {
        json.WriteStartObject();
        json.WriteNumber("index", 0);
        json.WriteStartObject(name);
        content(json);
        json.WriteEndObject();
        json.WriteNull("logprobs");
        json.WriteText("finish_reason", finishReason);
        json.WriteEndObject();
    }

    private void Message(Utf8JsonWriter json)
    {
        var text = string.Concat(Pieces);
        json.WriteString("role", "assistant");
        json.WriteText("content", Tool is not null || Refuses || Script.NullContent ? null : text);
        if (Tool is not null)
        {
            ToolCalls(json, call =>
            {
                call.WriteString("id", _callId);
                call.WriteString("type", "function");
            }, Tool, text, indexed: false);
        }

        json.WriteText("refusal", Refuses ? text : null);
        json.WriteStartArray("annotations");
        json.WriteEndArray();
    }

    private static void ToolCalls(Utf8JsonWriter json, Action<Utf8JsonWriter> identity, string? name, string arguments, bool indexed = true)
    {
        json.WriteStartArray("tool_calls");
        json.WriteStartObject();
        if (indexed)
            json.WriteNumber("index", 0);
        identity(json);
        json.WriteStartObject("function");
        if (name is not null)
            json.WriteText("name", name);
        json.WriteText("arguments", arguments);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private void Usage(Utf8JsonWriter json)
    {
        var completion = Script.CompletionTokens ?? Tokens;
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", PromptTokens);
        json.WriteNumber("completion_tokens", completion);
        json.WriteNumber("total_tokens", PromptTokens + completion);
        json.WriteStartObject("prompt_tokens_details");
        json.WriteNumber("cached_tokens", Script.CachedTokens);
        json.WriteNumber("audio_tokens", 0);
        json.WriteEndObject();
        json.WriteStartObject("completion_tokens_details");
        json.WriteNumber("reasoning_tokens", 0);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
