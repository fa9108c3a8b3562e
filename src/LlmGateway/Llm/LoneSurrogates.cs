using System.Buffers.Text;

namespace LlmGateway.Llm;

/// <summary>
/// JSON may spell half a surrogate pair (<c>"\ud83d"</c>): JavaScript does when a text was cut inside an emoji. It is no character, and
/// System.Text.Json throws on reading it. It becomes U+FFFD here, as it does wherever such a text is encoded as UTF-8.
/// </summary>
internal static class LoneSurrogates
{
    private const int EscapeLength = 6;

    /// <summary>Overwrites each escape of an unpaired surrogate with <c>\ufffd</c>, which has the same length.</summary>
    /// <param name="json">JSON text, valid or not; it is changed in place.</param>
    public static void Replace(Span<byte> json)
    {
        for (var i = 0; i < json.Length;)
        {
            var next = json[i..].IndexOf((byte)'\\');
            if (next < 0) return;
            i += next;
            if (!TryReadSurrogate(json[i..], out var low))
            {
                i += 2;
                continue;
            }
            if (!low && TryReadSurrogate(json[Math.Min(i + EscapeLength, json.Length)..], out var followedByLow) && followedByLow)
            {
                i += 2 * EscapeLength;
                continue;
            }
            "\\ufffd"u8.CopyTo(json[i..]);
            i += EscapeLength;
        }
    }

    /// <summary>The same in a copy.</summary>
    public static byte[] Replaced(ReadOnlySpan<byte> json)
    {
        var replaced = json.ToArray();
        Replace(replaced);
        return replaced;
    }

    private static bool TryReadSurrogate(ReadOnlySpan<byte> json, out bool low)
    {
        low = false;
        if (json.Length < EscapeLength || json[0] != '\\' || json[1] != 'u') return false;
        if (!Utf8Parser.TryParse(json.Slice(2, 4), out uint unit, out var consumed, 'x') || consumed != 4) return false;
        low = unit is >= 0xDC00 and <= 0xDFFF;
        return unit is >= 0xD800 and <= 0xDFFF;
    }
}
