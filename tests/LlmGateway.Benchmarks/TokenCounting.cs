using BenchmarkDotNet.Attributes;
using LlmGateway.Llm.Tokens;
using Microsoft.ML.Tokenizers;
using SharpToken;

namespace LlmGateway.Benchmarks;

/// <summary>Counting 100,000 chars of text with <c>o200k_base</c>, beside the libraries that do it.</summary>
[MemoryDiagnoser]
public class TokenCounting
{
    private static readonly HashSet<string> NoSpecials = [];

    private static readonly Dictionary<string, string[]> Texts = new()
    {
        ["English"] =
        [
            "The committee met for the third time this week, and again nothing was decided. ",
            "Rain had fallen since the morning; by noon, 14 streets were closed to traffic.\n",
            "\"We can't go on like this,\" she said, \"but we shouldn't stop either.\"\n\n",
        ],
        ["Code"] =
        [
            "    public int Add(int left, int right) => checked(left + right);\n",
            "for (var i = 0; i < items.Length; i++)\n{\n    total += items[i].Price * 1.19m; // with tax\n}\n",
            "if (!response.IsSuccessStatusCode)\n    throw new HttpRequestException($\"{(int)response.StatusCode}\");\n\n",
        ],
        ["Chinese"] = ["会议", "又", "开了", "一个", "上午", "还是", "没有", "决定", "从", "早晨", "起", "街道", "禁止", "通行", "我们", "不能", "这样", "下去", "，", "。"],
    };

    private TokenCounter _counter = null!;
    private GptEncoding _sharpToken = null!;
    private TiktokenTokenizer _tokenizers = null!;
    private string _text = "";

    [Params("English", "Code", "Chinese")]
    public string Language { get; set; } = "";

    [GlobalSetup]
    public void Load()
    {
        _counter = TokenCounters.Get(TokenCounters.O200kBase);
        _sharpToken = GptEncoding.GetEncoding(TokenCounters.O200kBase);
        _tokenizers = TiktokenTokenizer.CreateForEncoding(TokenCounters.O200kBase);
        var random = new Random(1);
        while (_text.Length < 100_000)
            _text += Texts[Language][random.Next(Texts[Language].Length)];
    }

    [Benchmark(Baseline = true)]
    public int SharpToken() => _sharpToken.CountTokens(_text, NoSpecials, NoSpecials);

    [Benchmark]
    public int MicrosoftMLTokenizers() => _tokenizers.CountTokens(_text);

    [Benchmark]
    public int Gateway() => _counter.Count(_text);
}
