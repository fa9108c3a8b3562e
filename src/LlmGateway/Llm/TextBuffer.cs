using System.Text;
using System.Text.Unicode;

namespace LlmGateway.Llm;

/// <summary>
/// A text that grows by a few characters at a time, as UTF-8 in pieces of memory that stay as they are. An array that grows is copied again and again, and each
/// copy is young, as are the texts of all answers under way: they are most of what the collector has to move. Half a surrogate pair becomes U+FFFD, as it does
/// wherever a text is sent. Not safe for threads.
/// </summary>
internal sealed class TextBuffer
{
    private const int ChunkLength = 512;

    private readonly List<byte[]> _full = [];
    private byte[] _last = [];

    /// <summary>Bytes of text.</summary>
    public int Length { get; private set; }

    /// <summary>Bytes of memory, about.</summary>
    public long Size => ((long)_full.Count * ChunkLength) + _last.Length;

    /// <exception cref="OverflowException">It is longer than a text can be.</exception>
    public void Append(ReadOnlySpan<char> text)
    {
        Span<byte> encoded = stackalloc byte[ChunkLength];
        while (text.Length > 0)
        {
            Utf8.FromUtf16(text, encoded, out var read, out var written);
            Append(encoded[..written]);
            text = text[read..];
        }
    }

    public override string ToString() => ToString(0, Length);

    /// <param name="start">Where a character begins.</param>
    /// <param name="length">Bytes, up to the end of a character.</param>
    public string ToString(int start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)start + length, Length);
        if (length == 0) return "";
        var place = start % ChunkLength;
        if (place + length <= ChunkLength) return Encoding.UTF8.GetString(Chunk(start), place, length);

        using var whole = new NativeBuffer<byte>(length);
        for (var copied = 0; copied < length;)
        {
            var part = Chunk(start + copied).AsSpan((start + copied) % ChunkLength);
            if (part.Length > length - copied) part = part[..(length - copied)];
            part.CopyTo(whole.GetSpan()[copied..]);
            copied += part.Length;
        }
        return Encoding.UTF8.GetString(whole.GetSpan());
    }

    private byte[] Chunk(int place) => place / ChunkLength is var index && index < _full.Count ? _full[index] : _last;

    private void Extend()
    {
        var next = new byte[ChunkLength];
        if (_last.Length > 0) _full.Add(_last);
        _last = next;
    }

    private void Append(ReadOnlySpan<byte> text)
    {
        while (text.Length > 0)
        {
            var used = Length % ChunkLength;
            if (used == 0) Extend();
            var part = text[..Math.Min(text.Length, ChunkLength - used)];
            part.CopyTo(_last.AsSpan(used));
            Length = checked(Length + part.Length);
            text = text[part.Length..];
        }
    }
}
