using System.Text;
using System.Text.Json.Nodes;
using LlmGateway.Hosting;
using Microsoft.Extensions.Time.Testing;
using Serilog.Events;

namespace LlmGateway.Tests.Hosting;

public class LogSinkTests
{
    private static readonly EventKind Numbered = new(1, "Numbered", "{Number}");

    private readonly FakeTimeProvider _time = new();
    private readonly LogOptions _options = new() { QueueLimit = 1000 };

    [Fact]
    public void WritesTogetherWhatComesTogether()
    {
        var output = new Output();
        using var sink = new LogSink(new CompactJsonFormat(), output, _options, _time);

        Emit(sink, 0, 1000);
        Assert.Equal(0, output.Writes);
        _time.Advance(_options.FlushInterval);
        Assert.Equal(1, output.Writes);
        Assert.Equal(Enumerable.Range(0, 1000), output.Numbers());

        Emit(sink, 1000, 1);
        _time.Advance(_options.FlushInterval);
        Assert.Equal(Enumerable.Range(0, 1001), output.Numbers());
        _time.Advance(_options.FlushInterval);
        Assert.Equal(2, output.Writes);
    }

    [Fact]
    public void WritesTheRestAtItsEnd()
    {
        var output = new Output();
        using (var sink = new LogSink(new CompactJsonFormat(), output, _options, _time))
            Emit(sink, 0, 3);

        Assert.Equal([0, 1, 2], output.Numbers());
    }

    [Fact]
    public void TellsWhatIsLost()
    {
        var output = new Output();
        using var sink = new LogSink(new CompactJsonFormat(), output, _options, _time);

        Emit(sink, 0, 1005);
        _time.Advance(_options.FlushInterval);
        Emit(sink, 2000, 1);
        _time.Advance(_options.FlushInterval);

        Assert.Equal([.. Enumerable.Range(0, 1000), 2000], output.Numbers());
        var lost = Assert.Single(output.Lines(), line => line["Lost"] is not null);
        Assert.Equal(5, lost["Lost"]!.GetValue<int>());
        Assert.Equal("Warning", lost["@l"]!.GetValue<string>());
    }

    [Fact]
    public void GoesOnWithoutAReader()
    {
        var output = new Output { Broken = true };
        using var sink = new LogSink(new CompactJsonFormat(), output, _options, _time);

        Emit(sink, 0, 1);
        _time.Advance(_options.FlushInterval);
        output.Broken = false;
        Emit(sink, 1, 1);
        _time.Advance(_options.FlushInterval);

        Assert.Equal([1], output.Numbers());
    }

    private void Emit(LogSink sink, int first, int count)
    {
        for (var number = first; number < first + count; number++)
            sink.Emit(Numbered.Event(LogEventLevel.Information, _time.GetUtcNow(), ("Number", number)));
    }

    private sealed class Output : MemoryStream
    {
        public bool Broken { get; set; }

        public int Writes { get; private set; }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (Broken) throw new IOException("broken pipe");
            Writes++;
            base.Write(buffer);
        }

        public JsonNode[] Lines() =>
            [.. Encoding.UTF8.GetString(ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];

        public IEnumerable<int> Numbers() => Lines().Where(line => line["Number"] is not null).Select(line => line["Number"]!.GetValue<int>());
    }
}
