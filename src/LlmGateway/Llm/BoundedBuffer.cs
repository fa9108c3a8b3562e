using System.Buffers;

namespace LlmGateway.Llm;

/// <summary>The whole of a stream in rented memory, as long as it does not exceed a limit. Grows with what comes, whatever was announced.</summary>
internal sealed class BoundedBuffer : IDisposable
{
    private const int FirstSize = 4096;

    /// <summary>A larger array is one of a kind: the pool would keep it, and each of the smaller ones that it grew from, for good.</summary>
    private const int MaxRented = 1024 * 1024;

    private byte[] _bytes;
    private int _length;

    private BoundedBuffer(int size) => _bytes = ArrayPool<byte>.Shared.Rent(size);

    /// <summary>Valid until <see cref="Dispose"/>.</summary>
    public Memory<byte> Memory => _bytes.AsMemory(0, _length);

    /// <summary>There was more than the limit; <see cref="Memory"/> holds what came before it.</summary>
    public bool Truncated { get; private set; }

    /// <param name="stream">Read to its end, or to the byte after the limit; not disposed.</param>
    /// <param name="limit">Bytes.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public static async ValueTask<BoundedBuffer> ReadAsync(Stream stream, long limit, CancellationToken cancellationToken)
    {
        var buffer = new BoundedBuffer((int)Math.Min(FirstSize, limit + 1));
        try
        {
            while (true)
            {
                if (buffer._length == buffer._bytes.Length) buffer.Grow(limit);
                var read = await stream.ReadAsync(buffer._bytes.AsMemory(buffer._length), cancellationToken);
                if (read == 0) return buffer;
                buffer._length += read;
                if (buffer._length <= limit) continue;
                buffer._length = (int)limit;
                buffer.Truncated = true;
                return buffer;
            }
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Return(_bytes);
        _bytes = [];
        _length = 0;
    }

    private void Grow(long limit)
    {
        // The byte after the limit tells that there is more.
        var size = (int)Math.Min(_bytes.Length * 2L, limit + 1);
        var larger = size <= MaxRented ? ArrayPool<byte>.Shared.Rent(size) : GC.AllocateUninitializedArray<byte>(size);
        _bytes.AsSpan(0, _length).CopyTo(larger);
        Return(_bytes);
        _bytes = larger;
    }

    private static void Return(byte[] bytes)
    {
        if (bytes.Length is > 0 and <= MaxRented) ArrayPool<byte>.Shared.Return(bytes);
    }
}
