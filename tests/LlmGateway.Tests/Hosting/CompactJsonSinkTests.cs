using System.Globalization;
using System.Text.Json.Nodes;
using LlmGateway.Hosting;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting.Compact;
using Serilog.Parsing;

namespace LlmGateway.Tests.Hosting;

public class CompactJsonSinkTests
{
    private static readonly CompactJsonFormatter Reference = new();

    [Fact]
    public async Task WritesWhatSerilogsOwnFormatterWrites()
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

        var line = Assert.Single(await WriteAsync(logEvent));

        using var expected = new StringWriter(CultureInfo.InvariantCulture);
        Reference.Format(logEvent, expected);
        Assert.Equal(Comparable(expected.ToString()), Comparable(line));
    }

    [Fact]
    public async Task LeavesOutWhatIsNull() =>
        Assert.DoesNotContain("Route", Assert.Single(await WriteAsync(Event(LogEventLevel.Information, "m", null, ("Route", null)))), StringComparison.Ordinal);

    [Fact]
    public async Task WritesEachEventOfALargeBatchOnce()
    {
        var batch = Enumerable.Range(0, 1000).Select(i => Event(LogEventLevel.Information, "m", null, ("Number", i), ("Text", new string('x', 200)))).ToArray();

        var lines = await WriteAsync(batch);

        Assert.Equal(Enumerable.Range(0, 1000), lines.Select(line => JsonNode.Parse(line)!["Number"]!.GetValue<int>()));
    }

    private static LogEvent Event(LogEventLevel level, string message, Exception? exception, params (string Name, object? Value)[] properties) => new(
        new DateTimeOffset(2026, 8, 1, 12, 0, 0, 120, TimeSpan.FromHours(2)),
        level,
        exception,
        new MessageTemplateParser().Parse(message),
        properties.Select(property => new LogEventProperty(property.Name, new ScalarValue(property.Value))));

    private static async Task<string[]> WriteAsync(params LogEvent[] batch)
    {
        var output = new MemoryStream();
        using IDisposable sink = new CompactJsonSink(output);
        await ((IBatchedLogEventSink)sink).EmitBatchAsync(batch);
        return System.Text.Encoding.UTF8.GetString(output.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
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
