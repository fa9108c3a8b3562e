using LlmGateway.Llm;
using LlmGateway.Llm.Models;
using LlmGateway.Llm.Providers;
using LlmGateway.Llm.Providers.OpenAI;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Llm.Providers.OpenAI;

/// <summary>What servers that speak OpenAI's language really send, which is not always what its documentation says.</summary>
public class OpenAILlmClientTests
{
    private const string Hello = """{"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}""";
    private const string Stop = """{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}""";
    private const string Usage = """{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}}}""";

    private static readonly LlmRequest Request = new(LlmTask.Chat, "gpt-4o-mini", [new LlmMessage(LlmRole.User, "Hi")], MaxOutputTokens: 10);

    public static TheoryData<string> WholeStreams => new(
        Events(Hello, Stop, Usage, "[DONE]"),
        // Without its last words, and even without the last empty line's successor.
        Events(Hello, Stop, Usage),
        // No blank after the colon; CRLF; CR; a byte order mark; comments, names, ids.
        $"data:{Hello}\n\ndata:{Stop}\n\ndata:{Usage}\n\ndata:[DONE]\n\n",
        $"data: {Hello}\r\n\r\ndata: {Stop}\r\n\r\ndata: {Usage}\r\n\r\ndata: [DONE]\r\n\r\n",
        $"data: {Hello}\r\rdata: {Stop}\r\rdata: {Usage}\r\rdata: [DONE]\r\r",
        "\ufeff" + Events(Hello, Stop, Usage, "[DONE]"),
        $": waiting\n\nid: 1\nevent: message\ndata: {Hello}\n\n: waiting\n\nretry: 5\ndata: {Stop}\n\ndata: {Usage}\n\ndata: [DONE]\n\n",
        // The reason and the usage in one event; what comes after the end; what nobody knows yet.
        Events(Hello, """{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}}}""", "[DONE]"),
        Events(Hello, Stop, Usage, "[DONE]", "{ no json"),
        Events("""{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}""", Hello, Stop, Usage, "[DONE]"),
        Events("""{"error":null,"x":{"choices":[{"delta":{"content":"no"}}]},"choices":[{"delta":{"role":"assistant","content":"Hello","refusal":null,"reasoning_content":"hm"},"logprobs":{"content":[]}}]}""", Stop, Usage),
        Events("""{"choices":[{"index":0,"delta":{"content":"Hello"}},{"index":1,"delta":{"content":"Salut"},"finish_reason":"length"}]}""", Stop, Usage),
        Events("""{"choices":null}""", """{"choices":[{"delta":null}]}""", """{"choices":[{"delta":{"content":null}}],"usage":null}""", Hello, Stop, Usage));

    public static TheoryData<string> NoStreams => new(
        "",
        "[DONE]",
        Events("[DONE]"),
        Events(Hello, "[DONE]"),
        Events(Hello, Usage, "[DONE]"),
        Events(Hello, "{"),
        Events(Hello, "[]"),
        Events(Hello, "null"),
        Events(Hello, "\"stop\""),
        Events(Hello, """{"choices":[{"delta":{"content":"\u12"}}]}"""),
        $"data: {Hello}\n\ndata: {Stop}",
        "<!DOCTYPE html>\n<html>\n</html>\n",
        """{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}]}""");

    [Theory]
    [MemberData(nameof(WholeStreams))]
    public async Task ReadsWhatIsWhole(string body)
    {
        var updates = await StreamAsync(body);

        Assert.Equal("Hello", string.Concat(updates.Select(update => update.Text)));
        Assert.Equal(FinishReason.Stop, updates[^1].FinishReason);
        Assert.Equal(new LlmUsage(9, 2, 4), updates[^1].Usage);
        Assert.Equal(new LlmOrigin("openai", "gpt-4o-mini"), updates[0].Origin);
        Assert.All(updates.SkipLast(1), update => Assert.Null(update.FinishReason));
    }

    [Theory]
    [MemberData(nameof(NoStreams))]
    public async Task TakesNothingForWholeThatIsNot(string body)
    {
        var exception = await Assert.ThrowsAsync<LlmException>(() => StreamAsync(body));

        Assert.Equal(LlmErrorKind.UpstreamInvalidResponse, exception.Kind);
        Assert.Equal("openai", exception.Provider);
    }

    [Theory]
    [InlineData("""{"error":{"message":"m","type":"server_error"}}""", LlmErrorKind.UpstreamUnavailable)]
    [InlineData("""{"error":{"message":"m","code":"rate_limit_exceeded","type":"tokens"}}""", LlmErrorKind.UpstreamRateLimited)]
    [InlineData("""{"error":{"message":"m","code":null,"type":"insufficient_quota"}}""", LlmErrorKind.UpstreamQuotaExhausted)]
    [InlineData("""{"error":{"message":"m","code":"content_filter"}}""", LlmErrorKind.ContentFiltered)]
    [InlineData("""{"error":{"code":500,"message":"m"}}""", LlmErrorKind.UpstreamUnavailable)]
    [InlineData("""{"error":"m"}""", LlmErrorKind.UpstreamUnavailable)]
    [InlineData("""{"choices":[{"delta":{"content":""},"finish_reason":"error"}],"error":{"message":"m"}}""", LlmErrorKind.UpstreamUnavailable)]
    public async Task HearsAnErrorInTheMiddleOfAStream(string data, LlmErrorKind kind)
    {
        var exception = await Assert.ThrowsAsync<LlmException>(() => StreamAsync(Events(Hello, data, Stop, "[DONE]")));

        Assert.Equal(kind, exception.Kind);
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

    [Fact]
    public async Task SaysHowLongTheUpstreamAskedToWait()
    {
        await using var upstream = await RawUpstream.StartAsync("{}", 429, "application/json", ("Retry-After", "7"));

        var exception = await Assert.ThrowsAsync<LlmException>(() => StreamAsync(upstream));

        Assert.Equal((LlmErrorKind.UpstreamRateLimited, TimeSpan.FromSeconds(7)), (exception.Kind, exception.RetryAfter));
    }

    [Fact]
    public async Task AnAbsentProviderIsUnavailable()
    {
        var upstream = await RawUpstream.StartAsync("");
        await upstream.DisposeAsync();

        var exception = await Assert.ThrowsAsync<LlmException>(() => StreamAsync(upstream));

        Assert.Equal(LlmErrorKind.UpstreamUnavailable, exception.Kind);
    }

    private static string Events(params string[] data) => string.Concat(data.Select(json => $"data: {json}\n\n"));

    private static async Task<List<LlmUpdate>> StreamAsync(string body)
    {
        await using var upstream = await RawUpstream.StartAsync(body);
        return await StreamAsync(upstream);
    }

    private static async Task<List<LlmUpdate>> StreamAsync(RawUpstream upstream)
    {
        var options = new OpenAIOptions { BaseUrl = upstream.BaseAddress };
        using var handler = ProviderTransport.CreateHandler(options);
        using var client = new OpenAILlmClient(
            new ProviderFailures("openai", "OPENAI_API_KEY"), options, GatewayHost.Key, new ModelTable([]), TimeProvider.System, handler, OpenAIDialect.Own);
        var updates = new List<LlmUpdate>();
        await foreach (var update in client.StreamAsync(Request, CancellationToken.None))
            updates.Add(update);
        return updates;
    }
}
