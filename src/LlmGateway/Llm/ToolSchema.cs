using System.Text.Json;

namespace LlmGateway.Llm;

/// <summary>Checks arguments against the part of JSON Schema that strict tools use: objects, strings, numbers, booleans, enums, bounds.</summary>
internal static class ToolSchema
{
    /// <param name="schema">The tool's parameters.</param>
    /// <param name="arguments">As the model wrote them.</param>
    public static bool Fits(JsonElement schema, string? arguments)
    {
        if (arguments is null) return false;
        try
        {
            using var document = JsonDocument.Parse(arguments);
            return Fits(schema, document.RootElement);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or ArgumentException)
        {
            // What a model writes need not be JSON, nor JSON that can be read as text.
            return false;
        }
    }

    private static bool Fits(JsonElement schema, JsonElement value)
    {
        if (schema.TryGetProperty("enum"u8, out var choices) && !choices.EnumerateArray().Any(choice => JsonElement.DeepEquals(choice, value))) return false;
        return schema.GetProperty("type"u8).GetString() switch
        {
            "object" => value.ValueKind == JsonValueKind.Object && ObjectFits(schema, value),
            "string" => value.ValueKind == JsonValueKind.String,
            "number" => value.ValueKind == JsonValueKind.Number && InBounds(schema, value.GetDouble()),
            "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
            _ => false,
        };
    }

    private static bool ObjectFits(JsonElement schema, JsonElement value)
    {
        var properties = schema.GetProperty("properties"u8);
        foreach (var required in schema.GetProperty("required"u8).EnumerateArray())
        {
            if (!value.TryGetProperty(required.GetString()!, out _)) return false;
        }
        foreach (var property in value.EnumerateObject())
        {
            if (!properties.TryGetProperty(property.Name, out var expected) || !Fits(expected, property.Value)) return false;
        }
        return true;
    }

    private static bool InBounds(JsonElement schema, double number) =>
        (!schema.TryGetProperty("minimum"u8, out var minimum) || number >= minimum.GetDouble())
        && (!schema.TryGetProperty("maximum"u8, out var maximum) || number <= maximum.GetDouble());
}
