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
/// and a system call for each would be a good part of what a cached answer costs. A thread of its own writes them: an output that is slow, or that nobody reads,
/// would otherwise hold one of the pool, which on a single core has no other.
/// </summary>
internal sealed class LogSink : ILogEventSink, IDisposable
{
    /// <summary>For what is left at the end; an output that takes nothing does not keep the process.</summary>
    private static readonly TimeSpan LastWrite = TimeSpan.FromSeconds(1);

    private static readonly EventKind Lost = new(9, "LogLost", "The log's output took nothing: {Lost} events are lost");

    private readonly ILogFormat _format;
    private readonly Stream _output;
    private readonly LogOptions _options;
    private readonly TimeProvider _timeProvider;
    private readonly ITimer _timer;
    private readonly Lock _lock = new();
    private readonly AutoResetEvent _due = new(initialState: false);
    private readonly Thread _writer;
    private ArrayBufferWriter<byte> _waiting = new(16 * 1024);
    private ArrayBufferWriter<byte> _written = new(16 * 1024);
    private int _events;
    private int _lost;
    private volatile bool _ended;

    public LogSink(ILogFormat format, Stream output, LogOptions options, TimeProvider timeProvider)
    {
        (_format, _output, _options, _timeProvider) = (format, output, options, timeProvider);
        _timer = timeProvider.CreateTimer(static sink => ((LogSink)sink!)._due.Set(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _writer = new Thread(WriteUntilEnd) { IsBackground = true, Name = "Log" };
        _writer.Start();
    }

    public void Emit(LogEvent logEvent)
    {
        lock (_lock)
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
        _ended = true;
        _due.Set();
        if (!_writer.Join(LastWrite)) return;
        _due.Dispose();
        _format.Dispose();
        _output.Dispose();
    }

    private void WriteUntilEnd()
    {
        for (var isLast = false; !isLast;)
        {
            _due.WaitOne();
            isLast = _ended;
            Write();
        }
    }

    private void Write()
    {
        lock (_lock)
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
