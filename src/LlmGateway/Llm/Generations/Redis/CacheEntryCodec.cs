using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace LlmGateway.Llm.Generations.Redis;

/// <summary>
/// An entry as it lies in Redis: a head (a mark, the form's version, whether it is compressed, the length), the question's own key, a checksum,
/// and JSON. What is not exactly that, or answers another question, is no entry.
/// </summary>
internal static class CacheEntryCodec
{
    private const byte Version = 1;
    private const byte Plain = 0;
    private const byte Brotli = 1;
    private const int KeyAt = 8;
    private const int ChecksumAt = KeyAt + 32;
    private const int ChecksumLength = 8;
    private const int BodyAt = ChecksumAt + ChecksumLength;
    private const int MaxBodyLength = 64 * 1024 * 1024;

    public static byte[] Encode(GenerationKey key, CacheEntry entry, int compressAbove)
    {
        var response = entry.Response;
        var json = JsonSerializer.SerializeToUtf8Bytes(
            new StoredAnswer(
                response.Text, response.ToolArguments, response.FinishReason.Value, response.Origin.Provider, response.Origin.Model, response.Usage,
                entry.StoredAt, entry.TimeToLive, entry.StaleIfError,
                response.Vector.IsEmpty ? null : MemoryMarshal.AsBytes(response.Vector.Span).ToArray()),
            StoredAnswerJson.Default.StoredAnswer);
        var compressed = json.Length > compressAbove;
        var body = compressed ? new byte[BrotliEncoder.GetMaxCompressedLength(json.Length)] : json;
        var length = json.Length;
        if (compressed && !BrotliEncoder.TryCompress(json, body, out length, quality: 1, window: 20))
            (body, length, compressed) = (json, json.Length, false);
        var value = new byte[BodyAt + length];
        value[0] = (byte)'L';
        value[1] = (byte)'G';
        value[2] = Version;
        value[3] = compressed ? Brotli : Plain;
        MemoryMarshal.Write(value.AsSpan(4), json.Length);
        MemoryMarshal.Write(value.AsSpan(KeyAt), key);
        body.AsSpan(0, length).CopyTo(value.AsSpan(BodyAt));
        Checksum(value.AsSpan(BodyAt)).CopyTo(value.AsSpan(ChecksumAt));
        return value;
    }

    /// <returns>Null for whatever is no entry for <paramref name="key"/>.</returns>
    public static CacheEntry? Decode(GenerationKey key, ReadOnlySpan<byte> value)
    {
        if (value.Length <= BodyAt || value[0] != 'L' || value[1] != 'G' || value[2] != Version || value[3] > Brotli) return null;
        var length = MemoryMarshal.Read<int>(value[4..]);
        if (length is <= 0 or > MaxBodyLength || MemoryMarshal.Read<GenerationKey>(value[KeyAt..]) != key) return null;
        var body = value[BodyAt..];
        if (!Checksum(body).SequenceEqual(value.Slice(ChecksumAt, ChecksumLength))) return null;
        if (value[3] == Plain) return Read(body);
        var json = new byte[length];
        return BrotliDecoder.TryDecompress(body, json, out var written) && written == length ? Read(json) : null;
    }

    private static CacheEntry? Read(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, StoredAnswerJson.Default.StoredAnswer) is { Text: not null, FinishReason: not null, Provider: not null, Model: not null } stored
                ? new CacheEntry(
                    new LlmResponse
                    {
                        Text = stored.Text,
                        ToolArguments = stored.ToolArguments,
                        FinishReason = new FinishReason(stored.FinishReason),
                        Origin = new LlmOrigin(stored.Provider, stored.Model),
                        Usage = stored.Usage,
                        Vector = stored.Vector is { } vector ? MemoryMarshal.Cast<byte, float>(vector).ToArray() : default,
                        Rendering = new Rendering(),
                    },
                    stored.StoredAt, stored.TimeToLive, stored.StaleIfError)
                : null;
        }
        catch (JsonException)
        {
            // Written by somebody else: it is as if it were not there.
            return null;
        }
    }

    private static ReadOnlySpan<byte> Checksum(ReadOnlySpan<byte> body) => SHA256.HashData(body).AsSpan(0, ChecksumLength);
}

internal sealed record StoredAnswer(
    string? Text,
    string? ToolArguments,
    string? FinishReason,
    string? Provider,
    string? Model,
    LlmUsage? Usage,
    DateTimeOffset StoredAt,
    TimeSpan TimeToLive,
    TimeSpan StaleIfError,
    byte[]? Vector = null);

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(StoredAnswer))]
internal sealed partial class StoredAnswerJson : JsonSerializerContext;
