using System.Runtime.Intrinsics;
using System.Text;
using LlmGateway.Llm.Tokens;

namespace LlmGateway.Tests.Llm.Tokens;

public sealed class VocabularyTests
{
    private const string Sha256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7";

    private const string O200kSha256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d";

    public static TheoryData<string, string, int> Published => new()
    {
        { TokenCounters.Cl100kBase, Sha256, 100_256 },
        { TokenCounters.O200kBase, O200kSha256, 199_998 },
    };

    [Theory]
    [MemberData(nameof(Published))]
    public void FindsEveryTokenByItsBytes(string encoding, string sha256, int count)
    {
        var vocabulary = Vocabulary.Load(encoding, sha256);
        Assert.Equal(count, vocabulary.Count);
        for (var rank = 0; rank < vocabulary.Count; rank++)
            Assert.Equal(rank, vocabulary.Rank(vocabulary.Bytes(rank)));
        Assert.Equal(Vocabulary.None, vocabulary.Rank("no such token"u8));
    }

    // LongPiece rests on it: a token that is not what its own bytes merge to could never be told from its parts.
    [Theory]
    [MemberData(nameof(Published))]
    public void MergesTheBytesOfEveryTokenToThatToken(string encoding, string sha256, int count)
    {
        var vocabulary = Vocabulary.Load(encoding, sha256);
        var scratch = new int[BytePairs.ScratchLength(Vocabulary.MaxTokenLength)];
        for (var rank = 0; rank < count; rank++)
        {
            if (vocabulary.Length(rank) > 1)
                Assert.Equal(1, BytePairs.Merge(vocabulary, vocabulary.Bytes(rank), parts: 1, scratch));
        }
    }

    [Theory]
    [MemberData(nameof(Published))]
    public void APlainWordIsThePieceThatThePatternFinds(string encoding, string sha256, int count)
    {
        var vocabulary = Vocabulary.Load(encoding, sha256);
        var isO200k = count > 150_000;
        var preTokenizer = new PreTokenizer(isO200k);
        string[] words = ["a", " a", "The", " The", "their", " people", "because", " language", "something", "difference", " government", "information", "international", " international"];
        foreach (var word in words)
        {
            Assert.Equal(word.Length, preTokenizer.PieceEnd($"{word} and so on, and so on", 0, out var known));
            Assert.True(vocabulary.IsToken(known, word.Length));
            for (var next = 0; next <= char.MaxValue; next++)
            {
                var text = $"{word}{(char)next}nd so on, and so on";
                var end = preTokenizer.PieceEnd(text, 0, out var plain);
                if (plain == Vector128<byte>.Zero) continue;
                // In so short a text no word is plain.
                Assert.Equal(preTokenizer.PieceEnd(text.AsSpan(0, Vector128<byte>.Count - 1), 0, out _), end);
                Assert.Equal(vocabulary.Rank(Encoding.UTF8.GetBytes(text[..end])) != Vocabulary.None, vocabulary.IsToken(plain, end));
            }
        }
    }

    [Theory]
    [InlineData("a word")]
    [InlineData("HTTP and so on, and so on")]
    [InlineData("don't and so on, and so on")]
    [InlineData("incomprehensibilities and so on")]
    [InlineData("Straße and so on, and so on")]
    [InlineData(", and so on, and so on")]
    public void IsNoPlainWord(string text)
    {
        new PreTokenizer(isO200k: true).PieceEnd(text, 0, out var plain);
        Assert.Equal(Vector128<byte>.Zero, plain);
    }

    [Fact]
    public void APlainWordNeedBeNoToken()
    {
        var end = new PreTokenizer(isO200k: true).PieceEnd("xqzwvkj and so on, and so on", 0, out var plain);
        Assert.Equal(7, end);
        Assert.False(Vocabulary.Load(TokenCounters.O200kBase, O200kSha256).IsToken(plain, end));
    }

    [Fact]
    public void RefusesAVocabularyThatOpenAIDidNotPublish() =>
        Assert.Throws<InvalidDataException>(() => Vocabulary.Load(TokenCounters.Cl100kBase, Sha256.Replace('2', '3')));

    [Fact]
    public void RefusesAVocabularyThatIsNotThere() =>
        Assert.Throws<InvalidDataException>(() => Vocabulary.Load("other", Sha256));
}
