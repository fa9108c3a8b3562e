using System.Text.Json;
using System.Text.Json.Serialization;

namespace LlmGateway.Endpoints;

/// <summary>A class that a text may belong to. In JSON an object, or its name alone.</summary>
[JsonConverter(typeof(CategoryConverter))]
public sealed record Category
{
    public string Name { get; set; } = "";

    /// <summary>Told to the model: what belongs there.</summary>
    public string? Description { get; set; }
}

internal static class CategoryRules
{
    private const int MaxNameLength = 100;
    private const int MaxDescriptionLength = 1000;

    /// <returns>What is wrong, and where: in the list itself, or in one of its categories, counted from 0.</returns>
    public static IEnumerable<(string Place, string Problem)> Problems(IReadOnlyList<Category?> categories, int limit)
    {
        if (categories.Count < 2 || categories.Count > limit) yield return ("", $"Give 2 to {limit} categories.");
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < Math.Min(categories.Count, limit); i++)
        {
            if (categories[i] is not { } category) yield return ($"[{i}]", "This field takes a name, or an object with name and description.");
            else if (string.IsNullOrWhiteSpace(category.Name) || category.Name.Length > MaxNameLength || category.Name.Any(char.IsControl))
                yield return ($"[{i}].name", $"A category needs a name of 1 to {MaxNameLength} characters, without line breaks.");
            else if (!names.Add(category.Name)) yield return ($"[{i}].name", "Each category may be named once.");
            if (categories[i] is { Description.Length: > MaxDescriptionLength })
                yield return ($"[{i}].description", $"A description may have {MaxDescriptionLength} characters.");
        }
    }
}

internal sealed class CategoryConverter : JsonConverter<Category>
{
    public override Category? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String) return new Category { Name = reader.GetString()! };
        if (reader.TokenType != JsonTokenType.StartObject) throw new JsonException();
        var category = new Category();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("name"u8)) category.Name = Text(ref reader) ?? "";
            else if (reader.ValueTextEquals("description"u8)) category.Description = Text(ref reader);
            else
            {
                reader.Read();
                reader.Skip();
            }
        }
        return category;
    }

    public override void Write(Utf8JsonWriter writer, Category value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        writer.WriteString("name"u8, value.Name);
        if (value.Description is not null) writer.WriteString("description"u8, value.Description);
        writer.WriteEndObject();
    }

    private static string? Text(ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.TokenType switch
        {
            JsonTokenType.String => reader.GetString(),
            JsonTokenType.Null => null,
            _ => throw new JsonException(),
        };
    }
}
