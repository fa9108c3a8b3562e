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
        var (inPool, read) = await AsInAServer.Run(async () =>
        {
            using var buffer = await BoundedBuffer.ReadAsync(new OtherThreadsStream(length), 4 * 1024 * 1024, CancellationToken.None);
            return (Thread.CurrentThread.IsThreadPoolThread, buffer.Memory.Length);
        });

        Assert.Equal((handed, length), (inPool, read));
    }

    /// <summary>Each read of it ends on a thread of its own, which goes on with whoever has waited for it.</summary>
    private sealed class OtherThreadsStream(int left) : Stream
    {
        private int _left = left;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = new TaskCompletionSource<int>();
            var length = Math.Min(_left, buffer.Length);
            _left -= length;
            new Thread(() => read.SetResult(length)).Start();
            return new ValueTask<int>(read.Task);
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
