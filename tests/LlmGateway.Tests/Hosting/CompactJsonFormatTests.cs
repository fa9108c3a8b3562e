using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using LlmGateway.Hosting;
using Serilog.Events;
using Serilog.Formatting.Compact;
using Serilog.Parsing;

namespace LlmGateway.Tests.Hosting;

public class CompactJsonFormatTests
{
    private static readonly CompactJsonFormatter Reference = new();

    [Fact]
    public void WritesWhatSerilogsOwnFormatterWrites()
    {
        var logEvent = Event(
            LogEventLevel.Warning,
            "{Name} waited {DelayMs:0} ms",
            new InvalidOperationException("broken"),
            ("Name", "a \"quoted\" \u00e9\ud83d\ude00 line\nbreak"),
            ("DelayMs", 12.5),
            ("Whole", 12.0),
            ("Infinite", double.PositiveInfinity),
            ("Count", 3),
            ("Long", 1L << 60),
            ("Cost", 0.00000255m),
            ("Yes", true),
            ("Span", TimeSpan.FromSeconds(1.5)),
            ("Level", LogEventLevel.Error),
            ("@odd", "at"));
        logEvent.AddOrUpdateProperty(new LogEventProperty("EventId", new StructureValue([new LogEventProperty("Id", new ScalarValue(1))])));
        logEvent.AddOrUpdateProperty(new LogEventProperty("Tagged", new StructureValue([new LogEventProperty("A", new ScalarValue("b"))], "Type")));
        logEvent.AddOrUpdateProperty(new LogEventProperty("List", new SequenceValue([new ScalarValue(1), new ScalarValue(null)])));

        var line = Write(logEvent);

        using var expected = new StringWriter(CultureInfo.InvariantCulture);
        Reference.Format(logEvent, expected);
        Assert.Equal(Comparable(expected.ToString()), Comparable(line));
    }

    [Fact]
    public void WritesOddValuesAsSerilogDoes()
    {
        StructureValue[] structures =
        [
            new([new LogEventProperty("Null", new ScalarValue(null)), new LogEventProperty("A", new ScalarValue(1)), new LogEventProperty("B", new ScalarValue(2))]),
            new([new LogEventProperty("Null", new ScalarValue(null))]),
            new([new LogEventProperty("Inner", new StructureValue([new LogEventProperty("A", new ScalarValue("b"))]))]),
        ];
        var logEvent = Event(
            LogEventLevel.Information,
            "m",
            null,
            ("Empty", ""),
            ("Control", "\u0000\u0001\t\u007f"),
            ("LongPlain", new string('x', 5000)),
            ("LongEscaped", new string('\n', 5000)),
            ("Least", decimal.MinValue),
            ("Negative", -1),
            ("Small", -0.0000001d));
        for (var i = 0; i < structures.Length; i++)
            logEvent.AddOrUpdateProperty(new LogEventProperty("Structure" + i, structures[i]));

        var line = JsonNode.Parse(Write(logEvent))!.AsObject();

        using var expected = new StringWriter(CultureInfo.InvariantCulture);
        Reference.Format(logEvent, expected);
        var reference = JsonNode.Parse(expected.ToString())!.AsObject();
        foreach (var name in new[] { "Empty", "Control", "LongPlain", "LongEscaped", "Structure2" })
            Assert.Equal(reference[name]!.ToJsonString(), line[name]!.ToJsonString());
        Assert.Equal(decimal.MinValue, line["Least"]!.GetValue<decimal>());
        Assert.Equal(-1, line["Negative"]!.GetValue<int>());
        Assert.Equal(-0.0000001d, line["Small"]!.GetValue<double>());
        // What is null is left out, wherever it stands.
        Assert.Equal("""{"A":1,"B":2}""", line["Structure0"]!.ToJsonString());
        Assert.Equal("{}", line["Structure1"]!.ToJsonString());
    }

    [Fact]
    public void HalfACharacterIsReplacedAndTheNextLineIsWhole()
    {
        var output = new ArrayBufferWriter<byte>();
        using var format = new CompactJsonFormat();
        format.Write(Event(LogEventLevel.Information, "m \ud83d", null, ("Name", "a\ud83d" + new string('x', 3000))), output);
        format.Write(Event(LogEventLevel.Information, "m \ud83d", null, ("Name", "b")), output);

        var lines = Encoding.UTF8.GetString(output.WrittenSpan).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.Equal("a\ufffd" + new string('x', 3000), JsonNode.Parse(lines[0])!["Name"]!.GetValue<string>());
        Assert.Equal("b", JsonNode.Parse(lines[1])!["Name"]!.GetValue<string>());
    }

    [Fact]
    public void LeavesOutWhatIsNull() =>
        Assert.DoesNotContain("Route", Write(Event(LogEventLevel.Information, "m", null, ("Route", null))), StringComparison.Ordinal);

    private static LogEvent Event(LogEventLevel level, string message, Exception? exception, params (string Name, object? Value)[] properties) => new(
        new DateTimeOffset(2026, 8, 1, 12, 0, 0, 120, TimeSpan.FromHours(2)),
        level,
        exception,
        new MessageTemplateParser().Parse(message),
        properties.Select(property => new LogEventProperty(property.Name, new ScalarValue(property.Value))));

    private static string Write(LogEvent logEvent)
    {
        var output = new ArrayBufferWriter<byte>();
        using var format = new CompactJsonFormat();
        format.Write(logEvent, output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    /// <summary>The same instant and the same number may be spelled in several ways.</summary>
    private static string Comparable(string line)
    {
        var json = JsonNode.Parse(line)!.AsObject();
        json["@t"] = json["@t"]!.GetValue<DateTimeOffset>();
        json["Whole"] = json["Whole"]!.GetValue<double>();
        return json.ToJsonString();
    }
}
