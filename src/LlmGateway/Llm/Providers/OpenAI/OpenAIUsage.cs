using System.Text.Json;

namespace LlmGateway.Llm.Providers.OpenAI;

/// <summary>Reads <c>{"prompt_tokens", "completion_tokens", "prompt_tokens_details":{"cached_tokens"}}</c>.</summary>
internal static class OpenAIUsage
{
    /// <param name="json">Stands on the property's name; on its value's end afterwards.</param>
    /// <returns>Null where the value says nothing: that is unknown, not zero.</returns>
    public static LlmUsage? Read(ref Utf8JsonReader json)
    {
        json.Read();
        if (json.TokenType != JsonTokenType.StartObject)
        {
            json.Skip();
            return null;
        }
        int? input = null;
        int output = 0, cached = 0;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("prompt_tokens"u8)) input = Number(ref json);
            else if (json.ValueTextEquals("completion_tokens"u8)) output = Number(ref json) ?? 0;
            else if (json.ValueTextEquals("prompt_tokens_details"u8)) cached = Cached(ref json);
            else Skip(ref json);
        }
        return input is { } tokens ? new LlmUsage(tokens, output, cached) : null;
    }

    private static int Cached(ref Utf8JsonReader json)
    {
        var cached = 0;
        json.Read();
        if (json.TokenType != JsonTokenType.StartObject)
        {
            json.Skip();
            return 0;
        }
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("cached_tokens"u8)) cached = Number(ref json) ?? 0;
            else Skip(ref json);
        }
        return cached;
    }

    private static int? Number(ref Utf8JsonReader json)
    {
        json.Read();
        if (json.TokenType == JsonTokenType.Number && json.TryGetInt32(out var number)) return number;
        json.Skip();
        return null;
    }

    private static void Skip(ref Utf8JsonReader json)
    {
        json.Read();
        json.Skip();
    }
}
