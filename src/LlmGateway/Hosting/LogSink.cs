using System.Buffers;
using Serilog.Core;
using Serilog.Events;

namespace LlmGateway.Hosting;

/// <summary>How an event looks. One at a time: whoever calls holds a lock.</summary>
internal interface ILogFormat : IDisposable
{
    void Write(LogEvent logEvent, IBufferWriter<byte> output);
}

/// <summary>
/// Makes each event bytes at once, and writes many of them together: an event that is kept until it is written costs several times as much,
/// and a system call for each would be a good part of what a cached answer costs.
/// </summary>
internal sealed class LogSink : ILogEventSink, IDisposable
{
    private static readonly EventKind Lost = new(9, "LogLost", "The log's output took nothing: {Lost} events are lost");

    private readonly ILogFormat _format;
    private readonly Stream _output;
    private readonly LogOptions _options;
    private readonly TimeProvider _timeProvider;
    private readonly ITimer _timer;
    private readonly Lock _waitingLock = new();
    private readonly Lock _outputLock = new();
    private ArrayBufferWriter<byte> _waiting = new(16 * 1024);
    private ArrayBufferWriter<byte> _written = new(16 * 1024);
    private int _events;
    private int _lost;

    public LogSink(ILogFormat format, Stream output, LogOptions options, TimeProvider timeProvider)
    {
        (_format, _output, _options, _timeProvider) = (format, output, options, timeProvider);
        _timer = timeProvider.CreateTimer(static sink => ((LogSink)sink!).Flush(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public void Emit(LogEvent logEvent)
    {
        lock (_waitingLock)
        {
            if (_events == _options.QueueLimit)
            {
                // The output takes nothing: what is lost is told when it does again.
                _lost++;
                return;
            }
            if (_events++ == 0) _timer.Change(_options.FlushInterval, Timeout.InfiniteTimeSpan);
            _format.Write(logEvent, _waiting);
        }
    }

    public void Dispose()
    {
        _timer.Dispose();
        Flush();
        _format.Dispose();
        _output.Dispose();
    }

    private void Flush()
    {
        // An output that is slow is waited for here, and by nobody else.
        lock (_outputLock)
        {
            lock (_waitingLock)
            {
                if (_lost > 0) _format.Write(Lost.Event(LogEventLevel.Warning, _timeProvider.GetUtcNow(), ("Lost", _lost)), _waiting);
                (_waiting, _written) = (_written, _waiting);
                (_events, _lost) = (0, 0);
            }
            try
            {
                _output.Write(_written.WrittenSpan);
                _output.Flush();
            }
            catch (Exception exception) when (exception is IOException or ObjectDisposedException)
            {
                // Nobody reads the log any more: that is no reason not to work.
            }
            _written.ResetWrittenCount();
        }
    }
}
