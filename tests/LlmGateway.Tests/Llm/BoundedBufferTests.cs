using LlmGateway.Llm;

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
        // Not a thread of the pool, as that thread is not one.
        Task<(bool InPool, int Read)>? reading = null;
        var thread = new Thread(() => reading = ReadAsync(length));
        thread.Start();
        thread.Join();

        Assert.Equal((handed, length), await reading!);
    }

    private static async Task<(bool InPool, int Read)> ReadAsync(int length)
    {
        using var buffer = await BoundedBuffer.ReadAsync(new MemoryStream(new byte[length]), 4 * 1024 * 1024, CancellationToken.None);
        return (Thread.CurrentThread.IsThreadPoolThread, buffer.Memory.Length);
    }
}
