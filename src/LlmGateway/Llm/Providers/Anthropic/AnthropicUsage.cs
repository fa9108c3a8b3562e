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
        if (!json.ReadValue(JsonTokenType.StartObject)) return usage;
        while (json.ReadProperty())
        {
            if (json.ValueTextEquals("input_tokens"u8)) usage = usage with { Input = json.ReadNumber() };
            else if (json.ValueTextEquals("output_tokens"u8)) usage = usage with { Output = json.ReadNumber() };
            else if (json.ValueTextEquals("cache_creation_input_tokens"u8)) usage = usage with { CacheWrites = json.ReadNumber() };
            else if (json.ValueTextEquals("cache_read_input_tokens"u8)) usage = usage with { CacheReads = json.ReadNumber() };
            else json.SkipValue();
        }
        return usage;
    }
}
