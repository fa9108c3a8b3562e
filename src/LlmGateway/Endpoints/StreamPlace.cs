using System.Buffers.Text;
using System.Globalization;

namespace LlmGateway.Endpoints;

/// <summary>How far a client has come in a stream, as its frames' ids say it: characters of the text, whatever pieces they came in; then the end.</summary>
/// <param name="Characters">UTF-16 code units of the text.</param>
/// <param name="IsEnd">The client has the last frame but <c>[DONE]</c>.</param>
/// <param name="IsDone">The client has everything.</param>
internal readonly record struct StreamPlace(int Characters, bool IsEnd = false, bool IsDone = false)
{
    public const int MaxLength = 10;

    public static readonly StreamPlace End = new(0, IsEnd: true);

    public static readonly StreamPlace Done = new(0, IsDone: true);

    /// <returns>How many bytes it took, at most <see cref="MaxLength"/>.</returns>
    public int Format(Span<byte> utf8)
    {
        if (!IsEnd && !IsDone) return Utf8Formatter.TryFormat(Characters, utf8, out var digits) ? digits : 0;
        var word = IsEnd ? "end"u8 : "done"u8;
        word.CopyTo(utf8);
        return word.Length;
    }

    /// <param name="lastEventId">As the header has it.</param>
    /// <returns>Null for what no stream of ours has sent.</returns>
    public static (string Stream, StreamPlace Place)? Parse(string? lastEventId)
    {
        if (lastEventId?.Split(':') is not [{ Length: > 0 } stream, var place]) return null;
        return place switch
        {
            "done" => (stream, Done),
            "end" => (stream, End),
            _ => int.TryParse(place, NumberStyles.None, CultureInfo.InvariantCulture, out var characters) ? (stream, new StreamPlace(characters)) : null,
        };
    }
}
