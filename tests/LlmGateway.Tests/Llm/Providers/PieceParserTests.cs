using System.Text;
using System.Text.Json;
using LlmGateway.Llm.Providers;
using LlmGateway.Llm.Providers.Anthropic;
using LlmGateway.Llm.Providers.OpenAI;

namespace LlmGateway.Tests.Llm.Providers;

public class PieceParserTests
{
    private static readonly string[] Texts =
    [
        "", "a", " the", "Grüße", "文字", "🎈", "\u2028", "\x7f", "\\n", "\\\"", "\\u00e9", "\\ud83d", "\\ud83d\\ude00", "\"", "\"}", "\t", "\0", "\\",
        "\",\"finish_reason\":\"stop", "\",\"content\":\"b", "\"}},{\"delta\":{\"content\":\"second", new string('a', 5000),
    ];

    private static readonly string[] Chunks =
    [
        """{"id":"1","choices":[{"index":0,"delta":{"content":"@"},"finish_reason":null}]}""",
        """{"id":"1","choices":[{"index":0,"delta":{"content":"@"},"finish_reason":null}],"usage":null}""",
        """{"id":"2","choices":[{"index":0,"delta":{"content":"@"},"finish_reason":null}]}""",
        """{"id":"1","choices":[{"index":0,"delta":{"role":"assistant","content":"@"}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}""",
        """{"choices":[{"delta":{"content":"first","refusal":null,"content":"@"}}]}""",
        """{"choices":[{"delta":{"content":"@","content":null}}]}""",
        """{"choices":[{"delta":{"content":"@"},"message":{"content":"other"}}]}""",
        """{"choices":[{"delta":{"content":"@"},"finish_reason":"stop"}]}""",
        """{"choices":[{"delta":{"content":"x","name":"@"}}]}""",
        """{"choices":[{"delta":{"content":"x"},"half":"\ud83d"},{"delta":{"content":"@"}}]}""",
        """{"choices":[{"half":"\ud83d","delta":{"content":"@"}}]}""",
        """{"error":{"message":"@"}}""",
        """ {"choices":[{"delta":{"content":"@"}}]} """,
        """{"choices":[{"delta":{"content":"@"}}]}{}""",
        """{"choices":[{"delta":{"content":"@"}}""",
        "[DONE]",
        "@",
    ];

    private static readonly string[] Events =
    [
        """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"@"}}""",
        """{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"@"}}""",
        """{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"@"}}""",
        """{"type":"content_block_delta","delta":{"text":"first","text":"@"}}""",
        """{"type":"content_block_delta","delta":{"text":"@","text":null}}""",
        """{"type":"content_block_delta","delta":{"text":null,"text":"@"}}""",
        """{"type":"message_delta","delta":{"stop_reason":"end_turn","text":"@"},"usage":{"output_tokens":3}}""",
        """{"type":"message","content":[{"type":"text","text":"@"},{"type":"text","text":"more"}]}""",
        """{"type":"error","error":{"type":"overloaded_error","message":"@"}}""",
        """{"type":"message_stop"}""",
        "@",
    ];

    [Fact]
    public void AnEventThatDiffersInItsTextAloneIsNotParsedAgain()
    {
        var parsed = 0;
        var parser = new PieceParser<ChatChunk>(data =>
        {
            parsed++;
            return ChatChunk.Parse(data);
        });
        foreach (var text in (string[])["one", " two", "", " drei ü", " 文字🎈", new string('a', 100_000)])
            Assert.Equal(text, parser.Parse(Encoding.UTF8.GetBytes(Chunks[0].Replace("@", text, StringComparison.Ordinal))).Text);
        Assert.Equal(1, parsed);
    }

    [Fact]
    public void ALongEventIsNotKept()
    {
        var parsed = 0;
        var parser = new PieceParser<ChatChunk>(data =>
        {
            parsed++;
            return ChatChunk.Parse(data);
        });
        var chunk = Encoding.UTF8.GetBytes("""{"id":"@","choices":[{"delta":{"content":"a"}}]}""".Replace("@", new string('a', 5000), StringComparison.Ordinal));
        Assert.Equal("a", parser.Parse(chunk).Text);
        Assert.Equal("a", parser.Parse(chunk).Text);
        Assert.Equal(2, parsed);
    }

    [Fact]
    public void ReadsOfOpenAIWhatEachEventAloneSays() => SaysTheSame(ChatChunk.Parse, Chunks);

    [Fact]
    public void ReadsOfAnthropicWhatEachEventAloneSays() => SaysTheSame(AnthropicEvent.Parse, Events);

    private static void SaysTheSame<T>(Func<ReadOnlySpan<byte>, T> parse, string[] forms)
        where T : struct, IPiece<T>
    {
        var random = new Random(20261123);
        for (var stream = 0; stream < 500; stream++)
        {
            var parser = new PieceParser<T>(parse);
            var form = forms[random.Next(forms.Length)];
            for (var i = 0; i < 40; i++)
            {
                if (random.Next(6) == 0) form = forms[random.Next(forms.Length)];
                var data = Encoding.UTF8.GetBytes(form.Replace("@", Texts[random.Next(Texts.Length)], StringComparison.Ordinal));
                if (data.Length > 0 && random.Next(20) == 0) data[random.Next(data.Length)] = (byte)random.Next(256);
                Assert.Equal(Said(parse, data), Said(parser.Parse, data));
            }
        }
    }

    /// <summary>Where its text stands is no part of what an event says; each of them is parsed to another failure's object.</summary>
    private static string Said<T>(Func<ReadOnlySpan<byte>, T> parse, byte[] data)
    {
        try
        {
            return parse(data) switch
            {
                ChatChunk chunk => (chunk with { TextPlace = null }).ToString(),
                AnthropicEvent piece => (piece with { TextPlace = null }).ToString(),
                _ => throw new NotSupportedException(),
            };
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return exception.GetType().Name;
        }
    }
}
