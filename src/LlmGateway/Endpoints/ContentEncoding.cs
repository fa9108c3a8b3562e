using System.IO.Compression;
using LlmGateway.Llm;

namespace LlmGateway.Endpoints;

/// <summary>Bodies may come compressed.</summary>
internal static class ContentEncoding
{
    /// <returns>The body, decompressed while it is read: the reader bounds it.</returns>
    public static Stream Decode(HttpRequest request)
    {
        var encodings = request.Headers.ContentEncoding;
        if (encodings.Count == 0) return request.Body;
        return encodings.ToString().ToLowerInvariant() switch
        {
            "" or "identity" => request.Body,
            "gzip" or "x-gzip" => new GZipStream(request.Body, CompressionMode.Decompress, leaveOpen: true),
            "br" => new BrotliStream(request.Body, CompressionMode.Decompress, leaveOpen: true),
            "deflate" => new ZLibStream(request.Body, CompressionMode.Decompress, leaveOpen: true),
            _ => throw new LlmException(LlmErrorKind.UnsupportedMediaType, "The content-encoding may be gzip, br or deflate."),
        };
    }
}
