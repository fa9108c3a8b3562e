using LlmGateway.Llm;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Llm;

public class BoundedBufferTests
{
    /// <summary>The thread that hears of all connections may go on with what is short, and is needed again before a long one is parsed.</summary>
    [Theory]
    [InlineData(64 * 1024, false)]
    [InlineData(64 * 1024 + 1, true)]
    [InlineData(3 * 1024 * 1024, true)]
    public async Task WhatIsLongIsHandedToThePool(int length, bool handed)
    {
        var arrived = new TaskCompletionSource();
        var reading = AsInAServer.Run(() => ReadAsync(new LateStream(length, arrived.Task)));
        // Not one of the pool, as the thread of the sockets is none; it goes on with whoever waits.
        new Thread(arrived.SetResult).Start();

        Assert.Equal((handed, length), await reading);
    }

    private static async Task<(bool InPool, int Read)> ReadAsync(Stream stream)
    {
        using var buffer = await BoundedBuffer.ReadAsync(stream, 4 * 1024 * 1024, CancellationToken.None);
        return (Thread.CurrentThread.IsThreadPoolThread, buffer.Memory.Length);
    }

    private sealed class LateStream(int length, Task arrived) : MemoryStream(new byte[length])
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await arrived;
            return await base.ReadAsync(buffer, cancellationToken);
        }
    }
}
