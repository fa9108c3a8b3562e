using System.Buffers;

namespace LlmGateway.Llm;

/// <summary>The whole of a stream in memory that is given back, as long as it does not exceed a limit.</summary>
internal sealed class BoundedBuffer : IDisposable
{
    private const int FirstSize = 4096;

    /// <summary>A hundred microseconds or more, where it is parsed.</summary>
    private const int LongLength = 64 * 1024;

    /// <summary>More than this is no array: the pool would keep it, and the collector each one that it grew from, long after the request.</summary>
    private const int MaxRented = 1024 * 1024;

    private byte[] _rented;
    private NativeBuffer<byte>? _native;
    private int _length;

    private BoundedBuffer(int size) => _rented = ArrayPool<byte>.Shared.Rent(size);

    /// <summary>Valid until <see cref="Dispose"/>.</summary>
    public Memory<byte> Memory => Whole[.._length];

    /// <summary>There was more than the limit; <see cref="Memory"/> holds what came before it.</summary>
    public bool Truncated { get; private set; }

    private Memory<byte> Whole => _native?.Memory ?? _rented;

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
                if (buffer._length == buffer.Whole.Length) buffer.Grow(limit);
                var read = await stream.ReadAsync(buffer.Whole[buffer._length..], cancellationToken);
                if (read == 0) break;
                buffer._length += read;
                if (buffer._length <= limit) continue;
                buffer._length = (int)limit;
                buffer.Truncated = true;
                break;
            }
            if (buffer._length > LongLength) await SocketThread.LeaveAsync();
            return buffer;
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        if (_rented.Length > 0) ArrayPool<byte>.Shared.Return(_rented);
        _rented = [];
        ((IDisposable?)_native)?.Dispose();
        _native = null;
        _length = 0;
    }

    private void Grow(long limit)
    {
        // The byte after the limit tells that there is more.
        var size = (int)Math.Min(_length * 2L, limit + 1);
        if (_native is not null)
        {
            _native.Resize(size);
            return;
        }
        if (size > MaxRented)
        {
            _native = new NativeBuffer<byte>(size);
            _rented.AsSpan(0, _length).CopyTo(_native.GetSpan());
            ArrayPool<byte>.Shared.Return(_rented);
            _rented = [];
            return;
        }
        var larger = ArrayPool<byte>.Shared.Rent(size);
        _rented.AsSpan(0, _length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_rented);
        _rented = larger;
    }
}
