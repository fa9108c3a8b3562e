using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace LlmGateway.Tests.Hosts;

/// <summary>
/// An HTTP/1.1 client down at its socket: it sees each chunk as it is on the wire, reads no more than it is told to, and leaves the way
/// clients leave.
/// </summary>
internal sealed class RawClient : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly Socket _socket;
    private readonly byte[] _received = new byte[64 * 1024];
    private readonly List<byte> _body = [];
    private int _start;
    private int _end;

    private RawClient(Socket socket) => _socket = socket;

    public int Status { get; private set; }

    /// <summary>Of the last response; names are case-insensitive, repeated headers are joined by commas.</summary>
    public Dictionary<string, string> Headers { get; } = new(StringComparer.OrdinalIgnoreCase);

    public string this[string header] => Headers.GetValueOrDefault(header, "");

    /// <summary>Bytes that the system may hold for this client.</summary>
    public int ReceiveBuffer
    {
        set => _socket.ReceiveBufferSize = value;
    }

    /// <param name="address">The gateway.</param>
    /// <param name="receiveBuffer">Bytes that the system may hold for this client; its own choice without it.</param>
    public static async Task<RawClient> ConnectAsync(Uri address, int? receiveBuffer = null)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (receiveBuffer is { } size) socket.ReceiveBufferSize = size;
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, address.Port));
        return new RawClient(socket);
    }

    /// <summary>A GET, or with a body a POST.</summary>
    public async Task SendAsync(string target, string? json = null, params string[] headers)
    {
        var body = json is null ? [] : Encoding.UTF8.GetBytes(json);
        var head = new StringBuilder()
            .Append(CultureInfo.InvariantCulture, $"{(json is null ? "GET" : "POST")} {target} HTTP/1.1\r\nHost: localhost\r\n");
        if (json is not null)
            head.Append(CultureInfo.InvariantCulture, $"Content-Type: application/json\r\nContent-Length: {body.Length}\r\n");
        foreach (var header in headers)
            head.Append(header).Append("\r\n");
        head.Append("\r\n");
        await SendAllAsync([.. Encoding.ASCII.GetBytes(head.ToString()), .. body]);
    }

    /// <summary>Bytes as they are, each part sent by itself.</summary>
    public async Task SendPartsAsync(params string[] parts)
    {
        foreach (var part in parts)
            await SendAllAsync(Encoding.UTF8.GetBytes(part));
    }

    public async Task ReadHeadAsync()
    {
        Headers.Clear();
        _body.Clear();
        Status = int.Parse((await ReadLineAsync()).Split(' ')[1], CultureInfo.InvariantCulture);
        while (await ReadLineAsync() is { Length: > 0 } line)
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            var (name, value) = (line[..colon], line[(colon + 1)..].Trim());
            Headers[name] = Headers.TryGetValue(name, out var earlier) ? $"{earlier}, {value}" : value;
        }
    }

    /// <summary>The next frame of a stream, without the empty line that ends it; null when the stream has ended properly.</summary>
    /// <exception cref="IOException">The connection broke first.</exception>
    public async Task<string?> ReadFrameAsync()
    {
        while (true)
        {
            for (var i = 1; i < _body.Count; i++)
            {
                if (_body[i] != '\n' || _body[i - 1] != '\n') continue;
                var frame = Encoding.UTF8.GetString([.. _body[..(i - 1)]]);
                _body.RemoveRange(0, i + 1);
                return frame;
            }
            if (!await ReadChunkAsync()) return null;
        }
    }

    /// <summary>What is left of the body.</summary>
    /// <exception cref="IOException">The connection broke first.</exception>
    public async Task<string> ReadToEndAsync()
    {
        if (Headers.TryGetValue("content-length", out var length)) await ReadBytesAsync(int.Parse(length, CultureInfo.InvariantCulture));
        else while (await ReadChunkAsync()) { }
        return Encoding.UTF8.GetString([.. _body]);
    }

    /// <summary>Completes when the server has ended the connection, properly or not.</summary>
    public async Task ReadUntilClosedAsync()
    {
        try
        {
            while (await ReceiveAsync()) _start = _end;
        }
        catch (SocketException)
        {
            // An end all the same.
        }
    }

    /// <summary>Leaves as a closed browser tab does: FIN, or RST where something unread is left.</summary>
    public void Close() => _socket.Close();

    /// <summary>Leaves as a machine does that lost its state: RST.</summary>
    public void Reset()
    {
        _socket.LingerState = new LingerOption(true, 0);
        _socket.Close();
    }

    public void Dispose() => _socket.Dispose();

    private async Task SendAllAsync(byte[] bytes)
    {
        for (var sent = 0; sent < bytes.Length;)
            sent += await _socket.SendAsync(bytes.AsMemory(sent));
    }

    private async Task<bool> ReadChunkAsync()
    {
        var size = int.Parse(await ReadLineAsync(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        await ReadBytesAsync(size);
        await ReadLineAsync();
        return size > 0;
    }

    private async Task ReadBytesAsync(int count)
    {
        while (count > 0)
        {
            await ReceiveMoreAsync();
            var taken = Math.Min(count, _end - _start);
            _body.AddRange(_received.AsSpan(_start, taken));
            _start += taken;
            count -= taken;
        }
    }

    private async Task<string> ReadLineAsync()
    {
        var line = new StringBuilder();
        while (line.Length < 2 || line[^1] != '\n')
        {
            await ReceiveMoreAsync();
            line.Append((char)_received[_start++]);
        }
        return line.ToString(0, line.Length - 2);
    }

    private async Task ReceiveMoreAsync()
    {
        if (_start == _end && !await ReceiveAsync()) throw new IOException("The connection ended inside the response.");
    }

    private async Task<bool> ReceiveAsync()
    {
        using var late = new CancellationTokenSource(Patience);
        _start = 0;
        _end = await _socket.ReceiveAsync(_received.AsMemory(), late.Token);
        return _end > 0;
    }
}
