using LlmGateway.Llm;
using LlmGateway.Llm.Models;
using LlmGateway.Llm.Providers;
using LlmGateway.Llm.Providers.Anthropic;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Llm.Providers.Anthropic;

/// <summary>What Anthropic, or something in its place, may send.</summary>
public class AnthropicLlmClientTests
{
    private const string Start = """{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"stop_reason":null,"usage":{"input_tokens":5,"cache_creation_input_tokens":1,"cache_read_input_tokens":3,"output_tokens":1}}}""";
    private const string Block = """{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}""";
    private const string Hello = """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}""";
    private const string Delta = """{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":2}}""";
    private const string Stop = """{"type":"message_stop"}""";

    private static readonly LlmRequest Request = new(LlmTask.Chat, "claude-haiku-4-5", [new LlmMessage(LlmRole.User, "Hi")], MaxOutputTokens: 10);

    private static readonly LlmTool Tool = new("submit", "Submits.", System.Text.Json.JsonElement.Parse("""{"type":"object"}"""));

    public static TheoryData<string> WholeStreams => new(
        Events(Start, Block, Hello, Delta, Stop),
        Events(Start, """{"type":"ping"}""", Block, Hello, """{"type":"content_block_stop","index":0}""", Delta, Stop),
        // What comes after the end; what nobody knows yet.
        Events(Start, Block, Hello, Delta, Stop, "{ no json"),
        Events(Start, """{"type":"news","delta":[1],"message":"x","usage":null}""", Block, Hello, Delta, Stop),
        // What the model thinks is no part of its answer.
        Events(Start, """{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"hm","signature":""}}""",
            """{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}""",
            """{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"abc"}}""", Block, Hello, Delta, Stop),
        // A text that begins with its block; a running total that corrects the first.
        Events(Start, """{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"Hello"}}""", Delta, Stop),
        Events("""{"type":"message_start","message":{"usage":{"input_tokens":99,"output_tokens":1}}}""", Block, Hello,
            """{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":5,"cache_creation_input_tokens":1,"cache_read_input_tokens":3,"output_tokens":2}}""", Stop),
        Events(Start, Block, Hello, Delta, Stop).ReplaceLineEndings("\r\n"));

    public static TheoryData<string> NoStreams => new(
        "",
        Events(Start, Block, Hello),
        Events(Start, Block, Hello, Delta),
        Events(Start, Block, Hello, Stop),
        Events(Start, Block, Hello, "{"),
        Events(Start, Block, Hello, "[]"),
        Events(Start, Block, Hello, "[DONE]"),
        Events(Start, Block, Hello, Delta)[..^2],
        "<!DOCTYPE html>\n<html>\n</html>\n",
        """{"type":"message","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn"}""");

    [Theory]
    [MemberData(nameof(WholeStreams))]
    public async Task ReadsWhatIsWhole(string body)
    {
        var updates = await StreamAsync(body);

        Assert.Equal("Hello", string.Concat(updates.Select(update => update.Text)));
        Assert.Equal(FinishReason.Stop, updates[^1].FinishReason);
        // What is read from the cache, and what is written to it, was in the prompt.
        Assert.Equal(new LlmUsage(9, 2, 3), updates[^1].Usage);
        Assert.Equal(new LlmOrigin("anthropic", "claude-haiku-4-5"), updates[0].Origin);
        Assert.All(updates.SkipLast(1), update => Assert.Null(update.FinishReason));
    }

    [Theory]
    [MemberData(nameof(NoStreams))]
    public async Task TakesNothingForWholeThatIsNot(string body)
    {
        var exception = await Assert.ThrowsAsync<LlmException>(() => StreamAsync(body));

        Assert.Equal(LlmErrorKind.UpstreamInvalidResponse, exception.Kind);
        Assert.Equal("anthropic", exception.Provider);
    }

    [Theory]
    [InlineData("""{"type":"overloaded_error","message":"Overloaded"}""", LlmErrorKind.UpstreamUnavailable)]
    [InlineData("""{"type":"api_error","message":"m"}""", LlmErrorKind.UpstreamUnavailable)]
    [InlineData("""{"type":"rate_limit_error","message":"m"}""", LlmErrorKind.UpstreamRateLimited)]
    [InlineData("""{"type":"billing_error","message":"m"}""", LlmErrorKind.UpstreamQuotaExhausted)]
    [InlineData("""{"type":"authentication_error","message":"m"}""", LlmErrorKind.UpstreamAuth)]
    [InlineData("""{"type":"invalid_request_error","message":"prompt is too long: 2 tokens > 1 maximum"}""", LlmErrorKind.ContextLengthExceeded)]
    [InlineData("""{"message":"m"}""", LlmErrorKind.UpstreamUnavailable)]
    [InlineData("\"m\"", LlmErrorKind.UpstreamUnavailable)]
    public async Task HearsAnErrorInTheMiddleOfAStream(string error, LlmErrorKind kind)
    {
        var exception = await Assert.ThrowsAsync<LlmException>(() => StreamAsync(Events(Start, Block, Hello, $$"""{"type":"error","error":{{error}}}""", Delta, Stop)));

        Assert.Equal(kind, exception.Kind);
    }

    [Theory]
    [InlineData("end_turn", "stop")]
    [InlineData("stop_sequence", "stop")]
    [InlineData("max_tokens", "length")]
    [InlineData("model_context_window_exceeded", "length")]
    [InlineData("tool_use", "tool_calls")]
    [InlineData("pause_turn", "pause_turn")]
    public async Task NamesTheEndAsOthersDo(string stopReason, string finish)
    {
        var updates = await StreamAsync(Events(Start, Block, Hello, Delta.Replace("end_turn", stopReason, StringComparison.Ordinal), Stop));

        Assert.Equal(finish, updates[^1].FinishReason?.Value);
    }

    [Fact]
    public async Task KnowsNoUsageWhereOnlyHalfOfItIsTold()
    {
        var updates = await StreamAsync(Events("""{"type":"message_start","message":{"content":[]}}""", Block, Hello, Delta, Stop));

        Assert.Null(updates[^1].Usage);
    }

    [Theory]
    [InlineData("""{"content":[{"type":"thinking","thinking":"hm"},{"type":"tool_use","id":"t","name":"submit","input":{"a":[1,"{"]}}],"stop_reason":"tool_use"}""", """{"a":[1,"{"]}""")]
    [InlineData("""{"content":[{"type":"text","text":"Well."},{"type":"tool_use","id":"t","name":"submit","input":{}},{"type":"tool_use","id":"u","name":"submit","input":{"b":1}}],"stop_reason":"tool_use"}""", "{}")]
    [InlineData("""{"content":[{"type":"tool_use","id":"t","name":"other","input":{}}],"stop_reason":"tool_use"}""", null)]
    [InlineData("""{"content":[{"type":"text","text":"{}"}],"stop_reason":"end_turn"}""", null)]
    public async Task ReadsTheCallOfTheToolThatWasMeant(string body, string? arguments)
    {
        await using var upstream = await RawUpstream.StartAsync(body, contentType: "application/json");
        using var client = Client(upstream);

        var response = await client.Value.CompleteAsync(Request with { Tool = Tool }, CancellationToken.None);

        Assert.Equal(arguments, response.ToolArguments);
        Assert.Equal("", response.Text);
        Assert.Null(response.Usage);
    }

    [Theory]
    [InlineData(201)]
    [InlineData(204)]
    [InlineData(302)]
    public async Task TakesOnlyOkForAnAnswer(int status)
    {
        await using var upstream = await RawUpstream.StartAsync("", status, "text/event-stream", ("Location", "http://127.0.0.1:9/"));

        var exception = await Assert.ThrowsAsync<LlmException>(() => StreamAsync(upstream));

        Assert.Equal((LlmErrorKind.UpstreamInvalidResponse, (int?)status), (exception.Kind, exception.UpstreamStatus));
    }

    [Theory]
    [InlineData("retry-after", "7", 7000)]
    [InlineData("retry-after-ms", "250", 250)]
    public async Task SaysHowLongTheUpstreamAskedToWait(string header, string value, int milliseconds)
    {
        await using var upstream = await RawUpstream.StartAsync("{}", 429, "application/json", (header, value));

        var exception = await Assert.ThrowsAsync<LlmException>(() => StreamAsync(upstream));

        Assert.Equal((LlmErrorKind.UpstreamRateLimited, TimeSpan.FromMilliseconds(milliseconds)), (exception.Kind, exception.RetryAfter));
    }

    [Fact]
    public async Task AnAbsentProviderIsUnavailable()
    {
        var upstream = await RawUpstream.StartAsync("");
        await upstream.DisposeAsync();

        var exception = await Assert.ThrowsAsync<LlmException>(() => StreamAsync(upstream));

        Assert.Equal(LlmErrorKind.UpstreamUnavailable, exception.Kind);
    }

    private static string Events(params string[] data) => string.Concat(data.Select(json => $"event: any\ndata: {json}\n\n"));

    private static async Task<List<LlmUpdate>> StreamAsync(string body)
    {
        await using var upstream = await RawUpstream.StartAsync(body);
        return await StreamAsync(upstream);
    }

    private static async Task<List<LlmUpdate>> StreamAsync(RawUpstream upstream)
    {
        using var client = Client(upstream);
        return await client.Value.StreamAsync(Request, CancellationToken.None).ToListAsync();
    }

    private static Held Client(RawUpstream upstream) => new(new AnthropicOptions { BaseUrl = new Uri(upstream.BaseAddress, "/") });

    private sealed class Held : IDisposable
    {
        private readonly HttpMessageHandler _handler;

        public Held(AnthropicOptions options)
        {
            _handler = ProviderTransport.CreateHandler(options);
            Value = new AnthropicLlmClient(new ProviderFailures("anthropic", "ANTHROPIC_API_KEY"), options, GatewayHost.Key, new ModelTable([]), TimeProvider.System, _handler);
        }

        public AnthropicLlmClient Value { get; }

        public void Dispose()
        {
            Value.Dispose();
            _handler.Dispose();
        }
    }
}
