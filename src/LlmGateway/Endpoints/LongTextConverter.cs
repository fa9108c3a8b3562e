using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Unicode;

namespace LlmGateway.Endpoints;

/// <summary>
/// Reads a text that may be very long. The framework's own reading keeps a copy of such a text without its escapes, in a buffer that stays in the pool:
/// here there is nothing but the JSON and the text.
/// </summary>
internal sealed class LongTextConverter : JsonConverter<string>
{
    private const int EscapedUnitLength = 6;

    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.String) throw new JsonException();
        if (!reader.ValueIsEscaped || reader.HasValueSequence) return reader.GetString();
        if (!Utf8.IsValid(reader.ValueSpan)) throw new JsonException();
        return string.Create(CountChars(reader.ValueSpan), reader.ValueSpan, Unescape);
    }

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);

    private static int CountChars(ReadOnlySpan<byte> json)
    {
        var chars = 0;
        while (true)
        {
            var escape = json.IndexOf((byte)'\\');
            if (escape < 0) return chars + Encoding.UTF8.GetCharCount(json);
            chars += Encoding.UTF8.GetCharCount(json[..escape]) + 1;
            json = json[(escape + EscapeLength(json[escape + 1]))..];
        }
    }

    // The reader has checked that every escape is one.
    private static void Unescape(Span<char> text, ReadOnlySpan<byte> json)
    {
        while (true)
        {
            var escape = json.IndexOf((byte)'\\');
            var plain = escape < 0 ? json : json[..escape];
            text = text[Encoding.UTF8.GetChars(plain, text)..];
            if (escape < 0) return;
            text[0] = (char)json[escape + 1] switch
            {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'b' => '\b',
                'f' => '\f',
                'u' => Utf8Parser.TryParse(json.Slice(escape + 2, 4), out ushort unit, out _, 'x') ? (char)unit : throw new JsonException(),
                var itself => itself,
            };
            text = text[1..];
            json = json[(escape + EscapeLength(json[escape + 1]))..];
        }
    }

    private static int EscapeLength(byte kind) => kind == 'u' ? EscapedUnitLength : 2;
}
