using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using LlmGateway.FakeOpenAI;

namespace LlmGateway.Tests.Fakes;

public sealed class FakeOpenAIServerTests : IAsyncLifetime
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(10);

    private static readonly HttpClient Http = new()
    {
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", "test") },
    };
    private FakeOpenAIServer _fake = null!;

    public async Task InitializeAsync() => _fake = await FakeOpenAIServer.StartAsync();

    public async Task DisposeAsync() => await _fake.DisposeAsync();

    [Fact]
    public async Task StreamsRoleContentFinishUsageAndDone()
    {
        _fake.Script = new FakeScript { Text = "Hello big world", CachedTokens = 3 };

        var events = Events(await StreamAsync(Http, includeUsage: true));

        Assert.Equal("[DONE]", events[^1]);
        var chunks = events[..^1].Select(data => JsonDocument.Parse(data).RootElement).ToList();
        Assert.Equal(6, chunks.Count);
        Assert.Equal("assistant", Delta(chunks[0]).GetProperty("role").GetString());
        Assert.Equal("Hello big world", string.Concat(chunks[..4].Select(chunk => Delta(chunk).GetProperty("content").GetString())));
        Assert.Equal("stop", chunks[4].GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.Empty(chunks[5].GetProperty("choices").EnumerateArray());
        var usage = chunks[5].GetProperty("usage");
        Assert.Equal(3, usage.GetProperty("completion_tokens").GetInt32());
        Assert.Equal(3, usage.GetProperty("prompt_tokens_details").GetProperty("cached_tokens").GetInt32());
        Assert.Equal((1, 1, 3L, 0), (_fake.Completed, _fake.Streams, _fake.TokensSent, _fake.InFlight));
    }

    [Theory]
    [InlineData(FakeFault.Head)]
    [InlineData(2)]
    public async Task CountsAnAbortWhileItStalls(int after)
    {
        _fake.Script = new FakeScript { Fault = new FakeFault(FakeFaultKind.Stall, after) };
        var noticedAfter = new List<double>();

        // Three times: the first abort of a process also pays for its compilation.
        for (var round = 1; round <= 3; round++)
        {
            using var leave = new CancellationTokenSource();
            var call = StreamAsync(Http, cancellationToken: leave.Token);
            await _fake.WaitForAsync(fake => fake.InFlight == 1 && fake.TokensSent == Math.Max(0, after) * round, Soon);

            var left = DateTimeOffset.UtcNow;
            await leave.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
            await _fake.WaitForAsync(fake => fake.Aborted == round && fake.InFlight == 0, Soon);
            noticedAfter.Add((_fake.Requests[^1].AbortedAt!.Value - left).TotalMilliseconds);
        }

        Assert.InRange(noticedAfter.Min(), 0, 100);
    }

    [Fact]
    public async Task StopsWhileItStalls()
    {
        _fake.Script = new FakeScript { Fault = new FakeFault(FakeFaultKind.Stall, 1) };
        var call = StreamAsync(Http);
        await _fake.WaitForAsync(fake => fake.TokensSent == 1, Soon);

        await _fake.DisposeAsync().AsTask().WaitAsync(Soon);

        await Assert.ThrowsAnyAsync<HttpRequestException>(() => call);
        Assert.Equal((1, 0), (_fake.Cut, _fake.Aborted));
    }

    [Theory]
    [InlineData(FakeFault.Head)]
    [InlineData(2)]
    public async Task ResetsTheConnectionAfterWhatItHasSent(int after)
    {
        _fake.Script = new FakeScript { Fault = new FakeFault(FakeFaultKind.Reset, after) };

        var (head, body, error) = await ReadRawAsync();

        Assert.Equal(SocketError.ConnectionReset, error);
        Assert.Equal(after < 0, head.Length == 0);
        Assert.Equal(Math.Max(0, after), Count(body, "\"content\":\"") - Count(body, "\"role\""));
        Assert.Equal((1, 0), (_fake.Cut, _fake.Aborted));
    }

    [Theory]
    [InlineData(FakeFaultKind.Close, false)]
    [InlineData(FakeFaultKind.End, true)]
    public async Task TruncatesWithOrWithoutAProperEndOfTheBody(FakeFaultKind kind, bool proper)
    {
        _fake.Script = new FakeScript { Fault = new FakeFault(kind, 2, Partial: true) };

        var (_, body, error) = await ReadRawAsync();

        Assert.Equal(SocketError.Success, error);
        Assert.Equal(proper, body.EndsWith("\r\n0\r\n\r\n", StringComparison.Ordinal));
        Assert.DoesNotContain("[DONE]", body, StringComparison.Ordinal);
        Assert.DoesNotContain("\"finish_reason\":\"", body, StringComparison.Ordinal);
        Assert.Equal(1, _fake.Cut);
    }

    [Fact]
    public async Task SplitsInsideCharacters()
    {
        _fake.Script = new FakeScript { Pieces = ["žluťoučký ", "🦜"], SplitBytes = 1, SplitDelay = TimeSpan.Zero };

        var (_, body, _) = await ReadRawAsync();
        var events = Events(await StreamAsync(Http));

        // Every chunk of the chunked encoding holds one byte.
        Assert.True(Count(body, "\r\n1\r\n") > 500);
        Assert.Contains("🦜", events[2], StringComparison.Ordinal);
    }

    [Fact]
    public async Task SendsLoneSurrogatesAsTheyAre()
    {
        _fake.Script = new FakeScript { Pieces = ["\ud83d"] };

        Assert.Contains("""{"content":"\ud83d"}""", await StreamAsync(Http), StringComparison.Ordinal);
    }

    [Fact]
    public async Task FillsAForcedToolFromItsSchema()
    {
        _fake.Script = new FakeScript { Confidence = 0.75 };
        var category = new { type = "string", @enum = new[] { "billing", "other" } };
        var schema = new { type = "object", properties = new { category, confidence = new { type = "number" } } };

        using var response = await Http.PostAsJsonAsync($"{_fake.BaseAddress}/chat/completions", new
        {
            model = "gpt-4o-mini",
            messages = new[] { new { role = "user", content = "Where is my invoice?" } },
            tools = new[] { new { type = "function", function = new { name = "submit", parameters = schema } } },
            tool_choice = new { type = "function", function = new { name = "submit" } },
        });

        var choice = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("choices")[0];
        var function = choice.GetProperty("message").GetProperty("tool_calls")[0].GetProperty("function");
        Assert.Equal("submit", function.GetProperty("name").GetString());
        Assert.Equal("""{"category":"billing","confidence":0.75}""", function.GetProperty("arguments").GetString());
        Assert.Equal(JsonValueKind.Null, choice.GetProperty("message").GetProperty("content").ValueKind);
    }

    [Fact]
    public async Task FailsFirstAsADirectiveSays()
    {
        const string Prompt = "Say \"hi\". [[fake fail_first=2 status=429 code=slow retry_after=1 retry_after_ms=50 text=a%20%22b%22]]";

        for (var i = 0; i < 2; i++)
        {
            using var failed = await PostAsync(Http, Prompt);
            Assert.Equal(HttpStatusCode.TooManyRequests, failed.StatusCode);
            Assert.Equal("50", failed.Headers.GetValues("retry-after-ms").Single());
            Assert.Equal(TimeSpan.FromSeconds(1), failed.Headers.RetryAfter?.Delta);
            var error = (await failed.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("error");
            Assert.Equal("slow", error.GetProperty("code").GetString());
        }

        using var response = await PostAsync(Http, Prompt);
        var body = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("a \"b\"", body.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());
        Assert.Equal((2, 1), (_fake.Failed, _fake.Completed));
    }

    [Fact]
    public async Task AnUnknownSettingIsABadRequest()
    {
        using var response = await PostAsync(Http, "[[fake latencyy=1]]");

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal(1, _fake.BadRequests);
    }

    [Fact]
    public async Task HoldsAtAGate()
    {
        var gate = new FakeGate(after: 1);
        _fake.Enqueue(new FakeScript { Gate = gate });

        var call = StreamAsync(Http);
        await gate.Reached.WaitAsync(Soon);
        Assert.Equal((1, 1L), (_fake.InFlight, _fake.TokensSent));
        gate.Open();

        Assert.EndsWith("data: [DONE]\n\n", await call, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DripsTheHead()
    {
        _fake.Script = new FakeScript { HeadDrip = TimeSpan.FromMilliseconds(1) };
        var started = TimeProvider.System.GetTimestamp();

        var body = await StreamAsync(Http);

        Assert.EndsWith("data: [DONE]\n\n", body, StringComparison.Ordinal);
        Assert.True(TimeProvider.System.GetElapsedTime(started) > TimeSpan.FromMilliseconds(100));
    }

    [Fact]
    public async Task CountsAnAbortWhileItDripsTheHead()
    {
        _fake.Script = new FakeScript { HeadDrip = TimeSpan.FromSeconds(1) };
        using var leave = new CancellationTokenSource();
        var call = StreamAsync(Http, cancellationToken: leave.Token);
        await _fake.WaitForAsync(fake => fake.Streams == 1, Soon);

        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await _fake.WaitForAsync(fake => fake.InFlight == 0, Soon);

        Assert.Equal((1, 0), (_fake.Aborted, _fake.Completed));
    }

    [Fact]
    public async Task EmbedsTheSameTextAsTheSameUnitVector()
    {
        string[] inputs = ["a", "b", "a"];
        using var response = await Http.PostAsJsonAsync(
            $"{_fake.BaseAddress}/embeddings", new { model = "text-embedding-3-small", input = inputs, dimensions = 8 });
        using var packed = await Http.PostAsJsonAsync(
            $"{_fake.BaseAddress}/embeddings",
            new { model = "text-embedding-3-small", input = "a", dimensions = 8, encoding_format = "base64" });

        var data = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data");
        var vectors = data.EnumerateArray()
            .Select(item => item.GetProperty("embedding").EnumerateArray().Select(value => value.GetSingle()).ToArray()).ToList();
        Assert.Equal(vectors[0], vectors[2]);
        Assert.NotEqual(vectors[0], vectors[1]);
        Assert.Equal(1, vectors[0].Sum(value => value * value), 3);
        var bytes = (await packed.Content.ReadFromJsonAsync<JsonElement>())
            .GetProperty("data")[0].GetProperty("embedding").GetBytesFromBase64();
        Assert.Equal(vectors[0], Enumerable.Range(0, 8).Select(i => BitConverter.ToSingle(bytes, i * 4)));
    }

    [Fact]
    public async Task RefusesACallWithoutAToken()
    {
        using var anonymous = new HttpClient();
        using var response = await PostAsync(anonymous, "hi");

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal(1, _fake.AuthFailures);
    }

    private async Task<HttpResponseMessage> PostAsync(HttpClient http, string prompt) => await http.PostAsJsonAsync(
        $"{_fake.BaseAddress}/chat/completions",
        new { model = "gpt-4o-mini", messages = new[] { new { role = "user", content = prompt } } });

    private async Task<string> StreamAsync(HttpClient http, bool includeUsage = false, CancellationToken cancellationToken = default)
    {
        using var response = await http.PostAsJsonAsync(
            $"{_fake.BaseAddress}/chat/completions", StreamBody(includeUsage), cancellationToken);
        return await response.Content.ReadAsStringAsync(cancellationToken);
    }

    private static object StreamBody(bool includeUsage) => new
    {
        model = "gpt-4o-mini",
        stream = true,
        stream_options = new { include_usage = includeUsage },
        messages = new[] { new { role = "user", content = "hi" } },
    };

    /// <summary>Below HttpClient: what the socket gave until it ended, and how it ended.</summary>
    private async Task<(string Head, string Body, SocketError End)> ReadRawAsync()
    {
        using var client = new TcpClient();
        await client.ConnectAsync(_fake.BaseAddress.Host, _fake.BaseAddress.Port);
        var json = JsonSerializer.Serialize(StreamBody(includeUsage: false));
        await client.GetStream().WriteAsync(Encoding.UTF8.GetBytes(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer test\r\n"
            + $"Connection: close\r\nContent-Length: {json.Length}\r\n\r\n{json}"));
        using var received = new MemoryStream();
        var end = SocketError.Success;
        try
        {
            await client.GetStream().CopyToAsync(received).WaitAsync(Soon);
        }
        catch (IOException exception) when (exception.InnerException is SocketException inner)
        {
            end = inner.SocketErrorCode;
        }

        var text = Encoding.UTF8.GetString(received.ToArray());
        var cut = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        return cut < 0 ? (text, "", end) : (text[..cut], text[(cut + 2)..], end);
    }

    private static List<string> Events(string body) =>
        body.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(frame => frame["data: ".Length..]).ToList();

    private static JsonElement Delta(JsonElement chunk) => chunk.GetProperty("choices")[0].GetProperty("delta");

    private static int Count(string text, string part) => text.Split(part).Length - 1;
}
