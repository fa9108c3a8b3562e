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

    public static IEnumerable<string> Problems(IReadOnlyList<Category?> categories, int limit)
    {
        if (categories.Count < 2 || categories.Count > limit) yield return $"Give 2 to {limit} categories.";
        if (categories.Any(category => category is null || string.IsNullOrWhiteSpace(category.Name) || category.Name.Length > MaxNameLength || category.Name.Any(char.IsControl)))
            yield return $"Each category needs a name of 1 to {MaxNameLength} characters, without line breaks.";
        if (categories.Any(category => category?.Description is { Length: > MaxDescriptionLength }))
            yield return $"A description may have {MaxDescriptionLength} characters.";
        if (categories.Select(category => category?.Name).Distinct(StringComparer.Ordinal).Count() < categories.Count)
            yield return "Each category may be named once.";
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
