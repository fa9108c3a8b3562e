using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace LlmGateway.Llm.Providers.Offline;

/// <summary>
/// Calls a forced tool: one with a <c>category</c> of its choices gets the text's category and the confidence in it, any other one the
/// smallest arguments that its schema allows.
/// </summary>
internal static class ToolCall
{
    /// <returns>A JSON object.</returns>
    public static string Arguments(LlmTool tool, string text, string instructions)
    {
        var known = new Dictionary<string, string>();
        if (Categories(tool.Parameters, instructions) is { Count: > 0 } categories)
        {
            var (category, confidence) = LexicalClassifier.Classify(text, categories);
            known["category"] = $"\"{JsonEncodedText.Encode(category.Name)}\"";
            known["confidence"] = Math.Round(confidence, 3).ToString(CultureInfo.InvariantCulture);
        }
        var json = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(json))
            SchemaInstance.Write(writer, tool.Parameters, known);
        return Encoding.UTF8.GetString(json.WrittenSpan);
    }

    private static List<Category> Categories(JsonElement schema, string instructions)
    {
        if (!schema.TryGetProperty("properties", out var properties)
            || !properties.TryGetProperty("category", out var category)
            || !category.TryGetProperty("enum", out var names)) return [];
        var descriptions = Descriptions(instructions);
        return names.EnumerateArray()
            .Where(name => name.ValueKind == JsonValueKind.String)
            .Select(name => new Category(name.GetString()!, descriptions.GetValueOrDefault(name.GetString()!, "")))
            .ToList();
    }

    // "- name: description", a line each.
    private static Dictionary<string, string> Descriptions(string instructions)
    {
        var descriptions = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var line in instructions.AsSpan().EnumerateLines())
        {
            var item = line.Trim();
            var colon = item.IndexOf(": ");
            if (item.StartsWith("- ") && colon > 0) descriptions[item[2..colon].Trim(" \"'`*").ToString()] = item[(colon + 2)..].ToString();
        }
        return descriptions;
    }
}
