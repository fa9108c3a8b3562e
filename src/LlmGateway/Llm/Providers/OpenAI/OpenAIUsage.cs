using System.Text.Json;

namespace LlmGateway.Llm.Providers.OpenAI;

/// <summary>Reads <c>{"prompt_tokens", "completion_tokens", "prompt_tokens_details":{"cached_tokens"}}</c>.</summary>
internal static class OpenAIUsage
{
    /// <param name="json">Stands on the property's name; on its value's end afterwards.</param>
    /// <returns>Null where the value says nothing: that is unknown, not zero.</returns>
    public static LlmUsage? Read(ref Utf8JsonReader json)
    {
        if (!json.ReadValue(JsonTokenType.StartObject)) return null;
        int? input = null;
        int output = 0, cached = 0;
        while (json.ReadProperty())
        {
            if (json.ValueTextEquals("prompt_tokens"u8)) input = json.ReadNumber();
            else if (json.ValueTextEquals("completion_tokens"u8)) output = json.ReadNumber() ?? 0;
            else if (json.ValueTextEquals("prompt_tokens_details"u8)) cached = Cached(ref json);
            else json.SkipValue();
        }
        return input is { } tokens ? new LlmUsage(tokens, output, cached) : null;
    }

    private static int Cached(ref Utf8JsonReader json)
    {
        var cached = 0;
        if (!json.ReadValue(JsonTokenType.StartObject)) return 0;
        while (json.FindProperty("cached_tokens"u8))
            cached = json.ReadNumber() ?? 0;
        return cached;
    }
}
