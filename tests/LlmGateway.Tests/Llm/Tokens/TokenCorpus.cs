using System.Text.Json;

namespace LlmGateway.Tests.Llm.Tokens;

/// <summary>Texts made from <c>tests/tiktoken/corpus.json</c> in the same way as <c>make.mjs</c> makes them.</summary>
internal static class TokenCorpus
{
    // Before what is read from it.
    public static string Folder { get; } = FindFolder();

    private static readonly JsonElement Json =
        JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "corpus.json"))).RootElement;

    private static readonly string[] Atoms = [.. Json.GetProperty("atoms").EnumerateArray().Select(Text)];

    private static readonly Dictionary<string, string[]> Sentences = Json.GetProperty("sentences").EnumerateObject()
        .ToDictionary(language => language.Name, language => language.Value.EnumerateArray().Select(Text).ToArray());

    public static IEnumerable<string> Languages => Sentences.Keys;

    /// <summary>Each a short text many times over: what makes a quadratic tokenizer slow.</summary>
    public static IEnumerable<string> Repeated => Json.GetProperty("repeated").EnumerateArray()
        .Select(pair => string.Concat(Enumerable.Repeat(Text(pair[0]), pair[1].GetInt32())));

    /// <summary>A short text of words, symbols, blanks, emoji, marks and surrogates of all kinds.</summary>
    public static string Fuzz(int seed)
    {
        var random = new Mulberry32(seed);
        var text = "";
        for (var parts = 1 + random.Next(12); parts > 0; parts--)
        {
            text += random.Next(8) switch
            {
                0 => CodePoint(random.Next(0x110000)),
                1 => CodePoint(random.Next(0x3000)),
                2 => CodePoint(random.Next(0x80)),
                _ => Atoms[random.Next(Atoms.Length)],
            };
        }

        return text;
    }

    /// <summary>Sentences of a language in any order, some hundred to some thousand chars.</summary>
    public static string Natural(string language, int seed)
    {
        var random = new Mulberry32(seed);
        var sentences = Sentences[language];
        var text = "";
        for (var count = 5 + random.Next(40); count > 0; count--)
        {
            text += sentences[random.Next(sentences.Length)]
                + random.Next(8) switch { 3 => "", 4 => "\n", 5 => "\n\n", 6 => "\r\n", 7 => "  \n", _ => " " };
        }

        return text;
    }

    /// <summary>A code point, or a lone surrogate.</summary>
    public static string CodePoint(int value) => value is >= 0xD800 and < 0xE000 ? ((char)value).ToString() : char.ConvertFromUtf32(value);

    // JSON has lone surrogates as escapes, which GetString refuses.
    private static string Text(JsonElement element)
    {
        var raw = element.GetRawText().AsSpan(1..^1);
        var text = "";
        while (!raw.IsEmpty)
        {
            var (value, length) = raw switch
            {
                ['\\', 'u', ..] => ((char)Convert.ToInt32(raw.Slice(2, 4).ToString(), 16), 6),
                ['\\', var escaped, ..] => (escaped switch { 'n' => '\n', 'r' => '\r', 't' => '\t', 'b' => '\b', 'f' => '\f', _ => escaped }, 2),
                _ => (raw[0], 1),
            };
            text += value;
            raw = raw[length..];
        }

        return text;
    }

    private static string FindFolder()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "LlmGateway.sln")))
                return Path.Combine(folder, "tests", "tiktoken");
        }

        throw new DirectoryNotFoundException("The tests do not run inside the repository.");
    }

    /// <summary>A generator that JavaScript can repeat.</summary>
    public sealed class Mulberry32(int seed)
    {
        private uint _state = (uint)seed;

        public int Next(int below)
        {
            _state += 0x6D2B79F5;
            var t = (_state ^ (_state >> 15)) * (_state | 1);
            t = (t + (t ^ (t >> 7)) * (t | 61)) ^ t;
            return (int)((t ^ (t >> 14)) % (uint)below);
        }
    }
}
