using System.Buffers;
using System.Globalization;
using System.Text;

namespace LlmGateway.Llm.Providers.Offline;

/// <summary>
/// Reads the words of a text, in one pass and without allocations. In scripts that write no blanks between words, every two neighbouring
/// characters count as one, so those words overlap. An emoji is a word.
/// </summary>
internal ref struct Words(ReadOnlySpan<char> text)
{
    /// <summary>Longer runs, which are hardly words, are read as several.</summary>
    private const int MaxLength = 64;

    private readonly ReadOnlySpan<char> _text = text;
    private int _position;
    private bool _joined;

    public Word Current { get; private set; }

    public readonly Words GetEnumerator() => this;

    public bool MoveNext()
    {
        while (_position < _text.Length)
        {
            var (size, script) = LetterAt(_position);
            if (script == Script.Unspaced)
            {
                if (ReadPair(size)) return true;
                continue;
            }
            _joined = false;
            if (script == Script.None)
            {
                _position++;
                continue;
            }
            Read(script == Script.Symbol ? size : SpacedLength());
            return true;
        }
        return false;
    }

    private bool ReadPair(int size)
    {
        var start = _position;
        var (next, script) = LetterAt(start + size);
        var pair = script == Script.Unspaced;
        var alone = !pair && !_joined;
        _joined = pair;
        if (pair || alone) Read(pair ? size + next : size);
        _position = start + size;
        return pair || alone;
    }

    private readonly int SpacedLength()
    {
        var end = _position;
        while (end - _position < MaxLength - 1)
        {
            var (size, script) = LetterAt(end);
            if (script == Script.None && IsApostrophe(end) && LetterAt(end + 1).Script == Script.Spaced) size = 1;
            else if (script != Script.Spaced) break;
            end += size;
        }
        return end - _position;
    }

    private void Read(int length)
    {
        Span<char> lower = stackalloc char[MaxLength];
        lower = lower[.._text.Slice(_position, length).ToLowerInvariant(lower)];
        lower.Replace('’', '\'');
        var isStop = StopWords.Contains(lower);
        Current = new(_position, length, StableHash.Of(isStop ? lower : Stemmer.Stem(lower)), isStop);
        _position += length;
    }

    private readonly bool IsApostrophe(int index) => index < _text.Length && _text[index] is '\'' or '’';

    // Lone surrogates are nothing.
    private readonly (int Size, Script Script) LetterAt(int index)
    {
        if (index >= _text.Length) return (0, Script.None);
        var c = _text[index];
        if (char.IsAscii(c)) return (1, char.IsAsciiLetterOrDigit(c) ? Script.Spaced : Script.None);
        return Rune.DecodeFromUtf16(_text[index..], out var rune, out var size) == OperationStatus.Done
            ? (size, ScriptOf(rune))
            : (1, Script.None);
    }

    private static Script ScriptOf(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.OtherSymbol => rune.Value is (>= 0x2600 and <= 0x27BF) or (>= 0x1F300 and <= 0x1FAFF) ? Script.Symbol : Script.None,
        // A variation selector belongs to the emoji before it.
        UnicodeCategory.NonSpacingMark when rune.Value is >= 0xFE00 and <= 0xFE0F => Script.None,
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark => IsUnspaced(rune.Value) ? Script.Unspaced : Script.Spaced,
        _ when !Rune.IsLetterOrDigit(rune) => Script.None,
        _ => IsUnspaced(rune.Value) ? Script.Unspaced : Script.Spaced,
    };

    // Thai to Lao, Burmese, Khmer, and from the CJK radicals on everything but Hangul.
    private static bool IsUnspaced(int rune) =>
        rune is (>= 0x0E00 and <= 0x0EFF) or (>= 0x1000 and <= 0x109F) or (>= 0x1780 and <= 0x17FF)
            or (>= 0x2E80 and <= 0x9FFF) or (>= 0xF900 and <= 0xFAFF) or (>= 0xFF66 and <= 0xFF9F) or (>= 0x20000 and <= 0x3FFFF);

    private enum Script
    {
        None,
        Spaced,
        Unspaced,
        Symbol,
    }
}
