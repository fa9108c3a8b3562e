using System.Text.Json;
using Known = System.Collections.Generic.IReadOnlyDictionary<string, string>;

namespace LlmGateway.Llm.Providers.Offline;

/// <summary>Writes the smallest value that a JSON schema allows.</summary>
internal static class SchemaInstance
{
    // More than a document nests by itself: only a reference to itself gets here.
    private const int MaxDepth = 64;

    /// <param name="writer">Where the value goes.</param>
    /// <param name="schema">A JSON schema of the kind that forced tools take; references only into itself.</param>
    /// <param name="known">Properties of the outermost object whose values are known, as JSON.</param>
    /// <exception cref="LlmException">The schema asks for a value without end, or refers to what it does not have.</exception>
    public static void Write(Utf8JsonWriter writer, JsonElement schema, Known known) =>
        Write(writer, schema, schema, known, 0);

    private static void Write(Utf8JsonWriter writer, JsonElement root, JsonElement schema, Known? known, int depth)
    {
        if (depth > MaxDepth) throw Invalid("The tool's schema nests without end.");
        if (schema.ValueKind != JsonValueKind.Object) writer.WriteNullValue();
        else if (schema.TryGetProperty("$ref", out var reference)) Write(writer, root, Resolve(root, reference), known, depth + 1);
        else if (schema.TryGetProperty("const", out var value)) value.WriteTo(writer);
        else if (First(schema, "enum") is { } choice) choice.WriteTo(writer);
        else if ((First(schema, "anyOf") ?? First(schema, "oneOf") ?? First(schema, "allOf")) is { } option)
            Write(writer, root, option, known, depth + 1);
        else WriteTyped(writer, root, schema, known, depth);
    }

    private static void WriteTyped(Utf8JsonWriter writer, JsonElement root, JsonElement schema, Known? known, int depth)
    {
        switch (TypeOf(schema))
        {
            case "object":
                writer.WriteStartObject();
                foreach (var property in Required(schema))
                {
                    writer.WritePropertyName(property.Name);
                    if (known is not null && known.TryGetValue(property.Name, out var json)) writer.WriteRawValue(json);
                    else Write(writer, root, property.Value, null, depth + 1);
                }
                writer.WriteEndObject();
                break;
            case "array":
                writer.WriteStartArray();
                for (var i = 0; i < Number(schema, "minItems"); i++)
                    Write(writer, root, schema.TryGetProperty("items", out var items) ? items : default, null, depth + 1);
                writer.WriteEndArray();
                break;
            case "string":
                writer.WriteStringValue(new string(' ', (int)(Number(schema, "minLength") ?? 0)));
                break;
            case "integer":
                writer.WriteNumberValue(decimal.Ceiling(Least(schema, 1)));
                break;
            case "number":
                writer.WriteNumberValue(Least(schema, 0.001m));
                break;
            case "boolean":
                writer.WriteBooleanValue(false);
                break;
            default:
                writer.WriteNullValue();
                break;
        }
    }

    private static string? TypeOf(JsonElement schema)
    {
        if (!schema.TryGetProperty("type", out var type)) return schema.TryGetProperty("properties", out _) ? "object" : null;
        if (type.ValueKind == JsonValueKind.Array) type = type.EnumerateArray().FirstOrDefault();
        return type.ValueKind == JsonValueKind.String ? type.GetString() : null;
    }

    private static IEnumerable<JsonProperty> Required(JsonElement schema)
    {
        if (!schema.TryGetProperty("properties", out var properties)) return [];
        if (!schema.TryGetProperty("required", out var required)) return properties.EnumerateObject();
        var names = required.EnumerateArray().Select(name => name.GetString()).ToHashSet();
        return properties.EnumerateObject().Where(property => names.Contains(property.Name));
    }

    private static decimal Least(JsonElement schema, decimal step)
    {
        if (Number(schema, "minimum") is { } minimum) return minimum;
        if (Number(schema, "exclusiveMinimum") is { } above) return above + step;
        var maximum = Number(schema, "maximum") ?? (Number(schema, "exclusiveMaximum") - step);
        return maximum < 0 ? decimal.Floor(maximum.Value) : 0;
    }

    private static decimal? Number(JsonElement schema, string name) =>
        schema.TryGetProperty(name, out var number) && number.ValueKind == JsonValueKind.Number && number.TryGetDecimal(out var value)
            ? value
            : null;

    private static JsonElement? First(JsonElement schema, string name) =>
        schema.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0 ? list[0] : null;

    private static JsonElement Resolve(JsonElement root, JsonElement reference)
    {
        foreach (var step in reference.GetString()!.TrimStart('#').Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty(step.Replace("~1", "/").Replace("~0", "~"), out root))
                throw Invalid("The tool's schema refers to what it does not define.");
        }
        return root;
    }

    private static LlmException Invalid(string message) => new(LlmErrorKind.InvalidRequest, message) { Provider = OfflineLlmClient.Name };
}
