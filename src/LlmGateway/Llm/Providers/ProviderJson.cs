using System.Text.Json;

namespace LlmGateway.Llm.Providers;

/// <summary>
/// Reads what providers send. Each of these stands on a property's name, and on the end of its value afterwards; a value of another kind
/// than the one that is asked for says nothing.
/// </summary>
internal static class ProviderJson
{
    /// <summary>Stands on an object's beginning, or on the end of a property's value.</summary>
    /// <returns>Whether there is one more property; on the object's end otherwise.</returns>
    public static bool ReadProperty(this ref Utf8JsonReader json) => json.Read() && json.TokenType == JsonTokenType.PropertyName;

    /// <summary>Stands where <see cref="ReadProperty"/> does, and skips all properties with other names.</summary>
    public static bool FindProperty(this ref Utf8JsonReader json, ReadOnlySpan<byte> name)
    {
        while (json.ReadProperty())
        {
            if (json.ValueTextEquals(name)) return true;
            json.SkipValue();
        }
        return false;
    }

    public static void SkipValue(this ref Utf8JsonReader json)
    {
        json.Read();
        json.Skip();
    }

    public static string? ReadString(this ref Utf8JsonReader json) => json.ReadValue(JsonTokenType.String) ? json.GetString() : null;

    /// <param name="json">Reads from a span.</param>
    /// <param name="place">Where the string stands, between its quotes; null where it is none, or has escapes.</param>
    public static string? ReadString(this ref Utf8JsonReader json, out (int Start, int Length)? place)
    {
        var text = json.ReadString();
        place = text is null || json.ValueIsEscaped ? null : ((int)json.TokenStartIndex + 1, json.ValueSpan.Length);
        return text;
    }

    public static int? ReadNumber(this ref Utf8JsonReader json) =>
        json.ReadValue(JsonTokenType.Number) && json.TryGetInt32(out var number) ? number : null;

    /// <returns>Whether the value is of this kind: the reader stands on its beginning then.</returns>
    public static bool ReadValue(this ref Utf8JsonReader json, JsonTokenType kind)
    {
        json.Read();
        if (json.TokenType == kind) return true;
        json.Skip();
        return false;
    }

    /// <param name="body">The whole body of an error answer, JSON or not.</param>
    /// <param name="read">Reads the value of <c>error</c>.</param>
    public static T? Error<T>(ReadOnlySpan<byte> body, Reader<T> read)
        where T : class
    {
        try
        {
            var json = new Utf8JsonReader(body);
            return json.Read() && json.TokenType == JsonTokenType.StartObject && json.FindProperty("error"u8) ? read(ref json) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // A proxy's HTML page, say: the status alone has to tell.
            return null;
        }
    }

    /// <summary>Stands on a property's name; on its value's end afterwards.</summary>
    public delegate T? Reader<T>(ref Utf8JsonReader json);
}
