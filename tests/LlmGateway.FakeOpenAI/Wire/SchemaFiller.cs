using System.Text;
using System.Text.Json;

namespace LlmGateway.FakeOpenAI.Wire;

/// <summary>Makes a function's arguments from its JSON schema.</summary>
internal static class SchemaFiller
{
    public static string Fill(JsonElement function, FakeScript script) =>
        function.TryGetProperty("parameters", out var schema)
            ? Encoding.UTF8.GetString(JsonText.Build(json => Fill(json, schema, script)))
            : "{}";

    public static byte[] FillSchema(JsonElement schema, FakeScript script) => JsonText.Build(json => Fill(json, schema, script));

    private static void Fill(Utf8JsonWriter json, JsonElement schema, FakeScript script)
    {
        if (schema.TryGetProperty("enum", out var values))
        {
            if (script.Choice is { } choice)
                json.WriteStringValue(choice);
            else
                values[0].WriteTo(json);
            return;
        }

        switch (TypeOf(schema))
        {
            case "object":
                json.WriteStartObject();
                if (schema.TryGetProperty("properties", out var properties))
                {
                    foreach (var property in properties.EnumerateObject())
                    {
                        json.WritePropertyName(property.Name);
                        Fill(json, property.Value, script);
                    }
                }

                json.WriteEndObject();
                break;
            case "array":
                json.WriteStartArray();
                if (schema.TryGetProperty("items", out var items))
                    Fill(json, items, script);
                json.WriteEndArray();
                break;
            case "number":
                json.WriteNumberValue(script.Confidence);
                break;
            case "integer":
                json.WriteNumberValue(1);
                break;
            case "boolean":
                json.WriteBooleanValue(true);
                break;
            case "string":
                json.WriteStringValue("text");
                break;
            default:
                json.WriteNullValue();
                break;
        }
    }

    /// <summary>The first of several types; none is taken for an object.</summary>
    private static string? TypeOf(JsonElement schema) =>
        !schema.TryGetProperty("type", out var type) ? "object"
        : type.ValueKind == JsonValueKind.Array ? type[0].GetString()
        : type.GetString();
}
