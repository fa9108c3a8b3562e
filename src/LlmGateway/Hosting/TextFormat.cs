using System.Buffers;
using System.Text;
using Serilog.Events;
using Serilog.Formatting;

namespace LlmGateway.Hosting;

/// <summary>One line of text for each event, for people.</summary>
internal sealed class TextFormat(ITextFormatter formatter) : ILogFormat
{
    private readonly StringWriter _line = new();

    public void Write(LogEvent logEvent, IBufferWriter<byte> output)
    {
        var line = _line.GetStringBuilder().Clear();
        formatter.Format(logEvent, _line);
        foreach (var chunk in line.GetChunks())
            Encoding.UTF8.GetBytes(chunk.Span, output);
    }

    public void Dispose() => _line.Dispose();
}
