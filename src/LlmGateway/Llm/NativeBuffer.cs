using System.Buffers;
using System.Runtime.InteropServices;

namespace LlmGateway.Llm;

/// <summary>
/// Memory that the system gets back when it is disposed of, and that mostly grows in place. For what is large: as an array it would be left to the
/// collector, which comes the more seldom the larger things are that live. And for what grows for long: each new array would be young, and moved.
/// </summary>
internal sealed unsafe class NativeBuffer<T> : MemoryManager<T>
    where T : unmanaged
{
    private T* _items;
    private int _length;

    /// <param name="length">Items; they hold anything.</param>
    public NativeBuffer(int length) => Resize(length);

    /// <summary>Keeps what is there. No span of before may be used any more.</summary>
    public void Resize(int length)
    {
        _items = (T*)NativeMemory.Realloc(_items, (nuint)length * (nuint)sizeof(T));
        _length = length;
    }

    public override Span<T> GetSpan() => new(_items, _length);

    public override MemoryHandle Pin(int elementIndex = 0) => new(_items + elementIndex);

    public override void Unpin()
    {
        // It never moves.
    }

    protected override void Dispose(bool disposing)
    {
        NativeMemory.Free(_items);
        _items = null;
        _length = 0;
    }
}
