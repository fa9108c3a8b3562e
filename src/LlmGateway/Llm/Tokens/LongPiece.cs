using System.Buffers;
using System.Numerics;
using System.Text.Unicode;

namespace LlmGateway.Llm.Tokens;

/// <summary>
/// Counts the tokens of one piece in linear time and constant memory, and of every prefix of it on the way. A prefix of n bytes is
/// tokenized to what the prefix before its last token is tokenized to, and that last token: the only one that ends there and can be
/// the neighbour of the token before it. So one last token and one count per byte, kept for the length of the longest token, are all
/// there is to know. It can stop anywhere and go on later.
/// </summary>
internal struct LongPiece : IDisposable
{
    private const int Ring = 256;
    private const int ChunkLength = 1024;
    private const int None = -1;

    private readonly Vocabulary _vocabulary;
    private readonly SuffixIndex _suffixes;
    private readonly int _limit;

    // Last token and count of the prefixes of the last 256 lengths.
    private readonly int[] _state;

    // The bytes of the current chunk, preceded by the last 256 of those before it.
    private readonly byte[] _window;
    private int _windowStart;
    private int _bytes;
    private int _lastFit;
    private int _chars;

    /// <param name="vocabulary">The tokens.</param>
    /// <param name="limit">Where to stop counting, in tokens.</param>
    public LongPiece(Vocabulary vocabulary, int limit)
    {
        _vocabulary = vocabulary;
        _suffixes = vocabulary.LongPieces.Value;
        _limit = limit;
        _state = ArrayPool<int>.Shared.Rent(2 * Ring);
        _window = ArrayPool<byte>.Shared.Rent(Ring + 3 * (ChunkLength + 1));
        _windowStart = -Ring;
        Set(0, None, 0);
    }

    /// <summary>The tokens of what has been read so far.</summary>
    public readonly int Tokens => _state[Ring + (_bytes & (Ring - 1))];

    /// <summary>Whether the piece certainly has more tokens than the limit, however it goes on.</summary>
    public readonly bool Exceeds => _bytes - _lastFit >= Vocabulary.MaxTokenLength;

    /// <summary>How many chars the longest prefix has that ends at a code point's end and has at most as many tokens as the limit.</summary>
    public int Fit { get; private set; }

    /// <summary>How many chars have been read.</summary>
    public readonly int Position => _chars;

    /// <summary>Reads on until the end of the piece, about <paramref name="chars"/> more chars, or the limit is exceeded.</summary>
    /// <returns>Whether there is nothing more to read.</returns>
    public bool Read(ReadOnlySpan<char> piece, int chars)
    {
        var end = chars < piece.Length - _chars ? _chars + chars : piece.Length;
        while (_chars < end && !Exceeds)
            ReadChunk(piece[_chars..]);
        return _chars >= piece.Length || Exceeds;
    }

    public readonly void Dispose()
    {
        ArrayPool<int>.Shared.Return(_state);
        ArrayPool<byte>.Shared.Return(_window);
    }

    private void ReadChunk(ReadOnlySpan<char> rest)
    {
        var length = Math.Min(rest.Length, ChunkLength);
        if (length < rest.Length && char.IsSurrogatePair(rest[length - 1], rest[length]))
            length++;

        // Keep what the tokens that end in this chunk can reach back to.
        var window = _window.AsSpan();
        window.Slice(_bytes - _windowStart - Ring, Ring).CopyTo(window);
        _windowStart = _bytes - Ring;
        Utf8.FromUtf16(rest[..length], window[Ring..], out _, out var written, replaceInvalidSequences: true);
        var text = window[..(Ring + written)];
        for (var i = Ring; i < text.Length; i++)
        {
            Append(text[..(i + 1)]);
            if ((text[i] & 0xC0) != 0x80)
                _chars += text[i] >= 0xF0 ? 2 : 1;
            if (Tokens > _limit)
                continue;

            _lastFit = _bytes;
            if (i + 1 == text.Length || (text[i + 1] & 0xC0) != 0x80)
                Fit = _chars;
        }
    }

    private void Append(ReadOnlySpan<byte> text)
    {
        _bytes++;
        // Most often the last token grows by a byte, or is the new byte alone; but the order of trials does not matter to the result.
        var last = LastToken(_bytes - 1);
        var guess = last == None ? 0 : _vocabulary.Length(last) + 1;
        if ((guess > 1 && TryEnd(text, guess)) || TryEnd(text, 1))
            return;

        var lengths = _suffixes.Lengths(text[^2], text[^1]);
        for (var rest = lengths & ~1UL; rest != 0; rest &= rest - 1)
        {
            if (TryEnd(text, BitOperations.TrailingZeroCount(rest)))
                return;
        }

        for (var length = 64; (lengths & 1) != 0 && length <= Vocabulary.MaxTokenLength; length++)
        {
            if (TryEnd(text, length))
                return;
        }

        throw new InvalidOperationException("Every byte is a token, so some token ends every prefix.");
    }

    private readonly bool TryEnd(ReadOnlySpan<byte> text, int length)
    {
        if (length > _bytes)
            return false;

        var token = _vocabulary.Rank(text[^length..]);
        if (token == Vocabulary.None)
            return false;

        var before = LastToken(_bytes - length);
        if (before != None && !_suffixes.CanBeNeighbours(before, token, text, text.Length - length))
            return false;

        Set(_bytes, token, _state[Ring + ((_bytes - length) & (Ring - 1))] + 1);
        return true;
    }

    private readonly int LastToken(int length) => _state[length & (Ring - 1)];

    private readonly void Set(int length, int token, int tokens)
    {
        _state[length & (Ring - 1)] = token;
        _state[Ring + (length & (Ring - 1))] = tokens;
    }
}
