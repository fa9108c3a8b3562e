namespace LlmGateway.Llm.Providers.Offline;

/// <summary>
/// Splits a text into sentences, in one pass: at full stops that end one, at the ends of paragraphs, list items and headings, and in runs
/// that never end. Bullets and the white space around are not part of them.
/// </summary>
internal static class Sentences
{
    /// <summary>In UTF-16 units: what is longer is no sentence, and is cut at a blank where there is one.</summary>
    private const int MaxLength = 600;

    /// <summary>A line at least this long goes on in the next one, unless that looks like a new item.</summary>
    private const int WrappedLine = 50;

    public static List<Range> Split(ReadOnlySpan<char> text)
    {
        var sentences = new List<Range>();
        int start = 0, line = 0;
        for (var i = 0; i < text.Length; i++)
        {
            var end = 0;
            if (IsLineEnd(text[i]) && !(text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n'))
            {
                if (LineEnds(text, line, i)) end = i + 1;
                line = i + 1;
            }
            else if (IsTerminator(text[i]))
            {
                end = AfterTerminators(text, i);
                if (!EndsSentence(text, start, i, end))
                {
                    i = end - 1;
                    end = 0;
                }
            }
            if (end == 0 && i - start >= MaxLength) end = CutAt(text, start, i);
            if (end == 0) continue;
            Add(sentences, text, start, end);
            start = end;
            i = Math.Max(i, end - 1);
        }
        Add(sentences, text, start, text.Length);
        return sentences;
    }

    /// <summary>Full stops that need no blank after them.</summary>
    public static bool IsWideStop(char c) => c is '。' or '！' or '？' or '｡' or '．' or '।' or '॥' or '۔' or '؟' or '։' or '።';

    public static bool IsTerminator(char c) => c is '.' or '!' or '?' or '…' || IsWideStop(c);

    public static bool IsBlank(char c) => char.IsWhiteSpace(c) || char.IsControl(c);

    private static bool IsLineEnd(char c) => c is '\n' or '\r' or '\u0085' or '\u2028' or '\u2029';

    private static bool IsCloser(char c) =>
        c is '"' or '\'' or '”' or '’' or '»' or ')' or ']' or '」' or '』' or '）' or '】' or '》' or '*' or '_';

    private static int AfterTerminators(ReadOnlySpan<char> text, int i)
    {
        while (i < text.Length && IsTerminator(text[i])) i++;
        while (i < text.Length && IsCloser(text[i])) i++;
        return i;
    }

    private static bool EndsSentence(ReadOnlySpan<char> text, int start, int stop, int end)
    {
        if (end == text.Length || IsWideStop(text[stop])) return true;
        if (!IsBlank(text[end])) return false;
        var next = text[end..].TrimStart();
        if (next.IsEmpty) return true;
        var sentence = text[start..stop].TrimStart();
        var isPlainStop = text[stop] == '.' && end == stop + 1;
        if (isPlainStop && IsItemNumber(sentence)) return false;
        if (isPlainStop && Abbreviations.Continues(LastWord(sentence), next)) return false;
        // "Really?" he asked; but who writes all in lower case starts sentences so, too.
        return !char.IsLower(next[0]) || (text[stop] != '…' && !sentence.IsEmpty && char.IsLower(sentence[0]));
    }

    private static ReadOnlySpan<char> LastWord(ReadOnlySpan<char> sentence)
    {
        var start = sentence.Length;
        while (start > 0 && sentence.Length - start < 16 && IsPartOfWord(sentence[start - 1])) start--;
        return sentence[start..];

        static bool IsPartOfWord(char c) => char.IsLetterOrDigit(c) || c == '.';
    }

    private static bool IsItemNumber(ReadOnlySpan<char> sentence) =>
        sentence.Length is > 0 and <= 3 && !sentence.ContainsAnyExceptInRange('0', '9');

    private static bool LineEnds(ReadOnlySpan<char> text, int line, int end)
    {
        var next = end + 1;
        while (next < text.Length && text[next] is ' ' or '\t') next++;
        if (next == text.Length || IsLineEnd(text[next]) || BulletLength(text[next..]) > 0) return true;
        var current = text[line..end].Trim();
        if (current.IsEmpty || current[0] == '#') return true;
        return !char.IsLower(text[next]) && current.Length < WrappedLine;
    }

    private static int BulletLength(ReadOnlySpan<char> text)
    {
        var length = 0;
        while (length < text.Length && length < 6 && text[length] is '-' or '*' or '•' or '·' or '–' or '—' or '#' or '>') length++;
        if (length == 0)
        {
            while (length < text.Length && length < 3 && char.IsAsciiDigit(text[length])) length++;
            if (length == 0 || length == text.Length || text[length] is not ('.' or ')')) return 0;
            length++;
        }
        return length < text.Length && text[length] is ' ' or '\t' ? length + 1 : 0;
    }

    private static int CutAt(ReadOnlySpan<char> text, int start, int i)
    {
        var blank = text[start..i].LastIndexOfAny(' ', '\t', '\n');
        if (blank > MaxLength / 3) return start + blank + 1;
        return char.IsLowSurrogate(text[i]) && char.IsHighSurrogate(text[i - 1]) ? i - 1 : i;
    }

    private static void Add(List<Range> sentences, ReadOnlySpan<char> text, int start, int end)
    {
        while (start < end && IsBlank(text[start])) start++;
        start += BulletLength(text[start..end]);
        while (start < end && IsBlank(text[start])) start++;
        while (end > start && IsBlank(text[end - 1])) end--;
        if (end > start) sentences.Add(start..end);
    }
}
