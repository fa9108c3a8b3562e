using System.Runtime.InteropServices;
using System.Text.Json;

namespace LlmGateway.Llm.Providers.OpenAI;

/// <summary>Reads answers that come in one piece.</summary>
internal static class OpenAIResponseReader
{
    public static LlmResponse Chat(ReadOnlyMemory<byte> body, LlmRequest request)
    {
        using var document = Parse(body);
        var choice = document.RootElement.GetProperty("choices"u8) is { ValueKind: JsonValueKind.Array } choices && choices.GetArrayLength() > 0
            ? choices[0]
            : throw OpenAIFailures.Invalid("The model's provider sent an answer without a choice.");
        var message = choice.GetProperty("message"u8);
        var finish = Text(choice, "finish_reason"u8) ?? throw OpenAIFailures.Invalid("The model's provider sent an answer without an end.");
        if (finish == FinishReason.ContentFilter.Value || !string.IsNullOrEmpty(Text(message, "refusal"u8))) throw OpenAIFailures.Filtered();
        return new LlmResponse
        {
            Text = request.Tool is null
                ? Text(message, "content"u8) ?? throw OpenAIFailures.Invalid("The model's provider sent an answer without content.")
                : "",
            // A forced call may end with "stop": the call counts, not the reason.
            ToolArguments = request.Tool is null ? null : Arguments(message, request.Tool),
            FinishReason = new FinishReason(finish),
            Origin = new LlmOrigin(OpenAIFailures.Provider, request.Model),
            Usage = Usage(body.Span),
        };
    }

    public static EmbeddingResponse Embeddings(ReadOnlyMemory<byte> body, EmbeddingRequest request)
    {
        using var document = Parse(body);
        var vectors = new ReadOnlyMemory<float>[request.Inputs.Count];
        foreach (var item in document.RootElement.GetProperty("data"u8).EnumerateArray())
        {
            var index = item.GetProperty("index"u8).GetInt32();
            if (index < 0 || index >= vectors.Length) throw OpenAIFailures.Invalid("The model's provider sent a vector that nobody asked for.");
            vectors[index] = Vector(item.GetProperty("embedding"u8));
        }
        if (Array.Exists(vectors, vector => vector.IsEmpty)) throw OpenAIFailures.Invalid("The model's provider left a vector out.");
        return new EmbeddingResponse
        {
            Vectors = vectors,
            Origin = new LlmOrigin(OpenAIFailures.Provider, request.Model),
            Usage = Usage(body.Span),
        };
    }

    private static JsonDocument Parse(ReadOnlyMemory<byte> body)
    {
        if (body.Span.IndexOf("\\ud"u8) >= 0 || body.Span.IndexOf("\\uD"u8) >= 0)
        {
            var repaired = body.ToArray();
            LoneSurrogates.Replace(repaired);
            body = repaired;
        }
        var document = JsonDocument.Parse(body);
        if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
        document.Dispose();
        throw OpenAIFailures.Invalid("The model's provider sent something that is no JSON object.");
    }

    /// <returns>Null where the tool was not called; whether that will do is not the provider's to say.</returns>
    private static string? Arguments(JsonElement message, LlmTool tool)
    {
        if (!message.TryGetProperty("tool_calls"u8, out var calls) || calls.ValueKind != JsonValueKind.Array || calls.GetArrayLength() == 0) return null;
        var function = calls[0].GetProperty("function"u8);
        return Text(function, "name"u8) == tool.Name ? Text(function, "arguments"u8) : null;
    }

    private static string? Text(JsonElement element, ReadOnlySpan<byte> name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static LlmUsage? Usage(ReadOnlySpan<byte> body)
    {
        var json = new Utf8JsonReader(body);
        json.Read();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("usage"u8)) return OpenAIUsage.Read(ref json);
            json.Read();
            json.Skip();
        }
        return null;
    }

    private static ReadOnlyMemory<float> Vector(JsonElement embedding) => embedding.ValueKind == JsonValueKind.String
        ? MemoryMarshal.Cast<byte, float>(embedding.GetBytesFromBase64()).ToArray()
        // Compatible servers may not know the encoding that was asked for.
        : embedding.EnumerateArray().Select(number => number.GetSingle()).ToArray();
}
