using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using LlmGateway.Llm.Models;

namespace LlmGateway.Llm.Providers.OpenAI;

/// <summary>Writes the bodies that go to <c>/chat/completions</c> and <c>/embeddings</c>.</summary>
internal static class OpenAIRequestWriter
{
    // The body is JSON for a JSON parser, never HTML: escaping every non-ASCII letter would triple a text in another script.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    // What a thread keeps between two requests; a larger body was one of a kind.
    private const int KeptBytes = 64 * 1024;

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? _buffer;

    public static BinaryData Chat(LlmRequest request, ModelInfo? model, OpenAIDialect dialect, bool stream) =>
        Write(json => WriteChat(json, request, model, dialect, stream));

    public static BinaryData Embeddings(EmbeddingRequest request, ModelInfo? model) => Write(json => WriteEmbeddings(json, request, model));

    /// <summary>The writer asks for three times what it may need, and growing clears what it grows by: once for each thread, not for each request.</summary>
    private static BinaryData Write(Action<Utf8JsonWriter> write)
    {
        var buffer = _buffer ?? new ArrayBufferWriter<byte>(KeptBytes / 4);
        _buffer = null;
        using (var json = new Utf8JsonWriter(buffer, Options)) write(json);
        var body = BinaryData.FromBytes(buffer.WrittenSpan.ToArray());
        if (buffer.Capacity <= KeptBytes)
        {
            buffer.ResetWrittenCount();
            _buffer = buffer;
        }
        return body;
    }

    private static void WriteChat(Utf8JsonWriter json, LlmRequest request, ModelInfo? model, OpenAIDialect dialect, bool stream)
    {
        json.WriteStartObject();
        json.WriteString("model"u8, model?.UpstreamModel ?? request.Model);
        json.WriteStartArray("messages"u8);
        foreach (var message in request.Messages)
        {
            json.WriteStartObject();
            json.WriteString("role"u8, message.Role switch
            {
                LlmRole.System => "system"u8,
                LlmRole.User => "user"u8,
                LlmRole.Assistant => "assistant"u8,
                _ => throw new ArgumentOutOfRangeException(nameof(request), message.Role, "No such role."),
            });
            json.WriteString("content"u8, message.Content);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteNumber(dialect.MaxTokensField, request.MaxOutputTokens + (model?.ThinkingTokens ?? 0));
        if (model?.Effort is { } effort) json.WriteString("reasoning_effort"u8, effort);
        if (request.Temperature is { } temperature && model is not { Temperature: false }) json.WriteNumber("temperature"u8, temperature);
        if (request.Tool is { } tool) WriteForcedTool(json, tool);
        if (stream)
        {
            json.WriteBoolean("stream"u8, true);
            json.WriteStartObject("stream_options"u8);
            json.WriteBoolean("include_usage"u8, true);
            // Padding against traffic analysis: it doubles the bytes of a stream and is of no use behind TLS termination.
            if (dialect.Obfuscates) json.WriteBoolean("include_obfuscation"u8, false);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    private static void WriteEmbeddings(Utf8JsonWriter json, EmbeddingRequest request, ModelInfo? model)
    {
        json.WriteStartObject();
        json.WriteString("model"u8, model?.UpstreamModel ?? request.Model);
        json.WriteStartArray("input"u8);
        foreach (var input in request.Inputs)
            json.WriteStringValue(input);
        json.WriteEndArray();
        json.WriteString("encoding_format"u8, "base64"u8);
        if (request.Dimensions is { } dimensions) json.WriteNumber("dimensions"u8, dimensions);
        json.WriteEndObject();
    }

    private static void WriteForcedTool(Utf8JsonWriter json, LlmTool tool)
    {
        json.WriteStartArray("tools"u8);
        json.WriteStartObject();
        json.WriteString("type"u8, "function"u8);
        json.WriteStartObject("function"u8);
        json.WriteString("name"u8, tool.Name);
        json.WriteString("description"u8, tool.Description);
        json.WritePropertyName("parameters"u8);
        tool.Parameters.WriteTo(json);
        json.WriteBoolean("strict"u8, true);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteStartObject("tool_choice"u8);
        json.WriteString("type"u8, "function"u8);
        json.WriteStartObject("function"u8);
        json.WriteString("name"u8, tool.Name);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteBoolean("parallel_tool_calls"u8, false);
    }
}
