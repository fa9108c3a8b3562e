using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace LlmGateway.FakeOpenAI.Wire;

internal static class JsonText
{
    public static byte[] Build(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var writer = new Utf8JsonWriter(buffer))
            write(writer);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>
    /// Writes text as providers do: as UTF-8, escaping only what must be. <see cref="Utf8JsonWriter"/> itself escapes what lies beyond the
    /// basic plane, so that a multi-byte character would never be split, and repairs lone surrogates, which some providers send.
    /// </summary>
    public static void WriteText(this Utf8JsonWriter writer, string name, string? text)
    {
        writer.WritePropertyName(name);
        if (text is null)
            writer.WriteNullValue();
        else
            writer.WriteRawValue(Quote(text), skipInputValidation: true);
    }

    private static string Quote(string text)
    {
        var quoted = new StringBuilder(text.Length + 2).Append('"');
        for (var i = 0; i < text.Length; i++)
        {
            if (i + 1 < text.Length && char.IsSurrogatePair(text, i))
                quoted.Append(text, i++, 2);
            else if (text[i] is '"' or '\\')
                quoted.Append('\\').Append(text[i]);
            else if (text[i] < ' ' || char.IsSurrogate(text[i]))
                quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:x4}");
            else
                quoted.Append(text[i]);
        }

        return quoted.Append('"').ToString();
    }
}
