using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace LlmGateway.BrowserTests;

/// <summary>What stands between a browser and a gateway: passes bytes on, and cuts connections when and where its test wants it.</summary>
internal sealed class TcpProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Uri _target;
    private readonly Func<StreamRequest, Cut?> _cut;
    private readonly CancellationTokenSource _ending = new();
    private readonly ConcurrentDictionary<Task, bool> _connections = new();
    private readonly Task _accepting;
    private int _requests;

    /// <param name="target">Where bytes are passed on to.</param>
    /// <param name="cut">Asked for each request of a stream that can be taken up again; null lets it pass.</param>
    public TcpProxy(Uri target, Func<StreamRequest, Cut?> cut)
    {
        (_target, _cut) = (target, cut);
        _listener.Start();
        Address = new Uri($"http://{_listener.LocalEndpoint}/");
        _accepting = AcceptAsync();
    }

    public Uri Address { get; }

    /// <summary>Requests of streams that came by.</summary>
    public int Requests => Volatile.Read(ref _requests);

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        _listener.Stop();
        await _accepting;
        await Task.WhenAll(_connections.Keys);
        _ending.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _connections[PassAsync(await _listener.AcceptTcpClientAsync(_ending.Token))] = true;
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException)
        {
            // The test is over.
        }
    }

    private async Task PassAsync(TcpClient browser)
    {
        using var gateway = new TcpClient();
        using (browser)
        {
            try
            {
                await gateway.ConnectAsync(_target.Host, _target.Port, _ending.Token);
                var connection = new Connection(browser, gateway, NextCut);
                await Task.WhenAny(connection.UpAsync(_ending.Token), connection.DownAsync(_ending.Token));
            }
            catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException)
            {
                // One of the two has gone; the other one is told by the end of the connection.
            }
        }
    }

    private Cut? NextCut(bool isReturn) => _cut(new StreamRequest(Interlocked.Increment(ref _requests), isReturn));

    private sealed class Connection(TcpClient browser, TcpClient gateway, Func<bool, Cut?> nextCut)
    {
        private volatile Cut? _cut;

        public async Task UpAsync(CancellationToken cancellationToken)
        {
            var buffer = new byte[64 * 1024];
            while (await browser.GetStream().ReadAsync(buffer, cancellationToken) is > 0 and var count)
            {
                // Browsers send a head in one piece, and this one reads it so.
                var head = Encoding.ASCII.GetString(buffer.AsSpan(0, count));
                var isStream = head.StartsWith("GET /chat-stream", StringComparison.Ordinal) || head.StartsWith("POST /chat-stream?", StringComparison.Ordinal);
                if (isStream) _cut = nextCut(head.Contains("\nlast-event-id:", StringComparison.OrdinalIgnoreCase));
                await gateway.GetStream().WriteAsync(buffer.AsMemory(0, count), cancellationToken);
                if (_cut is { AfterBytes: 0 } cut)
                {
                    await cut.When.WaitAsync(cancellationToken);
                    return;
                }
            }
        }

        public async Task DownAsync(CancellationToken cancellationToken)
        {
            var buffer = new byte[64 * 1024];
            long passed = 0;
            while (await gateway.GetStream().ReadAsync(buffer, cancellationToken) is > 0 and var count)
            {
                var left = _cut is { AfterBytes: > 0 } cut ? Math.Min(count, cut.AfterBytes - passed) : count;
                await browser.GetStream().WriteAsync(buffer.AsMemory(0, (int)left), cancellationToken);
                if (_cut is not null) passed += left;
                if (left < count) return;
            }
        }
    }
}

/// <param name="Number">From 1.</param>
/// <param name="IsReturn">Whether it names what it has already.</param>
internal sealed record StreamRequest(int Number, bool IsReturn);

/// <summary>Where a connection ends.</summary>
/// <param name="AfterBytes">So many bytes of the answer come through, head included; 0: none, and the connection ends before there is any.</param>
internal sealed record Cut(long AfterBytes)
{
    /// <summary>When a connection ends that has brought nothing.</summary>
    public Task When { get; init; } = Task.CompletedTask;
}
