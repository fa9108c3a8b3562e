using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Endpoints;

public class ChatStreamTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(10);

    /// <summary>Text that breaks whatever counts bytes, code units or lines carelessly.</summary>
    public static TheoryData<string> Texts => new(
        "日本語と中文，한국어。",
        "family 👨‍👩‍👧‍👦, flag 🏴󠁧󠁢󠁥󠁮󠁧󠁿, skin 👍🏽",
        "e\u0301a\u0308\u0323 \u0915\u094d\u0937\u093f \u0e01\u0e33",
        "one\ntwo\r\nthree\rfour\u2028five\u2029six\u0085seven",
        "\n\n", "\r\r", "nul \0 bell \a escape \u001b delete \u007f",
        "data: {\"delta\":\"\"}\n\ndata: [DONE]\n\nid: 7\nretry: 0\n\n: comment",
        "\"quoted\" \\ / \\u0041 </script> ' & \ufeff \ufffe",
        " leading and trailing ");

    [Fact]
    public async Task SaysInItsHeadersWhatItIsAndWhoSpeaks()
    {
        await using var gateway = await GatewayHost.StartAsync();
        using var client = await RawClient.ConnectAsync(gateway.Address);

        await client.SendAsync("/chat-stream?message=hi", null, "Accept: text/event-stream", "Accept-Encoding: gzip, br, zstd", "X-Request-Id: mine-1");
        await client.ReadHeadAsync();

        Assert.Equal(200, client.Status);
        Assert.Equal("text/event-stream", client["content-type"]);
        Assert.Equal("no-cache, no-transform", client["cache-control"]);
        Assert.Equal("no", client["x-accel-buffering"]);
        Assert.Equal("mine-1", client["x-request-id"]);
        Assert.NotEmpty(client["x-stream-id"]);
        Assert.Equal(("gpt-4o-mini", "openai", "1"), (client["x-model"], client["x-provider"], client["x-attempts"]));
        Assert.Equal("chunked", client["transfer-encoding"]);
        Assert.False(client.Headers.ContainsKey("content-encoding"));
        Assert.False(client.Headers.ContainsKey("content-length"));
        Assert.False(client.Headers.ContainsKey("x-cost-usd"));
    }

    [Fact]
    public async Task GivesEachStreamANameOfItsOwn()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var names = new HashSet<string>();

        for (var i = 0; i < 5; i++)
        {
            using var response = await gateway.Client.GetAsync($"/chat-stream?message=hi{i}");
            Assert.True(names.Add(response.Headers.GetValues("x-stream-id").Single()));
        }
    }

    [Fact]
    public async Task CountsTheAttemptsBeforeTheFirstToken()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { FailFirst = 2, Status = 503, Pieces = ["ok"] };

        using var response = await gateway.Client.GetAsync("/chat-stream?message=hi");

        Assert.Equal("ok", EventText.Text(EventText.Json(await response.Content.ReadAsStringAsync())));
        Assert.Equal("3", response.Headers.GetValues("x-attempts").Single());
        Assert.Equal(3, gateway.Upstream.Calls);
    }

    /// <summary>The upstream stands still after each token: what it has said by then must be here, to the last frame.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public async Task HoldsNoFrameBack(int tokens)
    {
        await using var gateway = await GatewayHost.StartAsync();
        var gate = new FakeGate(tokens);
        gateway.Upstream.Script = new FakeScript { Tokens = 6, Gate = gate };
        using var client = await RawClient.ConnectAsync(gateway.Address);
        await client.SendAsync("/chat-stream?message=hi");
        await gate.Reached.WaitAsync(Soon);

        await client.ReadHeadAsync();
        for (var i = 0; i < tokens; i++)
            Assert.StartsWith("""data: {"delta":""", Data(await client.ReadFrameAsync()), StringComparison.Ordinal);

        gate.Open();
        var rest = new List<string>();
        while (await client.ReadFrameAsync() is { } frame)
            rest.Add(Data(frame));
        Assert.Equal(6 - tokens + 2, rest.Count);
        Assert.Contains("\"finish_reason\":\"stop\"", rest[^2], StringComparison.Ordinal);
        Assert.Equal("data: [DONE]", rest[^1]);
    }

    [Theory]
    [MemberData(nameof(Texts))]
    public async Task PassesOnAnyTextAsItIs(string text)
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Pieces = [text, "|", text] };

        var stream = await gateway.Client.GetStringAsync($"/chat-stream?message={Uri.EscapeDataString(text + "?")}");
        using var post = await PostAsync(gateway, "/chat", new { message = text + "!" }, "application/json");

        var events = EventText.Json(stream);
        Assert.Equal($"{text}|{text}", EventText.Text(events));
        Assert.Equal(4, events.Count);
        Assert.Equal($"{text}|{text}", (await post.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("reply").GetString());
        Assert.Equal([text + "?", text + "!"], gateway.Upstream.Requests.Select(request => request.Json.GetProperty("messages")[0].GetProperty("content").GetString()));
    }

    [Fact]
    public async Task PutsTheReplacementCharacterForHalfACharacter()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Pieces = ["a \ud83d", "\ude00 b \ude00", "😀"] };

        using var response = await gateway.Client.PostAsync(
            "/chat-stream", new StringContent("""{"message":"x \ud83d y \ude00 z \ud83d\ude00"}""", Encoding.UTF8, "application/json"));

        Assert.Equal("a \ufffd\ufffd b \ufffd😀", EventText.Text(EventText.Json(await response.Content.ReadAsStringAsync())));
        Assert.Equal("x \ufffd y \ufffd z 😀", gateway.Upstream.Requests[0].Json.GetProperty("messages")[0].GetProperty("content").GetString());
    }

    /// <summary>Single bytes, and slices whose first one ends once at each byte of where the text is in an event.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task JoinsWhatTheNetworkSplits(bool crlf)
    {
        const string Text = "é日本👩‍👧e\u0301🏴󠁧󠁢󠁥󠁮󠁧󠁿\u0915\u094d\u0937\u093f";
        int[] sizes = [1, .. Enumerable.Range(120, 300)];
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.OnRequest = request =>
        {
            var size = int.Parse(request.Json.GetProperty("messages")[0].GetProperty("content").GetString()!, CultureInfo.InvariantCulture);
            var delay = TimeSpan.FromMilliseconds(size == 1 ? 0 : 1);
            return new FakeScript { Pieces = [Text], SplitBytes = size, SplitDelay = delay, Crlf = crlf, Comments = crlf };
        };

        var streams = await Task.WhenAll(sizes.Select(size => gateway.Client.GetStringAsync($"/chat-stream?message={size}")));

        Assert.All(streams, stream =>
        {
            var events = EventText.Json(stream);
            Assert.Equal(Text, EventText.Text(events));
            Assert.Equal("stop", events[^1].GetProperty("finish_reason").GetString());
            Assert.True(events[^1].TryGetProperty("usage", out _));
        });
    }

    [Theory]
    [InlineData("length")]
    [InlineData("tool_calls")]
    [InlineData("something_new")]
    public async Task PassesOnAnyFinishReason(string reason)
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Pieces = ["so"], FinishReason = reason };

        var events = EventText.Json(await gateway.Client.GetStringAsync("/chat-stream?message=hi"));
        using var json = await PostAsync(gateway, "/chat", new { message = "hello" }, "application/json");

        Assert.Equal(reason, events[^1].GetProperty("finish_reason").GetString());
        Assert.Equal(reason, (await json.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("finish_reason").GetString());
    }

    [Fact]
    public async Task SaysThatMaxTokensCutTheReply()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Tokens = 10 };

        var events = EventText.Json(await gateway.Client.GetStringAsync("/chat-stream?message=hi&max_tokens=3"));

        Assert.Equal(4, events.Count);
        Assert.Equal("length", events[^1].GetProperty("finish_reason").GetString());
    }

    [Fact]
    public async Task KeepsSilentAboutTokensThatNobodyCounted()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Pieces = ["so"], NoUsage = true };

        var end = EventText.Json(await gateway.Client.GetStringAsync("/chat-stream?message=hi"))[^1];
        using var json = await PostAsync(gateway, "/chat", new { message = "hello" }, "application/json");

        Assert.Equal(["delta", "finish_reason", "model"], end.EnumerateObject().Select(property => property.Name));
        Assert.False(json.Headers.Contains("x-tokens-input"));
        Assert.False(json.Headers.Contains("x-cost-usd"));
    }

    [Fact]
    public async Task ChargesCachedInputAsTheProviderDoes()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { PromptTokens = 1000, CachedTokens = 600, CompletionTokens = 10 };

        var end = EventText.Json(await gateway.Client.GetStringAsync("/chat-stream?message=hi"))[^1];

        Assert.Equal(0.000111m, end.GetProperty("cost_usd").GetDecimal());
    }

    [Fact]
    public async Task EndsAnEmptyReplyLikeAnyOther()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { NullContent = true };

        var events = EventText.Json(await gateway.Client.GetStringAsync("/chat-stream?message=hi"));

        Assert.Equal("stop", Assert.Single(events).GetProperty("finish_reason").GetString());
    }

    [Fact]
    public async Task EndsAReplyThatIsTooLong()
    {
        await using var gateway = await GatewayHost.StartAsync("Streaming:MaxDuration=00:00:00.500");
        gateway.Upstream.Script = new FakeScript { Tokens = 1000, Delay = TimeSpan.FromMilliseconds(20) };

        var stream = await gateway.Client.GetStringAsync("/chat-stream?message=hi");

        Assert.Equal("upstream_timeout", EventText.Failure(stream, retryable: true, EventText.Text(EventText.Json(stream))));
        Assert.NotEmpty(EventText.Text(EventText.Json(stream)));
        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, Soon);
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task TakesNoMoreStreamsThanItMay()
    {
        await using var gateway = await GatewayHost.StartAsync("Http:MaxConcurrentRequests=2");
        var gates = new[] { new FakeGate(1), new FakeGate(1) };
        gateway.Upstream.Enqueue([.. gates.Select(gate => new FakeScript { Gate = gate })]);
        var open = new[] { gateway.Client.GetStringAsync("/chat-stream?message=a"), gateway.Client.GetStringAsync("/chat-stream?message=b") };
        await Task.WhenAll(gates.Select(gate => gate.Reached)).WaitAsync(Soon);

        using var refused = await gateway.Client.GetAsync("/chat-stream?message=c");
        using var health = await gateway.Client.GetAsync("/health/live");

        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Equal("application/problem+json", refused.Content.Headers.ContentType!.ToString());
        var problem = await refused.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("rate_limited", problem.GetProperty("code").GetString());
        Assert.True(problem.GetProperty("retryable").GetBoolean());
        Assert.NotNull(refused.Headers.RetryAfter!.Delta);
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);
        Assert.Equal(2, gateway.Upstream.Calls);

        foreach (var gate in gates)
            gate.Open();
        await Task.WhenAll(open);
        Assert.Equal(8, EventText.Json(await gateway.Client.GetStringAsync("/chat-stream?message=d")).Count - 1);
    }

    [Fact]
    public async Task StreamsToManyAtOnce()
    {
        const int Streams = 200;
        const int Tokens = 30;
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.OnRequest = request => new FakeScript
        {
            Pieces = Script(request.Json.GetProperty("messages")[0].GetProperty("content").GetString()!),
            Delay = TimeSpan.FromMilliseconds(10),
        };
        gateway.Client.Timeout = TimeSpan.FromSeconds(60);

        var streams = await Task.WhenAll(Enumerable.Range(0, Streams).Select(i => gateway.Client.GetStringAsync($"/chat-stream?message=s{i}")));

        for (var i = 0; i < Streams; i++)
        {
            var events = EventText.Json(streams[i]);
            Assert.Equal(Script($"s{i}"), events.SkipLast(1).Select(json => json.GetProperty("delta").GetString()!));
            Assert.Equal("stop", events[^1].GetProperty("finish_reason").GetString());
        }
        Assert.Equal((Streams, Streams), (gateway.Upstream.Calls, gateway.Upstream.Completed));

        static string[] Script(string name) => [.. Enumerable.Range(0, Tokens).Select(token => $"{name}.{token} ")];
    }

    /// <summary>A frame without the lines that serve reconnects.</summary>
    private static string Data(string? frame) =>
        frame!.Split('\n').Single(line => !line.StartsWith("id:", StringComparison.Ordinal) && !line.StartsWith("retry:", StringComparison.Ordinal));

    private static async Task<HttpResponseMessage> PostAsync(GatewayHost gateway, string path, object body, string accept)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
        request.Headers.Accept.ParseAdd(accept);
        return await gateway.Client.SendAsync(request);
    }
}
