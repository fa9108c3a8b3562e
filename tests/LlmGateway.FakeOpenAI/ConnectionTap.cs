using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace LlmGateway.FakeOpenAI;

/// <summary>
/// Sits between Kestrel's HTTP and the socket of one connection, so that an answer can be spoilt below HTTP: dripped, swallowed, reset.
/// </summary>
internal sealed class ConnectionTap(ConnectionContext connection, TimeProvider time) : PipeWriter, IDuplexPipe
{
    private readonly IDuplexPipe _inner = connection.Transport;
    private readonly ArrayBufferWriter<byte> _held = new();
    private bool _swallows;

    public PipeReader Input => _inner.Input;

    public PipeWriter Output => this;

    /// <summary>Pause between single bytes; zero for none. Change it only while nothing is being written.</summary>
    public TimeSpan Drip { get; set; }

    public CancellationToken Closed => connection.ConnectionClosed;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _held.WrittenCount + _inner.Output.UnflushedBytes;

    private bool Holds => _swallows || Drip > TimeSpan.Zero;

    public static async Task RunAsync(ConnectionContext connection, ConnectionDelegate next, TimeProvider time)
    {
        var tap = new ConnectionTap(connection, time);
        connection.Features.Set(tap);
        connection.Transport = tap;
        try
        {
            await next(connection);
        }
        finally
        {
            connection.Transport = tap._inner;
        }
    }

    /// <summary>Nothing more reaches the client, however properly HTTP ends the response and the connection.</summary>
    public void Swallow() => _swallows = true;

    /// <summary>Ends the connection with an RST; what has been flushed was sent before.</summary>
    public void Reset()
    {
        if (connection.Features.Get<IConnectionSocketFeature>() is { } feature)
            feature.Socket.LingerState = new LingerOption(true, 0);
        connection.Abort(new ConnectionAbortedException("The script resets the connection."));
    }

    public override Memory<byte> GetMemory(int sizeHint = 0) => Holds ? _held.GetMemory(sizeHint) : _inner.Output.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => Holds ? _held.GetSpan(sizeHint) : _inner.Output.GetSpan(sizeHint);

    public override void Advance(int bytes)
    {
        if (Holds)
            _held.Advance(bytes);
        else
            _inner.Output.Advance(bytes);
    }

    public override async ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (_held.WrittenCount == 0)
            return await _inner.Output.FlushAsync(cancellationToken);

        var result = default(FlushResult);
        for (var i = 0; !_swallows && !result.IsCompleted && i < _held.WrittenCount; i++)
        {
            result = await _inner.Output.WriteAsync(_held.WrittenMemory.Slice(i, 1), cancellationToken);
            await Task.Delay(Drip, time, Closed);
        }

        _held.ResetWrittenCount();
        return result;
    }

    public override void CancelPendingFlush() => _inner.Output.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => _inner.Output.Complete(exception);
}
