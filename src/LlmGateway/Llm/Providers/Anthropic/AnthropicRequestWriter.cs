using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using Anthropic.Core;
using Anthropic.Models.Messages;
using LlmGateway.Llm.Models;

namespace LlmGateway.Llm.Providers.Anthropic;

/// <summary>Writes what goes to <c>/v1/messages</c>.</summary>
internal static class AnthropicRequestWriter
{
    // Anthropic's strict schemas know no bounds: what is out of bounds is found when the answer is checked.
    private static readonly string[] UnknownToStrictSchemas = ["minimum", "maximum"];

    static AnthropicRequestWriter() => AnthropicJson.TellTheSdk();

    /// <summary>The SDK's typed parameters lack what older models take: the body is ours, the rest of the call the SDK's.</summary>
    public static MessageCreateParams Message(LlmRequest request, ModelInfo? model, bool stream) =>
        MessageCreateParams.FromRawUnchecked(Headers(request), new Dictionary<string, JsonElement>(), Body(request, model, stream));

    private static Dictionary<string, JsonElement> Headers(LlmRequest request) =>
        request.RequestId is { } id ? new() { ["X-Client-Request-Id"] = JsonElement.Parse($"\"{JsonEncodedText.Encode(id)}\"") } : [];

    private static IReadOnlyDictionary<string, JsonElement> Body(LlmRequest request, ModelInfo? model, bool stream)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer)) Write(json, request, model, stream);
        return JsonSerializer.Deserialize(buffer.WrittenSpan, AnthropicJson.Default.IReadOnlyDictionaryStringJsonElement)!;
    }

    private static void Write(Utf8JsonWriter json, LlmRequest request, ModelInfo? model, bool stream)
    {
        json.WriteStartObject();
        json.WriteString("model"u8, model?.UpstreamModel ?? request.Model);
        json.WriteNumber("max_tokens"u8, request.MaxOutputTokens + (model?.ThinkingTokens ?? 0));
        if (request.Messages.Any(message => message.Role == LlmRole.System))
            json.WriteString("system"u8, string.Join("\n\n", request.Messages.Where(message => message.Role == LlmRole.System).Select(message => message.Content)));
        json.WriteStartArray("messages"u8);
        foreach (var message in request.Messages.Where(message => message.Role != LlmRole.System))
        {
            json.WriteStartObject();
            json.WriteString("role"u8, message.Role == LlmRole.User ? "user"u8 : "assistant"u8);
            json.WriteString("content"u8, message.Content);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        // OpenAI's temperatures go up to 2, Claude's to 1.
        if (request.Temperature is { } temperature && model is not { Temperature: false }) json.WriteNumber("temperature"u8, Math.Min(temperature, 1));
        if (model?.Thinking is { } thinking)
        {
            json.WriteStartObject("thinking"u8);
            json.WriteString("type"u8, thinking);
            json.WriteEndObject();
        }
        var told = request.Tool is { } && model is { ForcedTool: false };
        if (told || model?.Effort is not null) WriteOutput(json, told ? request.Tool : null, model?.Effort);
        if (request.Tool is { } tool && !told) WriteForcedTool(json, tool);
        if (stream) json.WriteBoolean("stream"u8, true);
        json.WriteEndObject();
    }

    private static void WriteOutput(Utf8JsonWriter json, LlmTool? tool, string? effort)
    {
        json.WriteStartObject("output_config"u8);
        if (effort is not null) json.WriteString("effort"u8, effort);
        if (tool is not null)
        {
            json.WriteStartObject("format"u8);
            json.WriteString("type"u8, "json_schema"u8);
            json.WritePropertyName("schema"u8);
            WriteSchema(json, tool.Parameters);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    private static void WriteForcedTool(Utf8JsonWriter json, LlmTool tool)
    {
        json.WriteStartArray("tools"u8);
        json.WriteStartObject();
        json.WriteString("name"u8, tool.Name);
        json.WriteString("description"u8, tool.Description);
        json.WritePropertyName("input_schema"u8);
        WriteSchema(json, tool.Parameters);
        json.WriteBoolean("strict"u8, true);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteStartObject("tool_choice"u8);
        json.WriteString("type"u8, "tool"u8);
        json.WriteString("name"u8, tool.Name);
        json.WriteBoolean("disable_parallel_tool_use"u8, true);
        json.WriteEndObject();
    }

    private static void WriteSchema(Utf8JsonWriter json, JsonElement schema)
    {
        if (schema.ValueKind != JsonValueKind.Object)
        {
            schema.WriteTo(json);
            return;
        }
        json.WriteStartObject();
        foreach (var property in schema.EnumerateObject())
        {
            // A bound is a number: a property of the answer may have the same name, and is an object.
            if (property.Value.ValueKind == JsonValueKind.Number && UnknownToStrictSchemas.Contains(property.Name)) continue;
            json.WritePropertyName(property.Name);
            WriteSchema(json, property.Value);
        }
        json.WriteEndObject();
    }
}

/// <summary>
/// The form in which the SDK takes a body. It serializes it by reflection, and gives no way to say how else: where there is none, in a program that
/// is compiled ahead of time, its own options are told.
/// </summary>
[JsonSerializable(typeof(IReadOnlyDictionary<string, JsonElement>))]
internal sealed partial class AnthropicJson : JsonSerializerContext
{
    public static void TellTheSdk()
    {
        if (!JsonSerializer.IsReflectionEnabledByDefault) SerializerOptions(null).TypeInfoResolver = Default;
    }

    [UnsafeAccessor(UnsafeAccessorKind.StaticField, Name = "SerializerOptions")]
    private static extern ref JsonSerializerOptions SerializerOptions(ModelBase? of);
}
