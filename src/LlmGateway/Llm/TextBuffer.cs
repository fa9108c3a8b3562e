namespace LlmGateway.Llm;

/// <summary>
/// A text that grows by a few characters at a time, in pieces of memory that stay as they are. An array that grows is copied again and again, and each copy is
/// young: with hundreds of answers at once, the collector's longest pauses were for those. Not safe for threads.
/// </summary>
internal sealed class TextBuffer
{
    private const int ChunkLength = 512;

    private readonly List<char[]> _chunks = [];

    /// <summary>Characters.</summary>
    public int Length { get; private set; }

    /// <summary>Bytes of memory, about.</summary>
    public long Size => (long)_chunks.Count * ChunkLength * sizeof(char);

    /// <exception cref="OverflowException">It is longer than a text can be.</exception>
    public void Append(ReadOnlySpan<char> text)
    {
        while (text.Length > 0)
        {
            var used = Length % ChunkLength;
            if (used == 0) _chunks.Add(new char[ChunkLength]);
            var part = text[..Math.Min(text.Length, ChunkLength - used)];
            part.CopyTo(_chunks[^1].AsSpan(used));
            Length = checked(Length + part.Length);
            text = text[part.Length..];
        }
    }

    public override string ToString() => ToString(0, Length);

    public string ToString(int start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)start + length, Length);
        return string.Create(length, (_chunks, start), static (text, place) =>
        {
            for (var (chunks, position) = place; text.Length > 0;)
            {
                var part = chunks[position / ChunkLength].AsSpan(position % ChunkLength);
                if (part.Length > text.Length) part = part[..text.Length];
                part.CopyTo(text);
                text = text[part.Length..];
                position += part.Length;
            }
        });
    }
}
