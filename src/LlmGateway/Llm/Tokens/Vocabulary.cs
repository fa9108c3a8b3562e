using System.Buffers.Text;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using SharpToken;

namespace LlmGateway.Llm.Tokens;

/// <summary>
/// The tokens of one encoding: every byte sequence with its rank. Ranks run from 0 without a gap, so all bytes lie in one blob in
/// the order of their ranks, and open-addressing tables find a rank without an object per token: one of (tag, rank) and, for the short
/// tokens, which are what most text is made of, one that holds their bytes itself.
/// </summary>
internal sealed class Vocabulary
{
    /// <summary>The rank of a byte sequence that is no token. It compares greater than every rank.</summary>
    public const int None = int.MaxValue;

    /// <summary>No token of either encoding is longer, in bytes.</summary>
    public const int MaxTokenLength = 128;

    private const int ShortLength = 8;
    private const ulong Multiplier = 0x9E37_79B9_7F4A_7C15;

    private readonly byte[] _blob;
    private readonly int[] _offsets;
    private readonly ulong[] _slots;
    private readonly ShortToken[] _shortTokens;
    private readonly int _shortShift;
    private readonly int[] _pairs = new int[1 << 16];

    /// <param name="lines">Lines of base64, a blank and the rank, with LF line ends, in the order of ranks.</param>
    /// <exception cref="InvalidDataException">The lines are something else.</exception>
    private Vocabulary(ReadOnlySpan<byte> lines)
    {
        Count = lines.Count((byte)'\n');
        _offsets = new int[Count + 1];
        // Three quarters of the tokens are short: the one table is six tenths full, the other four.
        _slots = new ulong[BitOperations.RoundUpToPowerOf2((uint)Count / 2)];
        _shortTokens = new ShortToken[BitOperations.RoundUpToPowerOf2((uint)Count)];
        _shortShift = 64 - BitOperations.Log2((uint)_shortTokens.Length);
        Array.Fill(_pairs, None);
        var blob = new byte[lines.Length];
        var used = 0;
        for (var rank = 0; rank < Count; rank++)
        {
            var end = lines.IndexOf((byte)'\n');
            var blank = lines[..end].IndexOf((byte)' ');
            if (blank < 0
                || !Utf8Parser.TryParse(lines[(blank + 1)..end], out int written, out _) || written != rank
                || Base64.DecodeFromUtf8(lines[..blank], blob.AsSpan(used), out _, out var length) != System.Buffers.OperationStatus.Done
                || length is 0 or > MaxTokenLength)
                throw new InvalidDataException($"Token {rank} of the vocabulary is malformed.");

            _offsets[rank] = used;
            Insert(blob.AsSpan(used, length), rank);
            used += length;
            lines = lines[(end + 1)..];
        }

        _offsets[Count] = used;
        _blob = blob[..used];
        LongPieces = new Lazy<SuffixIndex>(() => new SuffixIndex(this));
    }

    /// <summary>How many tokens there are; special tokens are none of them.</summary>
    public int Count { get; }

    /// <summary>What only long pieces need, made when the first one comes.</summary>
    public Lazy<SuffixIndex> LongPieces { get; }

    /// <summary>Reads a vocabulary that SharpToken carries as a resource.</summary>
    /// <param name="encoding">The encoding's name, such as <c>o200k_base</c>.</param>
    /// <param name="sha256">The hash that OpenAI publishes for the file, in hexadecimal; the file has LF line ends.</param>
    /// <exception cref="InvalidDataException">The resource is missing or is not the file that OpenAI publishes.</exception>
    public static Vocabulary Load(string encoding, string sha256)
    {
        using var resource = typeof(GptEncoding).Assembly.GetManifestResourceStream($"SharpToken.data.{encoding}.tiktoken")
            ?? throw new InvalidDataException($"SharpToken carries no vocabulary {encoding}.");
        var file = new byte[resource.Length];
        resource.ReadExactly(file);
        var lines = WithoutCarriageReturns(file);
        if (!Convert.ToHexStringLower(SHA256.HashData(lines)).Equals(sha256, StringComparison.Ordinal))
            throw new InvalidDataException($"The vocabulary {encoding} is not the one that OpenAI publishes.");

        return new Vocabulary(lines);
    }

    /// <summary>The bytes of a token.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ReadOnlySpan<byte> Bytes(int rank) => _blob.AsSpan(_offsets[rank], Length(rank));

    public int Length(int rank) => _offsets[rank + 1] - _offsets[rank];

    /// <summary>The rank of a byte sequence, or <see cref="None"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Rank(ReadOnlySpan<byte> bytes) => bytes.Length switch
    {
        2 => _pairs[MemoryMarshal.Read<ushort>(bytes)],
        <= ShortLength => FindShort(UpToEight(bytes), bytes.Length),
        _ => FindLong(bytes),
    };

    /// <summary>
    /// Whether a piece is a token, if it has two to eight chars and all of them are ASCII: most pieces are, and need not be encoded.
    /// </summary>
    public bool IsShortToken(ReadOnlySpan<char> piece)
    {
        if (piece.Length is < 2 or > ShortLength)
            return false;

        // As UpToEight has it.
        ulong first, last;
        if (piece.Length >= 4)
        {
            var utf16 = MemoryMarshal.AsBytes(piece);
            first = MemoryMarshal.Read<ulong>(utf16);
            last = MemoryMarshal.Read<ulong>(utf16[^8..]);
            return ((first | last) & 0xFF80_FF80_FF80_FF80) == 0
                && FindShort(Narrow(first) | ((ulong)Narrow(last) << (8 * (piece.Length - 4))), piece.Length) != None;
        }

        first = piece[0];
        last = piece[^1];
        var middle = (ulong)piece[piece.Length >> 1];
        return (first | middle | last) < 0x80
            && FindShort(first | (middle << (8 * (piece.Length >> 1))) | (last << (8 * (piece.Length - 1))), piece.Length) != None;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static uint Narrow(ulong four)
        {
            four = (four | (four >> 8)) & 0x0000_FFFF_0000_FFFF;
            return (uint)(four | (four >> 16));
        }
    }

    /// <summary>Whether the first bytes of sixteen are a token.</summary>
    /// <param name="bytes">Where they stand; what follows them is not looked at.</param>
    /// <param name="length">How many they are.</param>
    public bool IsToken(Vector128<byte> bytes, int length)
    {
        if (length <= ShortLength)
            return FindShort(bytes.AsUInt64()[0] & (ulong.MaxValue >> (64 - (8 * length))), length) != None;

        Span<byte> all = stackalloc byte[Vector128<byte>.Count];
        bytes.CopyTo(all);
        return FindLong(all[..length]) != None;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int FindShort(ulong bytes, int length)
    {
        var tokens = _shortTokens;
        for (var place = PlaceOf(bytes, length); ; place++)
        {
            ref var token = ref tokens[(int)(place & (uint)(tokens.Length - 1))];
            if (token.Bytes == bytes && token.Length == length)
                return token.Rank;
            if (token.Length == 0)
                return None;
        }
    }

    private int FindLong(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > MaxTokenLength)
            return None;

        var hash = Hash(bytes);
        var mask = (uint)_slots.Length - 1;
        for (var slot = (uint)hash & mask; ; slot = (slot + 1) & mask)
        {
            var entry = _slots[slot];
            if (entry == 0)
                return None;
            if ((uint)(entry >> 32) == (uint)(hash >> 32))
            {
                var rank = (int)(uint)entry - 1;
                if (bytes.SequenceEqual(Bytes(rank)))
                    return rank;
            }
        }
    }

    private void Insert(ReadOnlySpan<byte> bytes, int rank)
    {
        if (bytes.Length == 2)
            _pairs[MemoryMarshal.Read<ushort>(bytes)] = rank;
        if (bytes.Length <= ShortLength)
        {
            var mask = (uint)_shortTokens.Length - 1;
            var place = PlaceOf(UpToEight(bytes), bytes.Length);
            while (_shortTokens[place].Length != 0)
                place = (place + 1) & mask;
            _shortTokens[place] = new ShortToken(UpToEight(bytes), (rank << 4) | bytes.Length);
            return;
        }

        InsertLong(bytes, rank);
    }

    private void InsertLong(ReadOnlySpan<byte> bytes, int rank)
    {
        var hash = Hash(bytes);
        var mask = (uint)_slots.Length - 1;
        var slot = (uint)hash & mask;
        while (_slots[slot] != 0)
            slot = (slot + 1) & mask;
        _slots[slot] = (hash & 0xFFFF_FFFF_0000_0000) | (uint)(rank + 1);
    }

    // Eight bytes a step. The table is fixed, so nobody can grow its chains, and a token's bytes are compared anyway.
    private static ulong Hash(ReadOnlySpan<byte> bytes)
    {
        var hash = (ulong)bytes.Length * Multiplier;
        for (; bytes.Length > 8; bytes = bytes[8..])
            hash = Mix(hash ^ MemoryMarshal.Read<ulong>(bytes));
        return Mix(hash ^ UpToEight(bytes));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Mix(ulong value)
    {
        value *= Multiplier;
        return value ^ (value >> 32);
    }

    // Only the highest bits of a product depend on all bits of its factors.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint PlaceOf(ulong bytes, int length) =>
        (uint)(((bytes + (uint)length) * Multiplier) >> _shortShift);

    // One to eight bytes as a number, the first one the lowest.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong UpToEight(ReadOnlySpan<byte> bytes) => bytes.Length >= 4
        ? MemoryMarshal.Read<uint>(bytes) | ((ulong)MemoryMarshal.Read<uint>(bytes[^4..]) << (8 * (bytes.Length - 4)))
        : bytes[0] | ((uint)bytes[bytes.Length >> 1] << (8 * (bytes.Length >> 1))) | ((uint)bytes[^1] << (8 * (bytes.Length - 1)));

    private static Span<byte> WithoutCarriageReturns(byte[] file)
    {
        var length = 0;
        for (var rest = file.AsSpan(); !rest.IsEmpty;)
        {
            var end = rest.IndexOf((byte)'\r');
            var line = end < 0 ? rest : rest[..end];
            line.CopyTo(file.AsSpan(length));
            length += line.Length;
            rest = rest[(end < 0 ? rest.Length : end + 1)..];
        }

        return file.AsSpan(0, length);
    }

    /// <summary>A token of up to eight bytes, or none at all. Twelve bytes: there are a hundred thousand of them.</summary>
    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    private readonly struct ShortToken(ulong bytes, int rankAndLength)
    {
        public readonly ulong Bytes = bytes;
        private readonly int _rankAndLength = rankAndLength;

        public int Length => _rankAndLength & 15;

        public int Rank => _rankAndLength >> 4;
    }
}
