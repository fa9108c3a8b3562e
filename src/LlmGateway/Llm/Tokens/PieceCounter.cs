using System.Buffers;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Text.Unicode;

namespace LlmGateway.Llm.Tokens;

/// <summary>Counts the tokens of pieces, each by itself.</summary>
/// <param name="vocabulary">The encoding's tokens.</param>
internal sealed class PieceCounter(Vocabulary vocabulary)
{
    /// <summary>How many ints of scratch space <see cref="Count"/> takes: made once for many pieces.</summary>
    public static int ScratchLength => (ShortBytes / sizeof(int)) + BytePairs.ScratchLength(ShortBytes);

    // Up to this many bytes merging in place is faster than LongPiece; from there on it would be quadratic.
    private const int ShortBytes = 128;

    // A few milliseconds of work between two yields.
    private const int YieldChars = 8 * 1024;

    /// <summary>Whether a piece is so long that it should be counted with <see cref="CountAsync"/>.</summary>
    public static bool IsLong(int length) => length > YieldChars;

    /// <summary>The tokens of a piece, or any number over the limit if there are more.</summary>
    /// <param name="piece">The piece.</param>
    /// <param name="plain">Its bytes, if <see cref="PreTokenizer"/> has them; nothing but zeros otherwise.</param>
    /// <param name="limit">How many tokens matter.</param>
    /// <param name="scratch"><see cref="ScratchLength"/> ints.</param>
    public int Count(ReadOnlySpan<char> piece, Vector128<byte> plain, int limit, Span<int> scratch) =>
        (plain != Vector128<byte>.Zero && vocabulary.IsToken(plain, piece.Length)) || (piece.Length == 1 && piece[0] < 0x80) || vocabulary.IsShortToken(piece) ? 1 : CountEncoded(piece, limit, scratch);

    /// <summary>Like <see cref="Count"/>, but gives the thread back every few milliseconds.</summary>
    /// <exception cref="OperationCanceledException"></exception>
    public async ValueTask<int> CountAsync(ReadOnlyMemory<char> piece, int limit, CancellationToken cancellationToken)
    {
        using var counting = new LongPiece(vocabulary, limit);
        while (!counting.Read(piece.Span, YieldChars))
        {
            await Task.Yield();
            cancellationToken.ThrowIfCancellationRequested();
        }

        return counting.Exceeds ? limit + 1 : counting.Tokens;
    }

    /// <summary>The chars of the longest prefix of a piece that is whole code points and has at most this many tokens.</summary>
    public int Fit(ReadOnlySpan<char> piece, int tokens)
    {
        using var fitting = new LongPiece(vocabulary, tokens);
        fitting.Read(piece, piece.Length);
        return fitting.Fit;
    }

    /// <summary><see cref="CountAsync"/> and <see cref="Fit"/> in one.</summary>
    /// <exception cref="OperationCanceledException"></exception>
    public async ValueTask<(int Tokens, int Fit)> FitAsync(ReadOnlyMemory<char> piece, int tokens, CancellationToken cancellationToken)
    {
        using var fitting = new LongPiece(vocabulary, tokens);
        while (!fitting.Read(piece.Span, YieldChars))
        {
            await Task.Yield();
            cancellationToken.ThrowIfCancellationRequested();
        }

        return (fitting.Exceeds ? tokens + 1 : fitting.Tokens, fitting.Fit);
    }

    private int CountEncoded(ReadOnlySpan<char> piece, int limit, Span<int> scratch)
    {
        var utf8 = MemoryMarshal.AsBytes(scratch)[..ShortBytes];
        if (Utf8.FromUtf16(piece, utf8, out _, out var length, replaceInvalidSequences: true) == OperationStatus.Done)
        {
            var bytes = utf8[..length];
            return length == 1 || vocabulary.Rank(bytes) != Vocabulary.None
                ? 1
                : BytePairs.Merge(vocabulary, bytes, parts: 1, scratch[(ShortBytes / sizeof(int))..]);
        }

        using var counting = new LongPiece(vocabulary, limit);
        counting.Read(piece, piece.Length);
        return counting.Exceeds ? limit + 1 : counting.Tokens;
    }
}
