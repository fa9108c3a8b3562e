using System.Text;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting;

namespace LlmGateway.Hosting;

/// <summary>Writes a batch of events at once: a system call for each would be a good part of what a cached answer costs.</summary>
internal sealed class StandardOutputSink(ITextFormatter formatter) : IBatchedLogEventSink, IDisposable
{
    private readonly StreamWriter _output = new(Console.OpenStandardOutput(), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), bufferSize: 64 * 1024);

    public Task EmitBatchAsync(IReadOnlyCollection<LogEvent> batch)
    {
        foreach (var logEvent in batch)
            formatter.Format(logEvent, _output);
        return _output.FlushAsync();
    }

    public Task OnEmptyBatchAsync() => Task.CompletedTask;

    public void Dispose() => _output.Dispose();
}
