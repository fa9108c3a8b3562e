using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Serilog.Events;
using Serilog.Formatting.Json;
using Serilog.Parsing;

namespace LlmGateway.Hosting;

/// <summary>One line of compact JSON (CLEF) for each event. What is null is left out.</summary>
internal sealed class CompactJsonFormat : ILogFormat
{
    /// <summary>Names are few, and escaping each again would cost more than the rest of it; should they be many, these are enough.</summary>
    private const int MaxNames = 1000;

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };
    private static readonly JsonValueFormatter AnyValue = new(typeTagName: "$type");
    private static readonly JsonEncodedText Timestamp = JsonEncodedText.Encode("@t");
    private static readonly JsonEncodedText Template = JsonEncodedText.Encode("@mt");

    private readonly Utf8JsonWriter _json = new(Stream.Null, Options);
    private readonly Dictionary<string, JsonEncodedText> _names = [];

    public void Write(LogEvent logEvent, IBufferWriter<byte> output)
    {
        _json.Reset(output);
        _json.WriteStartObject();
        _json.WriteString(Timestamp, logEvent.Timestamp.UtcDateTime);
        _json.WriteString(Template, logEvent.MessageTemplate.Text);
        WriteRenderings(logEvent);
        if (logEvent.Level != LogEventLevel.Information) _json.WriteString("@l"u8, logEvent.Level.ToString());
        if (logEvent.Exception is { } exception) _json.WriteString("@x"u8, exception.ToString());
        if (logEvent.TraceId is { } trace) _json.WriteString("@tr"u8, trace.ToHexString());
        if (logEvent.SpanId is { } span) _json.WriteString("@sp"u8, span.ToHexString());
        foreach (var (name, value) in logEvent.Properties)
            WriteProperty(name, value);
        _json.WriteEndObject();
        _json.Flush();
        output.Write("\n"u8);
    }

    public void Dispose() => _json.Dispose();

    /// <summary>What a reader of the line cannot render from the properties: those with a format.</summary>
    private void WriteRenderings(LogEvent logEvent)
    {
        var any = false;
        foreach (var token in logEvent.MessageTemplate.Tokens)
        {
            if (token is not PropertyToken { Format: not null }) continue;
            if (!any) _json.WriteStartArray("@r"u8);
            any = true;
            using var text = new StringWriter(CultureInfo.InvariantCulture);
            token.Render(logEvent.Properties, text, CultureInfo.InvariantCulture);
            _json.WriteStringValue(text.ToString());
        }
        if (any) _json.WriteEndArray();
    }

    private JsonEncodedText Name(string name)
    {
        if (_names.TryGetValue(name, out var known)) return known;
        var encoded = JsonEncodedText.Encode(name.StartsWith('@') ? "@" + name : name, Options.Encoder);
        if (_names.Count < MaxNames) _names[name] = encoded;
        return encoded;
    }

    private void WriteProperty(string name, LogEventPropertyValue value)
    {
        if (value is ScalarValue { Value: null }) return;
        _json.WritePropertyName(Name(name));
        switch (value)
        {
            case ScalarValue { Value: string text }:
                _json.WriteStringValue(text);
                break;
            case ScalarValue { Value: int number }:
                _json.WriteNumberValue(number);
                break;
            case ScalarValue { Value: double number } when double.IsFinite(number):
                _json.WriteNumberValue(number);
                break;
            case ScalarValue { Value: decimal number }:
                _json.WriteNumberValue(number);
                break;
            case StructureValue { TypeTag: null } structure:
                _json.WriteStartObject();
                foreach (var property in structure.Properties)
                    WriteProperty(property.Name, property.Value);
                _json.WriteEndObject();
                break;
            default:
                using (var text = new StringWriter(CultureInfo.InvariantCulture))
                {
                    AnyValue.Format(value, text);
                    _json.WriteRawValue(text.ToString());
                }
                break;
        }
    }
}
