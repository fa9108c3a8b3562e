using System.Text;
using System.Text.Json.Nodes;
using LlmGateway.Hosting;
using Microsoft.Extensions.Time.Testing;
using Serilog.Events;

namespace LlmGateway.Tests.Hosting;

public class LogSinkTests
{
    private static readonly EventKind Numbered = new(1, "Numbered", "{Number}");

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly FakeTimeProvider _time = new();
    private readonly LogOptions _options = new() { QueueLimit = 1000 };

    [Fact]
    public void WritesTogetherWhatComesTogether()
    {
        var output = new Output();
        using var sink = new LogSink(new CompactJsonFormat(), output, _options, _time);

        Emit(sink, 0, 1000);
        Assert.Equal(0, output.Writes);
        Write(output);
        Assert.Equal(1, output.Writes);
        Assert.Equal(Enumerable.Range(0, 1000), output.Numbers());

        Emit(sink, 1000, 1);
        Write(output);
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
        Write(output);
        Emit(sink, 2000, 1);
        Write(output);

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
        Write(output);
        output.Broken = false;
        Emit(sink, 1, 1);
        Write(output);

        Assert.Equal([1], output.Numbers());
    }

    [Fact]
    public void AnOutputThatTakesNothingHoldsNobodyUp()
    {
        var output = new Output { Full = true };
        using (var sink = new LogSink(new CompactJsonFormat(), output, _options, _time))
        {
            Emit(sink, 0, 1);
            _time.Advance(_options.FlushInterval);
            Assert.True(output.Tried.Wait(Patience));
            Emit(sink, 1, 1005);
            output.MakeRoom();
        }

        Assert.Equal(Enumerable.Range(0, 1001), output.Numbers());
        Assert.Equal(5, Assert.Single(output.Lines(), line => line["Lost"] is not null)["Lost"]!.GetValue<int>());
        Assert.False(output.WasOfThePool);
    }

    /// <summary>Lets what waits be written.</summary>
    private void Write(Output output)
    {
        _time.Advance(_options.FlushInterval);
        Assert.True(output.Flushed.Wait(Patience));
    }

    private void Emit(LogSink sink, int first, int count)
    {
        for (var number = first; number < first + count; number++)
            sink.Emit(Numbered.Event(LogEventLevel.Information, _time.GetUtcNow(), ("Number", number)));
    }

    private sealed class Output : MemoryStream
    {
        private readonly ManualResetEventSlim _hasRoom = new(initialState: true);

        /// <summary>Whoever writes to it waits.</summary>
        public bool Full
        {
            init => _hasRoom.Reset();
        }

        public bool Broken { get; set; }

        public int Writes { get; private set; }

        public bool WasOfThePool { get; private set; }

        /// <summary>Counts the attempts to write.</summary>
        public SemaphoreSlim Tried { get; } = new(0);

        /// <summary>Counts the ends of those attempts.</summary>
        public SemaphoreSlim Flushed { get; } = new(0);

        public void MakeRoom() => _hasRoom.Set();

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            WasOfThePool |= Thread.CurrentThread.IsThreadPoolThread;
            Tried.Release();
            _hasRoom.Wait();
            try
            {
                if (Broken) throw new IOException("broken pipe");
                Writes++;
                base.Write(buffer);
            }
            finally
            {
                Flushed.Release();
            }
        }

        public JsonNode[] Lines() =>
            [.. Encoding.UTF8.GetString(ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];

        public IEnumerable<int> Numbers() => Lines().Where(line => line["Number"] is not null).Select(line => line["Number"]!.GetValue<int>());
    }
}
