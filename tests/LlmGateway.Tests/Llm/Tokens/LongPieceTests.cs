using System.Text;
using LlmGateway.Llm.Tokens;

namespace LlmGateway.Tests.Llm.Tokens;

public abstract class LongPieceTests(string encoding, string sha256)
{
    private static readonly string[] Alphabets =
    [
        "ab", "aeinrst", "etaoinshrdlu", "AaBb", " ", " \n", "=-", "!?.,'\"", "的一是不了人我在有他", "ทำไมน่าที่าเ", "アイウエンー", "кот ино",
        "\u0301e", "한국어는", "😀👍🏽\u200d", "0123456789", "xyzqjkXYZQJK", "\u0000\uffff", "मानक्षित",
    ];

    private readonly Vocabulary _vocabulary = Vocabulary.Load(encoding, sha256);

    [Fact]
    public void CountsPiecesAsMergingDoes()
    {
        for (var seed = 0; seed < 1_500; seed++)
        {
            var piece = Piece(seed);
            using var counting = new LongPiece(_vocabulary, int.MaxValue);
            Assert.True(counting.Read(piece, piece.Length));
            Assert.Equal(Merged(piece), counting.Tokens);
            Assert.Equal(piece.Length, counting.Fit);
        }
    }

    [Fact]
    public void FindsTheLongestPrefixThatFits()
    {
        for (var seed = 10_000; seed < 10_200; seed++)
        {
            var piece = Piece(seed);
            var limit = Merged(piece) / 3;
            using var fitting = new LongPiece(_vocabulary, limit);
            fitting.Read(piece, piece.Length);
            var longest = Enumerable.Range(0, piece.Length + 1)
                .Last(length => (length == 0 || length == piece.Length || !char.IsSurrogatePair(piece, length - 1))
                    && Merged(piece[..length]) <= limit);
            Assert.Equal(longest, fitting.Fit);
        }
    }

    [Fact]
    public void CountsTheSameWithPauses()
    {
        var piece = string.Concat(Enumerable.Range(0, 40).Select(Piece));
        using var atOnce = new LongPiece(_vocabulary, int.MaxValue);
        atOnce.Read(piece, piece.Length);
        using var paused = new LongPiece(_vocabulary, int.MaxValue);
        var reads = 1;
        while (!paused.Read(piece, 100))
            reads++;
        Assert.True(reads > 2);
        Assert.Equal(atOnce.Tokens, paused.Tokens);
    }

    private static string Piece(int seed)
    {
        var random = new TokenCorpus.Mulberry32(seed);
        var runes = Alphabets[random.Next(Alphabets.Length)].EnumerateRunes().ToArray();
        var piece = new StringBuilder();
        for (var length = 1 + random.Next(200); length > 0; length--)
            piece.Append(runes[random.Next(runes.Length)]);
        return piece.ToString();
    }

    private int Merged(string piece)
    {
        var bytes = Encoding.UTF8.GetBytes(piece);
        return bytes.Length < 2
            ? bytes.Length
            : BytePairs.Merge(_vocabulary, bytes, parts: 1, new int[BytePairs.ScratchLength(bytes.Length)]);
    }
}

public sealed class O200kLongPieceTests()
    : LongPieceTests(TokenCounters.O200kBase, "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d");

public sealed class Cl100kLongPieceTests()
    : LongPieceTests(TokenCounters.Cl100kBase, "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7");
