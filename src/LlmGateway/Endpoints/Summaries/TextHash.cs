using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace LlmGateway.Endpoints.Summaries;

/// <summary>SHA-256 of texts of any length.</summary>
internal static class TextHash
{
    // A fraction of a millisecond of work between two yields.
    private const int YieldChars = 128 * 1024;

    /// <summary>Gives the thread back every now and then.</summary>
    /// <exception cref="OperationCanceledException"></exception>
    public static async ValueTask<string> OfAsync(ReadOnlyMemory<char> text, CancellationToken cancellationToken)
    {
        if (text.Length <= YieldChars) return Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(text.Span)));
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var position = 0; position < text.Length; position += YieldChars)
        {
            cancellationToken.ThrowIfCancellationRequested();
            hash.AppendData(MemoryMarshal.AsBytes(text.Span.Slice(position, Math.Min(YieldChars, text.Length - position))));
            await Task.Yield();
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
