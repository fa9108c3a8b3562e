using System.Buffers.Binary;
using System.IO.Compression;
using LlmGateway.Llm.Tokens;

namespace LlmGateway.Tests.Llm.Tokens;

/// <summary>
/// Compares with the counts of OpenAI's tiktoken in <c>tests/tiktoken/reference.bin.gz</c>; <c>make.mjs</c> beside it says how the
/// file is laid out.
/// </summary>
public abstract class TokenCounterReferenceTests(string encoding)
{
    private const int CodePoints = 0x110000;
    private const int Fuzzed = 150_000;
    private const int NaturalPerLanguage = 20;

    private static readonly Lazy<byte[]> Reference = new(() =>
    {
        using var file = new GZipStream(File.OpenRead(Path.Combine(TokenCorpus.Folder, "reference.bin.gz")), CompressionMode.Decompress);
        var bytes = new MemoryStream();
        file.CopyTo(bytes);
        return bytes.ToArray();
    });

    private static readonly Func<string, string>[] Contexts = [c => $"a{c}b ", c => c + c, c => $" {c}123", c => $"I'{c}", c => $"{c}'s", c => $"!!{c}'s"];

    private static readonly string[] Longer =
    [
        .. TokenCorpus.Languages.SelectMany(language =>
            Enumerable.Range(0, NaturalPerLanguage).Select(seed => TokenCorpus.Natural(language, seed))),
        .. TokenCorpus.Repeated,
    ];

    private static int EncodingLength => (Contexts.Length * CodePoints) + Fuzzed + (4 * Longer.Length);

    [Fact]
    public void CountsEveryCodePointAsTiktokenDoes()
    {
        var expected = Section();
        AssertSame(Contexts.Length * CodePoints,
            i => Contexts[i / CodePoints](TokenCorpus.CodePoint(i % CodePoints)), i => expected.Span[i]);
    }

    [Fact]
    public void CountsFuzzedTextsAsTiktokenDoes()
    {
        var expected = Section()[(Contexts.Length * CodePoints)..];
        AssertSame(Fuzzed, TokenCorpus.Fuzz, i => expected.Span[i]);
    }

    [Fact]
    public void CountsNaturalAndRepeatedTextsAsTiktokenDoes()
    {
        var expected = Section()[((Contexts.Length * CodePoints) + Fuzzed)..];
        AssertSame(Longer.Length, i => Longer[i], i => BinaryPrimitives.ReadInt32LittleEndian(expected.Span[(4 * i)..]));
    }

    private ReadOnlyMemory<byte> Section()
    {
        Assert.Equal(2 * EncodingLength, Reference.Value.Length);
        return Reference.Value.AsMemory(encoding == TokenCounters.O200kBase ? 0 : EncodingLength, EncodingLength);
    }

    private void AssertSame(int count, Func<int, string> text, Func<int, int> expected)
    {
        var counter = TokenCounters.Get(encoding);
        var different = new List<string>();
        for (var i = 0; i < count; i++)
        {
            var tokens = counter.Count(text(i));
            if (tokens != expected(i))
                different.Add($"{i}: {tokens} instead of {expected(i)}");
        }

        Assert.True(different.Count == 0, $"{different.Count} of {count} differ: {string.Join(", ", different.Take(20))}");
    }
}

public sealed class O200kReferenceTests() : TokenCounterReferenceTests(TokenCounters.O200kBase);

public sealed class Cl100kReferenceTests() : TokenCounterReferenceTests(TokenCounters.Cl100kBase);
