using System.Runtime.InteropServices;
using System.Text.Json;

namespace LlmGateway.Llm.Providers.OpenAI;

/// <summary>Reads answers that come in one piece.</summary>
internal static class OpenAIResponseReader
{
    public static LlmResponse Chat(ReadOnlyMemory<byte> body, LlmRequest request, LlmOrigin origin, ProviderFailures failures)
    {
        var answer = ChatChunk.Parse(body.Span);
        var finish = answer.FinishReason ?? throw failures.Invalid("The model's provider sent an answer without an end.");
        if (finish == FinishReason.ContentFilter.Value || answer.Refused) throw failures.Filtered();
        return new LlmResponse
        {
            Text = request.Tool is null ? answer.Text ?? throw failures.Invalid("The model's provider sent an answer without content.") : "",
            // A forced call may end with "stop": the call counts, not the reason. Whether none, or another one, will do is not the provider's to say.
            ToolArguments = request.Tool is { } tool && tool.Name == answer.ToolName ? answer.ToolArguments : null,
            FinishReason = new FinishReason(finish),
            Origin = origin,
            Usage = answer.Usage,
        };
    }

    public static EmbeddingResponse Embeddings(ReadOnlyMemory<byte> body, EmbeddingRequest request, LlmOrigin origin, ProviderFailures failures)
    {
        using var document = Parse(body, failures);
        var vectors = new ReadOnlyMemory<float>[request.Inputs.Count];
        foreach (var item in document.RootElement.GetProperty("data"u8).EnumerateArray())
        {
            var index = item.GetProperty("index"u8).GetInt32();
            if (index < 0 || index >= vectors.Length) throw failures.Invalid("The model's provider sent a vector that nobody asked for.");
            vectors[index] = Vector(item.GetProperty("embedding"u8));
        }
        if (Array.Exists(vectors, vector => vector.IsEmpty)) throw failures.Invalid("The model's provider left a vector out.");
        return new EmbeddingResponse
        {
            Vectors = vectors,
            Origin = origin,
            Usage = Usage(body.Span),
        };
    }

    private static JsonDocument Parse(ReadOnlyMemory<byte> body, ProviderFailures failures)
    {
        if (body.Span.IndexOf("\\ud"u8) >= 0 || body.Span.IndexOf("\\uD"u8) >= 0)
            body = LoneSurrogates.Replaced(body.Span);
        var document = JsonDocument.Parse(body);
        if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
        document.Dispose();
        throw failures.Invalid("The model's provider sent something that is no JSON object.");
    }

    private static LlmUsage? Usage(ReadOnlySpan<byte> body)
    {
        var json = new Utf8JsonReader(body);
        json.Read();
        return json.FindProperty("usage"u8) ? OpenAIUsage.Read(ref json) : null;
    }

    private static ReadOnlyMemory<float> Vector(JsonElement embedding) => embedding.ValueKind == JsonValueKind.String
        ? MemoryMarshal.Cast<byte, float>(embedding.GetBytesFromBase64()).ToArray()
        // Compatible servers may not know the encoding that was asked for.
        : embedding.EnumerateArray().Select(number => number.GetSingle()).ToArray();
}
