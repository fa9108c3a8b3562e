using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace LlmGateway.Tests.Hosts;

/// <summary>A connection on which any bytes can be sent: HTTP clients refuse to send most of what a server must survive.</summary>
internal sealed class RawConnection : IDisposable
{
    private const int MaxHead = 64 * 1024;

    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[16 * 1024];
    private int _start;
    private int _end;

    private RawConnection(Socket socket) => _socket = socket;

    /// <summary>Whether the server may be sent another request.</summary>
    public bool IsOpen { get; private set; } = true;

    public static async Task<RawConnection> OpenAsync(Uri address, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(address.Host, address.Port, cancellationToken);
        return new RawConnection(socket);
    }

    public async Task SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        while (!bytes.IsEmpty)
            bytes = bytes[await _socket.SendAsync(bytes, cancellationToken)..];
    }

    public void EndSending() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>Reads one answer to its end.</summary>
    /// <param name="head">Whether it answers HEAD, and so has no body.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Null if the server closed the connection instead.</returns>
    public async Task<RawResponse?> ReadAsync(bool head, CancellationToken cancellationToken)
    {
        while (true)
        {
            var lines = await ReadHeadAsync(cancellationToken);
            if (lines is null) return null;
            var status = int.Parse(lines[0].AsSpan(9, 3), NumberStyles.None, CultureInfo.InvariantCulture);
            if (status < 200) continue;
            var headers = lines.Skip(1).Select(line => line.Split(": ", 2)).ToLookup(pair => pair[0], pair => pair[1], StringComparer.OrdinalIgnoreCase);
            var body = new MemoryStream();
            if (!head && status is not (204 or 304)) await ReadBodyAsync(headers, body, cancellationToken);
            if (headers["connection"].Contains("close", StringComparer.OrdinalIgnoreCase)) IsOpen = false;
            return new RawResponse(status, headers, Encoding.UTF8.GetString(body.ToArray()));
        }
    }

    public void Dispose() => _socket.Dispose();

    private async Task<string[]?> ReadHeadAsync(CancellationToken cancellationToken)
    {
        var head = new StringBuilder();
        while (true)
        {
            while (_start < _end)
            {
                head.Append((char)_buffer[_start++]);
                if (head.Length > MaxHead) throw new InvalidDataException("The head has no end.");
                if (head.Length >= 4 && head[^1] == '\n' && head[^2] == '\r' && head[^3] == '\n') return head.ToString().Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
            }
            if (await FillAsync(cancellationToken)) continue;
            if (head.Length == 0) return null;
            throw new InvalidDataException("The answer was cut in its head.");
        }
    }

    private async Task ReadBodyAsync(ILookup<string, string> headers, MemoryStream body, CancellationToken cancellationToken)
    {
        if (headers["transfer-encoding"].Contains("chunked"))
        {
            while (await ReadChunkAsync(body, cancellationToken)) ;
        }
        else if (headers["content-length"].SingleOrDefault() is { } length)
        {
            await CopyAsync(body, int.Parse(length, NumberStyles.None, CultureInfo.InvariantCulture), cancellationToken);
        }
        else
        {
            while (_start < _end || await FillAsync(cancellationToken))
                Take(body, _end - _start);
            IsOpen = false;
        }
    }

    private async Task<bool> ReadChunkAsync(MemoryStream body, CancellationToken cancellationToken)
    {
        using var line = new MemoryStream();
        do await CopyAsync(line, 1, cancellationToken);
        while (line.GetBuffer()[line.Length - 1] != '\n');
        var size = int.Parse(Encoding.ASCII.GetString(line.ToArray()).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        await CopyAsync(body, size, cancellationToken);
        await CopyAsync(Stream.Null, 2, cancellationToken);
        return size > 0;
    }

    private async Task CopyAsync(Stream target, int count, CancellationToken cancellationToken)
    {
        while (count > 0)
        {
            if (_start == _end && !await FillAsync(cancellationToken)) throw new InvalidDataException("The answer was cut in its body.");
            var taken = Math.Min(count, _end - _start);
            Take(target, taken);
            count -= taken;
        }
    }

    private void Take(Stream target, int count)
    {
        target.Write(_buffer, _start, count);
        _start += count;
    }

    private async Task<bool> FillAsync(CancellationToken cancellationToken)
    {
        _start = 0;
        try
        {
            _end = await _socket.ReceiveAsync(_buffer.AsMemory(), cancellationToken);
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
        {
            _end = 0;
        }
        if (_end == 0) IsOpen = false;
        return _end > 0;
    }
}

/// <param name="Status">The HTTP status.</param>
/// <param name="Headers">By name, in any case.</param>
/// <param name="Body">Without its framing.</param>
internal sealed record RawResponse(int Status, ILookup<string, string> Headers, string Body);
