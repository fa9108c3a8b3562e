using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace LlmGateway.Llm.Providers;

/// <summary>What an event of a stream says, a piece of text among it.</summary>
internal interface IPiece<out TSelf>
{
    /// <summary>Where the text stands in the event, between its quotes; null where there is none, or more than one, or one with escapes.</summary>
    (int Start, int Length)? TextPlace { get; }

    /// <summary>The same with another text.</summary>
    TSelf WithText(string text);
}

/// <summary>
/// Parses the events of one stream. Nearly each of them is the one before with another text: then its text is all that is read, for parsing is a sixth of what a
/// streamed token costs.
/// </summary>
/// <param name="parse">Makes of an event what it says.</param>
internal sealed class PieceParser<T>(Func<ReadOnlySpan<byte>, T> parse)
    where T : struct, IPiece<T>
{
    /// <summary>Of an event without its text. Longer ones are parsed each.</summary>
    private const int MaxKept = 4096;

    private static readonly SearchValues<byte> NotPlain = SearchValues.Create([.. Enumerable.Range(0, ' ').Select(code => (byte)code), (byte)'"', (byte)'\\']);

    private T _last;

    /// <summary>The last event without its text, and where that was.</summary>
    private byte[] _kept = [];
    private int _keptLength;
    private int _textStart;

    public T Parse(ReadOnlySpan<byte> data)
    {
        if (_keptLength > 0 && TryReadText(data, out var text)) return _last.WithText(text);
        _keptLength = 0;
        _last = parse(data);
        if (_last.TextPlace is var (start, length)) Keep(data[..start], data[(start + length)..]);
        return _last;
    }

    private bool TryReadText(ReadOnlySpan<byte> data, out string text)
    {
        text = "";
        ReadOnlySpan<byte> before = _kept.AsSpan(0, _textStart), after = _kept.AsSpan(_textStart, _keptLength - _textStart);
        if (data.Length < _keptLength || !data.StartsWith(before) || !data.EndsWith(after)) return false;
        var bytes = data[before.Length..^after.Length];
        if (bytes.ContainsAny(NotPlain) || !Utf8.IsValid(bytes)) return false;
        text = Encoding.UTF8.GetString(bytes);
        return true;
    }

    private void Keep(ReadOnlySpan<byte> before, ReadOnlySpan<byte> after)
    {
        var length = before.Length + after.Length;
        if (length > MaxKept) return;
        if (_kept.Length < length) _kept = new byte[length];
        before.CopyTo(_kept);
        after.CopyTo(_kept.AsSpan(before.Length));
        (_keptLength, _textStart) = (length, before.Length);
    }
}
