using System.Text.Json;

namespace LlmGateway.Llm.Providers.Anthropic;

/// <summary>Anthropic tells the tokens of the prompt at a stream's beginning, and those of the answer, a running total, at its end.</summary>
internal readonly record struct AnthropicUsage(int? Input, int? CacheWrites, int? CacheReads, int? Output)
{
    /// <summary>Null where something is missing: that is unknown, not zero.</summary>
    public LlmUsage? Total => Input is { } input && Output is { } output
        ? new LlmUsage(input + (CacheWrites ?? 0) + (CacheReads ?? 0), output, CacheReads ?? 0)
        : null;

    /// <summary>What was told later is true.</summary>
    public AnthropicUsage Then(AnthropicUsage later) =>
        new(later.Input ?? Input, later.CacheWrites ?? CacheWrites, later.CacheReads ?? CacheReads, later.Output ?? Output);

    /// <param name="json">Stands on the property's name; on its value's end afterwards.</param>
    public static AnthropicUsage Read(ref Utf8JsonReader json)
    {
        var usage = new AnthropicUsage();
        json.Read();
        if (json.TokenType != JsonTokenType.StartObject)
        {
            json.Skip();
            return usage;
        }
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("input_tokens"u8)) usage = usage with { Input = Number(ref json) };
            else if (json.ValueTextEquals("output_tokens"u8)) usage = usage with { Output = Number(ref json) };
            else if (json.ValueTextEquals("cache_creation_input_tokens"u8)) usage = usage with { CacheWrites = Number(ref json) };
            else if (json.ValueTextEquals("cache_read_input_tokens"u8)) usage = usage with { CacheReads = Number(ref json) };
            else
            {
                json.Read();
                json.Skip();
            }
        }
        return usage;
    }

    private static int? Number(ref Utf8JsonReader json)
    {
        json.Read();
        if (json.TokenType == JsonTokenType.Number && json.TryGetInt32(out var number)) return number;
        json.Skip();
        return null;
    }
}
