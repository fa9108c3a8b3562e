using System.Text;
using System.Text.Json;

namespace LlmGateway.FakeOpenAI.Wire;

/// <summary><c>POST /v1/messages</c>: checks the request, settles what the answer says, and knows how Anthropic words a failure.</summary>
/// <remarks>Source: platform.claude.com/docs/en/api/messages, /errors and /build-with-claude/streaming.</remarks>
internal sealed class AnthropicMessages : IWireFormat
{
    private static readonly string[] Types =
    [
        "invalid_request_error", "authentication_error", "billing_error", "permission_error", "not_found_error", "request_too_large",
        "rate_limit_error", "timeout_error", "api_error", "overloaded_error",
    ];

    /// <summary>The key comes in a header of its own, or as a bearer token, as the SDK of late 2026 sends it.</summary>
    public bool IsAuthorized(IHeaderDictionary headers) =>
        headers["anthropic-version"].ToString().Length > 0 && (headers["x-api-key"].ToString().Length > 0 || OpenAIFormat.HasToken(headers));

    public IAnswer Answer(JsonElement body, FakeScript script, DateTimeOffset now)
    {
        var model = Text(body, "model") ?? throw Missing("model");
        if (!body.TryGetProperty("max_tokens", out var limit) || !limit.TryGetInt32(out var maxTokens) || maxTokens < 1) throw Missing("max_tokens");
        if (!body.TryGetProperty("messages", out var messages) || messages.ValueKind != JsonValueKind.Array || messages.GetArrayLength() == 0) throw Missing("messages");
        foreach (var (i, message) in messages.EnumerateArray().Index())
        {
            if (Text(message, "role") is not ("user" or "assistant")) throw Invalid($"messages.{i}.role: Input should be 'user' or 'assistant'");
        }
        if (body.TryGetProperty("temperature", out var temperature) && temperature.GetDouble() > 1) throw Invalid("temperature: Input should be less than or equal to 1");
        if (model.Contains("-5-5", StringComparison.Ordinal)) CheckNewModel(body);

        var tool = ForcedTool(body);
        var schema = tool is { } function ? function.GetProperty("input_schema") : Format(body);
        if (schema is { } strict && strict.GetRawText().Contains("\"minimum\"", StringComparison.Ordinal))
            throw Invalid("tools.0.custom: For 'number' type, property 'minimum' is not supported");
        var pieces = schema is { } form ? Arguments(form, script) : Content(script);
        var cut = maxTokens < pieces.Count;
        if (cut)
            pieces = pieces.Take(maxTokens).ToList();
        return new AnthropicAnswer
        {
            Id = $"msg_{Guid.NewGuid():N}",
            Model = model,
            Tool = tool?.GetProperty("name").GetString(),
            Pieces = pieces,
            StopReason = StopReason(script, cut, tool is not null),
            InputTokens = script.PromptTokens ?? 3 + messages.EnumerateArray().Append(body).Sum(Estimate),
            Streams = body.TryGetProperty("stream", out var stream) && stream.ValueKind == JsonValueKind.True,
            Script = script,
        };
    }

    public byte[] ErrorBody(WireError error) => Describe(error);

    public Frame ErrorFrame(WireError error) => new(Describe(error), "error");

    private static byte[] Describe(WireError error) => JsonText.Build(json =>
    {
        json.WriteStartObject();
        json.WriteString("type", "error");
        json.WriteStartObject("error");
        json.WriteText("type", Types.Contains(error.Type) && error.Type != "invalid_request_error" ? error.Type : TypeOf(error));
        json.WriteText("message", Message(error));
        json.WriteEndObject();
        json.WriteString("request_id", "req_fake");
        json.WriteEndObject();
    });

    private static string TypeOf(WireError error) => error switch
    {
        { Code: "rate_limit_exceeded" } => "rate_limit_error",
        { Code: not null and not "invalid_api_key" } => "invalid_request_error",
        { Status: 401 } => "authentication_error",
        { Status: 402 } => "billing_error",
        { Status: 403 } => "permission_error",
        { Status: 404 } => "not_found_error",
        { Status: 413 } => "request_too_large",
        { Status: 429 } => "rate_limit_error",
        { Status: 504 } => "timeout_error",
        { Status: 529 } => "overloaded_error",
        { Status: >= 500 } => "api_error",
        _ => "invalid_request_error",
    };

    /// <summary>Anthropic has no codes: what OpenAI says by one is in the words here.</summary>
    private static string Message(WireError error) => error.Code switch
    {
        "context_length_exceeded" => "prompt is too long: 210000 tokens > 200000 maximum",
        "content_filter" => "Output blocked by content filtering policy",
        "insufficient_quota" => "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
        "billing_hard_limit_reached" => "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
        _ => error.Message,
    };

    /// <summary>What the models of 2026 do not take any more.</summary>
    private static void CheckNewModel(JsonElement body)
    {
        if (body.TryGetProperty("temperature", out _)) throw Invalid("`temperature` is not supported for this model");
        if (body.TryGetProperty("tool_choice", out var choice) && Text(choice, "type") is "tool" or "any") throw Invalid("tool_choice: forced tool use is not supported for this model");
        if (Text(body, "model")!.Contains("opus", StringComparison.Ordinal) && body.TryGetProperty("thinking", out var thinking) && Text(thinking, "type") == "disabled")
            throw Invalid("\"thinking.type.disabled\" is not supported for this model");
    }

    private static JsonElement? ForcedTool(JsonElement body)
    {
        if (!body.TryGetProperty("tool_choice", out var choice) || Text(choice, "type") != "tool") return null;
        var wanted = Text(choice, "name");
        foreach (var tool in body.GetProperty("tools").EnumerateArray())
        {
            if (Text(tool, "name") == wanted) return tool;
        }
        throw Invalid($"tool_choice.name: the tool '{wanted}' is not in tools");
    }

    private static JsonElement? Format(JsonElement body) =>
        body.TryGetProperty("output_config", out var output) && output.TryGetProperty("format", out var format) ? format.GetProperty("schema") : null;

    private static List<string> Arguments(JsonElement schema, FakeScript script)
    {
        var arguments = script.ToolArguments ?? Encoding.UTF8.GetString(SchemaFiller.FillSchema(schema, script));
        if (script.FinishReason == "length")
            arguments = arguments[..(arguments.Length / 2)];
        return arguments.Chunk(8).Select(piece => new string(piece)).ToList();
    }

    private static IReadOnlyList<string> Content(FakeScript script) =>
        script.NullContent || script.EmptyChoices || script.Refusal is not null ? []
        : script.Pieces ?? (script.Text is { } text ? FakeText.Words(text) : FakeText.Generate(script.Tokens));

    private static string StopReason(FakeScript script, bool cut, bool tool) => script switch
    {
        { Refusal: not null } when !tool => "refusal",
        { FinishReason: "content_filter" } => "refusal",
        { FinishReason: "length" } => "max_tokens",
        { FinishReason: "stop" } => "end_turn",
        { FinishReason: "tool_calls" } => "tool_use",
        { FinishReason: { } other } => other,
        _ => cut ? "max_tokens" : tool ? "tool_use" : "end_turn",
    };

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>As the OpenAI side of this server counts, so that both say the same of the same prompt.</summary>
    private static int Estimate(JsonElement message) =>
        (Text(message, "content") ?? Text(message, "system")) is { } text ? 3 + ((text.Length + 3) / 4) : 0;

    private static WireException Missing(string field) => Invalid($"{field}: Field required");

    private static WireException Invalid(string message) => new(new WireError(400, message, "invalid_request_error"));
}
