using System.Text.Json;

namespace LlmGateway.FakeOpenAI.Wire;

/// <summary><c>POST /v1/chat/completions</c>: checks the request and settles what the answer says.</summary>
internal sealed class OpenAIChat : OpenAIFormat
{
    public override IAnswer Answer(JsonElement body, FakeScript script, DateTimeOffset now)
    {
        var model = Model(body);
        if (!body.TryGetProperty("messages", out var messages))
            throw Missing("messages");
        if (messages.ValueKind != JsonValueKind.Array || messages.GetArrayLength() == 0)
            throw Invalid("messages", "Invalid 'messages': empty array. Expected an array with minimum length 1.");
        foreach (var (i, message) in messages.EnumerateArray().Index())
        {
            if (message.ValueKind != JsonValueKind.Object || !message.TryGetProperty("role", out _))
                throw Missing($"messages[{i}].role");
        }

        var tool = ForcedTool(body, out var named);
        var pieces = tool is { } function ? Arguments(function, script) : Content(script);
        var limit = Limit(body);
        var cut = limit < pieces.Count;
        if (cut)
            pieces = pieces.Take(limit).ToList();

        return new OpenAIChatAnswer
        {
            Id = $"chatcmpl-{Guid.NewGuid():N}",
            Created = now.ToUnixTimeSeconds(),
            Model = model,
            Tool = tool?.GetProperty("name").GetString(),
            Pieces = pieces,
            FinishReason = script.FinishReason ?? (cut ? "length" : tool is null || named ? "stop" : "tool_calls"),
            PromptTokens = script.PromptTokens ?? messages.EnumerateArray().Sum(message => 3 + EstimateTokens(ContentOf(message))) + 3,
            Streams = body.TryGetProperty("stream", out var stream) && stream.ValueKind == JsonValueKind.True,
            IncludesUsage = !script.NoUsage && IncludeUsage(body),
            Script = script,
        };
    }

    private static string ContentOf(JsonElement message) =>
        !message.TryGetProperty("content", out var content) ? ""
        : content.ValueKind == JsonValueKind.String ? content.GetString() ?? ""
        : content.GetRawText();

    private static bool IncludeUsage(JsonElement body) =>
        body.TryGetProperty("stream_options", out var options) && options.ValueKind == JsonValueKind.Object
        && options.TryGetProperty("include_usage", out var include) && include.ValueKind == JsonValueKind.True;

    private static int Limit(JsonElement body)
    {
        foreach (var name in (ReadOnlySpan<string>)["max_completion_tokens", "max_tokens"])
        {
            if (!body.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
                continue;
            return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var limit) && limit > 0
                ? limit
                : throw Invalid(name, $"Invalid '{name}': expected an integer of at least 1.");
        }

        return int.MaxValue;
    }

    /// <summary>OpenAI ends a call to a named tool with <c>stop</c>, and one it was only required to make with <c>tool_calls</c>.</summary>
    private static JsonElement? ForcedTool(JsonElement body, out bool named)
    {
        named = false;
        if (!body.TryGetProperty("tool_choice", out var choice))
            return null;

        named = choice.ValueKind == JsonValueKind.Object;
        if (!named && !choice.ValueEquals("required"))
            return null;

        var wanted = named ? choice.GetProperty("function").GetProperty("name").GetString() : null;
        if (body.TryGetProperty("tools", out var tools) && tools.ValueKind == JsonValueKind.Array)
        {
            foreach (var tool in tools.EnumerateArray())
            {
                var function = tool.GetProperty("function");
                if (wanted is null || function.GetProperty("name").ValueEquals(wanted))
                    return function;
            }
        }

        throw Invalid("tool_choice", $"Invalid value for 'tool_choice': the tool '{wanted}' is not in 'tools'.");
    }

    private static List<string> Arguments(JsonElement function, FakeScript script)
    {
        var arguments = script.ToolArguments ?? SchemaFiller.Fill(function, script);
        if (script.FinishReason == "length")
            arguments = arguments[..(arguments.Length / 2)];
        return arguments.Chunk(8).Select(piece => new string(piece)).ToList();
    }

    private static IReadOnlyList<string> Content(FakeScript script) =>
        script.NullContent ? []
        : script.Refusal is { } refusal ? FakeText.Words(refusal)
        : script.Pieces ?? (script.Text is { } text ? FakeText.Words(text) : FakeText.Generate(script.Tokens));
}
