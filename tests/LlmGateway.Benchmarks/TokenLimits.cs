using BenchmarkDotNet.Attributes;
using LlmGateway.Llm.Tokens;

namespace LlmGateway.Benchmarks;

/// <summary>
/// A million chars that a caller chose to do harm: one piece without a break, on which the libraries take minutes. And what a request
/// does with them. Ten times the text takes ten times the time.
/// </summary>
[MemoryDiagnoser]
public class TokenLimits
{
    private readonly TokenCounter _counter = TokenCounters.Get(TokenCounters.O200kBase);
    private string _text = "";

    [Params("a", " ", "的", "😀", "word ")]
    public string Repeated { get; set; } = "";

    [Params(100_000, 1_000_000)]
    public int Chars { get; set; }

    [GlobalSetup]
    public void Repeat() => _text = string.Concat(Enumerable.Repeat(Repeated, Chars / Repeated.Length));

    [Benchmark]
    public int Count() => _counter.Count(_text);

    [Benchmark]
    public int CutTo8000Tokens() => _counter.Cut(_text, 8_000).Length;

    [Benchmark]
    public bool Fits8000Tokens() => _counter.Fits(_text, 8_000);

    [Benchmark]
    public async Task<int> Slice() => (await new TextSlicer(_counter).SliceAsync(_text.AsMemory(), 50_000, CancellationToken.None)).Count;
}
