using LlmGateway.Llm.Tokens;
using SharpToken;

namespace LlmGateway.Tests.Llm.Tokens;

/// <summary>
/// Compares with an implementation of its own kind, where that is right: up to U+FFFF, without lone surrogates and the
/// long s, which .NET's regular expressions do not take for an s. Set
/// <c>TOKENS_FUZZ</c> to a number of texts for more than the usual 200,000.
/// </summary>
public abstract class SharpTokenTests(string encoding)
{
    private const char LongS = '\u017F';

    private static readonly int Fuzzed = int.TryParse(Environment.GetEnvironmentVariable("TOKENS_FUZZ"), out var texts) ? texts : 200_000;

    [Fact]
    public void CountsAsSharpTokenDoes()
    {
        var reference = GptEncoding.GetEncoding(encoding);
        var none = new HashSet<string>();
        var counter = TokenCounters.Get(encoding);
        var texts = Enumerable.Range(1_000_000_000, Fuzzed).Select(TokenCorpus.Fuzz)
            .Concat(TokenCorpus.Languages.SelectMany(language => Enumerable.Range(1_000, 20).Select(seed => TokenCorpus.Natural(language, seed))))
            .Select(text => string.Concat(text.Where(c => !char.IsSurrogate(c) && c != LongS)));
        var different = texts.Where(text => counter.Count(text) != reference.Encode(text, none, none).Count).Take(10).ToArray();
        Assert.True(different.Length == 0, string.Join('\n', different.Select(text => string.Join(' ', text.Select(c => $"{(int)c:X4}")))));
    }
}

public sealed class O200kSharpTokenTests() : SharpTokenTests(TokenCounters.O200kBase);

public sealed class Cl100kSharpTokenTests() : SharpTokenTests(TokenCounters.Cl100kBase);
