using System.Text;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting;

namespace LlmGateway.Hosting;

/// <summary>Writes a batch of events at once, one line of text each.</summary>
internal sealed class TextSink(Stream output, ITextFormatter formatter) : IBatchedLogEventSink, IDisposable
{
    private readonly StreamWriter _output = new(output, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), bufferSize: 64 * 1024);

    public Task EmitBatchAsync(IReadOnlyCollection<LogEvent> batch)
    {
        foreach (var logEvent in batch)
            formatter.Format(logEvent, _output);
        return _output.FlushAsync();
    }

    public Task OnEmptyBatchAsync() => Task.CompletedTask;

    public void Dispose() => _output.Dispose();
}
