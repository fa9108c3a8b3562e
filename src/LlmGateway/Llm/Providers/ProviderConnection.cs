using System.Net.Sockets;

namespace LlmGateway.Llm.Providers;

/// <summary>
/// A connection whose TLS handshake is not done on the thread that hears of it: to check a chain of certificates takes milliseconds, and where one is missing
/// from it, the runtime downloads it and blocks meanwhile.
/// </summary>
internal sealed class ProviderConnection(Socket socket) : NetworkStream(socket, ownsSocket: true)
{
    private static readonly HttpRequestOptionsKey<ProviderConnection> Key = new(nameof(ProviderConnection));

    private volatile bool _isOpen;

    public static async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
            await SocketThread.LeaveAsync();
            var connection = new ProviderConnection(socket);
            context.InitialRequestMessage.Options.Set(Key, connection);
            return connection;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>The handshake, if there was one, is done.</summary>
    public static ValueTask<Stream> Open(SocketsHttpPlaintextStreamFilterContext context, CancellationToken cancellationToken)
    {
        if (context.InitialRequestMessage.Options.TryGetValue(Key, out var connection)) connection._isOpen = true;
        return ValueTask.FromResult(context.PlaintextStream);
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken) =>
        _isOpen ? base.ReadAsync(buffer, cancellationToken) : ReadHandshakeAsync(buffer, cancellationToken);

    private async ValueTask<int> ReadHandshakeAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var read = await base.ReadAsync(buffer, cancellationToken);
        await SocketThread.LeaveAsync();
        return read;
    }
}
