using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using Serilog.Events;
using Serilog.Formatting.Json;
using Serilog.Parsing;

namespace LlmGateway.Hosting;

/// <summary>One line of compact JSON (CLEF) for each event. What is null is left out.</summary>
internal sealed class CompactJsonFormat : ILogFormat
{
    /// <summary>Names and templates are few, and escaping each again would cost more than the rest of it; should they be many, these are enough.</summary>
    private const int MaxKept = 1000;

    private static readonly JavaScriptEncoder Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
    private static readonly JsonValueFormatter AnyValue = new(typeTagName: "$type");

    // By reference: they are constants, and to hash one again costs more than to write it.
    private readonly Dictionary<string, byte[]> _names = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<object, Template> _templates = new(ReferenceEqualityComparer.Instance);

    public void Write(LogEvent logEvent, IBufferWriter<byte> output)
    {
        var line = new JsonLine(output);
        line.Raw("{\"@t\":\""u8);
        line.Format(logEvent.Timestamp.UtcDateTime, "O");
        line.Raw("\""u8);
        var template = Kept(logEvent.MessageTemplate);
        line.Raw(template.Json);
        if (template.HasFormats) WriteRenderings(ref line, logEvent);
        if (logEvent.Level != LogEventLevel.Information) WriteText(ref line, ",\"@l\":"u8, logEvent.Level.ToString());
        if (logEvent.Exception is { } exception) WriteText(ref line, ",\"@x\":"u8, exception.ToString());
        if (logEvent.TraceId is { } trace) WriteText(ref line, ",\"@tr\":"u8, trace.ToHexString());
        if (logEvent.SpanId is { } span) WriteText(ref line, ",\"@sp\":"u8, span.ToHexString());
        if (logEvent.Properties is Dictionary<string, LogEventPropertyValue> properties)
        {
            // What Serilog hands out, and its own enumerator allocates nothing.
            foreach (var (name, value) in properties)
                WriteProperty(ref line, name, value);
        }
        else
        {
            foreach (var (name, value) in logEvent.Properties)
                WriteProperty(ref line, name, value);
        }
        line.Raw("}\n"u8);
        line.End();
    }

    public void Dispose()
    {
    }

    private static void WriteText(ref JsonLine line, ReadOnlySpan<byte> name, string text)
    {
        line.Raw(name);
        line.Text(text);
    }

    /// <summary>What a reader of the line cannot render from the properties: those with a format.</summary>
    private static void WriteRenderings(ref JsonLine line, LogEvent logEvent)
    {
        var before = ",\"@r\":["u8;
        foreach (var token in logEvent.MessageTemplate.Tokens)
        {
            if (token is not PropertyToken { Format: not null }) continue;
            using var text = new StringWriter(CultureInfo.InvariantCulture);
            token.Render(logEvent.Properties, text, CultureInfo.InvariantCulture);
            WriteText(ref line, before, text.ToString());
            before = ","u8;
        }
        line.Raw("]"u8);
    }

    /// <returns>Whether there is a value.</returns>
    private bool WriteProperty(ref JsonLine line, string name, LogEventPropertyValue value, bool isFirst = false)
    {
        if (value is ScalarValue { Value: null }) return false;
        line.Raw(Kept(name).AsSpan(isFirst ? 1 : 0));
        switch (value)
        {
            case ScalarValue { Value: string text }:
                line.Text(text);
                break;
            case ScalarValue { Value: int number }:
                line.Format(number);
                break;
            case ScalarValue { Value: double number } when double.IsFinite(number):
                line.Format(number);
                break;
            case ScalarValue { Value: decimal number }:
                line.Format(number);
                break;
            case StructureValue { TypeTag: null } structure:
                line.Raw("{"u8);
                var written = false;
                for (var i = 0; i < structure.Properties.Count; i++)
                    written |= WriteProperty(ref line, structure.Properties[i].Name, structure.Properties[i].Value, isFirst: !written);
                line.Raw("}"u8);
                break;
            default:
                using (var text = new StringWriter(CultureInfo.InvariantCulture))
                {
                    AnyValue.Format(value, text);
                    line.Utf8(text.ToString());
                }
                break;
        }
        return true;
    }

    private static byte[] Quoted(string prefix, string text, string suffix) => System.Text.Encoding.UTF8.GetBytes(prefix + Encoder.Encode(text) + suffix);

    private byte[] Kept(string name)
    {
        if (_names.TryGetValue(name, out var kept)) return kept;
        var json = Quoted(",\"", name.StartsWith('@') ? "@" + name : name, "\":");
        if (_names.Count < MaxKept) _names[name] = json;
        return json;
    }

    private Template Kept(MessageTemplate template)
    {
        if (_templates.TryGetValue(template, out var kept)) return kept;
        var made = new Template(Quoted(",\"@mt\":\"", template.Text, "\""), template.Tokens.Any(token => token is PropertyToken { Format: not null }));
        if (_templates.Count < MaxKept) _templates[template] = made;
        return made;
    }

    /// <param name="Json">With its name, and the comma before it.</param>
    /// <param name="HasFormats">Whether there is what <see cref="WriteRenderings"/> writes.</param>
    private sealed record Template(byte[] Json, bool HasFormats);

    /// <summary>Puts a line together in the output's own memory: a general writer of JSON spends as much on each value as all of it takes here.</summary>
    private ref struct JsonLine(IBufferWriter<byte> output)
    {
        private const int LongestNumber = 64;

        // Neither escaped nor more than a byte.
        private static readonly SearchValues<char> Plain = SearchValues.Create(
            [.. Enumerable.Range(' ', '~' - ' ' + 1).Select(code => (char)code).Where(character => character is not ('"' or '\\'))]);

        private Span<byte> _room = output.GetSpan(1024);
        private int _used;

        public void Raw(scoped ReadOnlySpan<byte> bytes)
        {
            Reserve(bytes.Length);
            bytes.CopyTo(_room[_used..]);
            _used += bytes.Length;
        }

        public void Text(string text)
        {
            if (text.AsSpan().ContainsAnyExcept(Plain))
            {
                Raw("\""u8);
                Utf8(Encoder.Encode(text));
                Raw("\""u8);
                return;
            }
            Reserve(text.Length + 2);
            _room[_used++] = (byte)'"';
            System.Text.Ascii.FromUtf16(text, _room[_used..], out var written);
            _used += written;
            _room[_used++] = (byte)'"';
        }

        public void Utf8(string json)
        {
            Reserve(System.Text.Encoding.UTF8.GetMaxByteCount(json.Length));
            _used += System.Text.Encoding.UTF8.GetBytes(json, _room[_used..]);
        }

        public void Format<T>(T value, ReadOnlySpan<char> format = default)
            where T : struct, IUtf8SpanFormattable
        {
            Reserve(LongestNumber);
            value.TryFormat(_room[_used..], out var written, format, CultureInfo.InvariantCulture);
            _used += written;
        }

        public readonly void End() => output.Advance(_used);

        private void Reserve(int bytes)
        {
            if (_room.Length - _used >= bytes) return;
            output.Advance(_used);
            _room = output.GetSpan(Math.Max(bytes, 1024));
            _used = 0;
        }
    }
}
