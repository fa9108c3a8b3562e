using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Unicode;
using LlmGateway.Llm;

namespace LlmGateway.Endpoints;

/// <summary>A text of a request that may be very long. Such a one is no string, so that its memory is given back when the request ends.</summary>
[JsonConverter(typeof(LongTextConverter))]
public sealed class LongText : IDisposable
{
    private readonly Range _place;
    private NativeBuffer<char>? _buffer;

    internal LongText(string text)
    {
        Chars = text.AsMemory();
        GC.SuppressFinalize(this);
    }

    /// <param name="place">Where it stands in the body, between its quotes.</param>
    internal LongText(Range place) => _place = place;

    /// <summary>For a request that ends before its handler has it.</summary>
    ~LongText() => Free();

    /// <summary>Of a text that is no string valid until <see cref="Dispose"/>.</summary>
    internal ReadOnlyMemory<char> Chars { get; private set; }

    /// <summary>
    /// Takes a long text out of the body. Not before all of it is found to be right: nobody disposes of what is made for a malformed one, and the
    /// collector, which sees a few bytes of it, comes too late.
    /// </summary>
    internal void Read(ReadOnlySpan<byte> body)
    {
        var json = body[_place];
        if (json.IsEmpty) return;
        _buffer = new NativeBuffer<char>(JsonText.CountChars(json));
        JsonText.Unescape(json, _buffer.GetSpan());
        Chars = _buffer.Memory;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_buffer is null) return;
        Chars = default;
        ((IDisposable)_buffer).Dispose();
    }
}

/// <summary>A body with a text that is taken out of it at the end.</summary>
internal interface IHasLongText
{
    LongText? Text { get; }
}

internal sealed class LongTextConverter : JsonConverter<LongText>
{
    /// <summary>In bytes of JSON. Shorter ones are strings like any other.</summary>
    private const int LongFrom = 1024 * 1024;

    public override LongText? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.String) throw new JsonException();
        if (reader.HasValueSequence || reader.ValueSpan.Length < LongFrom) return new LongText(reader.GetString()!);
        if (!Utf8.IsValid(reader.ValueSpan)) throw new JsonException();
        var start = (int)reader.TokenStartIndex + 1;
        return new LongText(start..(start + reader.ValueSpan.Length));
    }

    public override void Write(Utf8JsonWriter writer, LongText value, JsonSerializerOptions options) => writer.WriteStringValue(value.Chars.Span);
}

/// <summary>Reads what stands between the quotes of a JSON string, of which the reader has said that it is one, without a copy on the way.</summary>
internal static class JsonText
{
    private const int EscapedUnitLength = 6;

    public static int CountChars(ReadOnlySpan<byte> json)
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

    public static void Unescape(ReadOnlySpan<byte> json, Span<char> text)
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
