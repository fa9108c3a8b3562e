using System.Net;
using System.Net.Http.Json;
using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace LlmGateway.Tests.Endpoints;

public class CacheTests
{
    // 9 tokens in and 2 out, at 0.15 and 0.60 dollars a million.
    private const string Price = "0.00000255";

    private static readonly FakeScript Script = new() { Text = "Boats \"go\" — zażółć 🎈", PromptTokens = 9, CompletionTokens = 2 };

    private static readonly string[] JsonEndpoints = ["/summarize", "/chat", "/classify"];

    private readonly FakeTimeProvider _time = new();

    public static TheoryData<string> Endpoints => [.. JsonEndpoints];

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task AHitIsTheBytesOfTheMissAndCostsNothing(string endpoint)
    {
        await using var gateway = await StartAsync();
        var miss = await AskAsync(gateway, endpoint);
        _time.Advance(TimeSpan.FromMinutes(1));
        var hit = await AskAsync(gateway, endpoint);

        Assert.Equal(1, gateway.Upstream.Calls);
        Assert.Equal(HttpStatusCode.OK, miss.Status);
        Assert.Equal("MISS", miss["x-cache"]);
        Assert.Equal("LlmGateway; fwd=miss; stored", miss["cache-status"]);
        Assert.Null(miss["age"]);
        Assert.Equal("1", miss["x-attempts"]);
        Assert.Equal(Price, miss["x-cost-usd"]);
        Assert.Null(miss["x-cost-saved-usd"]);

        Assert.Equal(HttpStatusCode.OK, hit.Status);
        Assert.Equal("HIT", hit["x-cache"]);
        Assert.Equal(endpoint == "/summarize" ? "LlmGateway; hit; ttl=86340" : "LlmGateway; hit; ttl=3540", hit["cache-status"]);
        Assert.Equal("60", hit["age"]);
        Assert.Equal("0", hit["x-attempts"]);
        Assert.Equal("0", hit["x-cost-usd"]);
        Assert.Equal(Price, hit["x-cost-saved-usd"]);

        Assert.Equal(miss.Body, hit.Body);
        foreach (var same in new[] { "content-type", "content-length", "x-model", "x-provider", "x-tokens-input", "x-tokens-output" })
            Assert.Equal(miss.Headers[same], hit[same]);
        Assert.NotEqual(miss["x-request-id"], hit["x-request-id"]);
    }

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task FreshAsksAgainAndReplacesWhatIsStored(string endpoint)
    {
        await using var gateway = await StartAsync();
        gateway.Upstream.Enqueue(Script with { Text = "old", Choice = "billing" }, Script with { Text = "new", Choice = "sales" });
        var old = await AskAsync(gateway, endpoint);

        var fresh = await AskAsync(gateway, endpoint + "?fresh=1");
        Assert.Equal(2, gateway.Upstream.Calls);
        Assert.Equal("BYPASS", fresh["x-cache"]);
        Assert.Equal("LlmGateway; fwd=bypass; stored", fresh["cache-status"]);
        Assert.Equal("1", fresh["x-attempts"]);
        Assert.Equal(Price, fresh["x-cost-usd"]);
        Assert.Null(fresh["x-cost-saved-usd"]);
        Assert.NotEqual(old.Text, fresh.Text);

        var hit = await AskAsync(gateway, endpoint);
        Assert.Equal(2, gateway.Upstream.Calls);
        Assert.Equal("HIT", hit["x-cache"]);
        Assert.Equal(fresh.Body, hit.Body);
    }

    [Fact]
    public async Task FreshIsForStreamsToo()
    {
        await using var gateway = await StartAsync();
        gateway.Upstream.Enqueue(Script with { Text = "old" }, Script with { Text = "new" });
        await StreamAsync(gateway);
        var fresh = await StreamAsync(gateway, "&fresh=1");
        Assert.Equal("BYPASS", fresh["x-cache"]);
        Assert.StartsWith("LlmGateway; fwd=bypass", fresh["cache-status"], StringComparison.Ordinal);
        Assert.Equal("new", fresh.Reply);
        Assert.Equal("new", (await StreamAsync(gateway)).Reply);
        Assert.Equal(2, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task AReplyIsStoredForStreamsAndTheirLastFrameSaysWhatItSaved()
    {
        await using var gateway = await StartAsync();
        gateway.Upstream.Script = Script with { Text = "Hello there" };
        await AskAsync(gateway, "/chat");

        var hit = await StreamAsync(gateway);

        Assert.Equal(1, gateway.Upstream.Calls);
        Assert.Equal("HIT", hit["x-cache"]);
        Assert.Equal("LlmGateway; hit; ttl=3600", hit["cache-status"]);
        Assert.Equal("0", hit["age"]);
        Assert.Equal("0", hit["x-attempts"]);
        Assert.Equal(
            """
            retry: 1000
            data: {"delta":"Hello there"}
            id: ID:11

            data: {"delta":"","finish_reason":"stop","model":"gpt-4o-mini","usage":{"input_tokens":9,"output_tokens":2},"cost_usd":0,"cost_saved_usd":0.00000255}
            id: ID:end

            id: ID:done
            data: [DONE]


            """.ReplaceLineEndings("\n"),
            hit.Text.Replace(hit["x-stream-id"]!, "ID", StringComparison.Ordinal));
    }

    [Fact]
    public async Task AStreamIsStoredForRepliesInOnePiece()
    {
        await using var gateway = await StartAsync();
        var stream = await StreamAsync(gateway);
        Assert.Equal("MISS", stream["x-cache"]);
        // Its head may go out before it is stored, or after.
        Assert.StartsWith("LlmGateway; fwd=miss", stream["cache-status"], StringComparison.Ordinal);
        Assert.Equal(0.00000255m, stream.CostUsd);
        Assert.Null(stream.SavedUsd);

        var hit = await AskAsync(gateway, "/chat");
        Assert.Equal("HIT", hit["x-cache"]);
        Assert.Equal(stream.Reply, hit.Reply);
        Assert.Equal(Script.Text, hit.Reply);
        Assert.Equal(hit.Body, (await AskAsync(gateway, "/chat-stream")).Body);
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task AReplyInOnePieceThatComesInManyPiecesIsWhole()
    {
        await using var gateway = await StartAsync();
        gateway.Upstream.Script = Script with { Delay = TimeSpan.FromMilliseconds(5) };
        var answer = await AskAsync(gateway, "/chat").WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(Script.Text, answer.Reply);
    }

    [Theory]
    [InlineData("""{"message":"hi","temperature":1}""")]
    [InlineData("""{"message":"hi","max_tokens":5}""")]
    [InlineData("""{"message":"hi","model":"gpt-4o"}""")]
    [InlineData("""{"message":"hi","system":"Be brief."}""")]
    [InlineData("""{"message":"Hi"}""")]
    public async Task AnotherQuestionHasAnotherAnswer(string body)
    {
        await using var gateway = await StartAsync();
        await AskAsync(gateway, "/chat");
        Assert.Equal("MISS", (await PostAsync(gateway, "/chat", new StringContent(body, null, "application/json")))["x-cache"]);
        Assert.Equal(2, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task TheSameQuestionInOtherWordsOfTheContractHasTheSameAnswer()
    {
        await using var gateway = await StartAsync();
        await AskAsync(gateway, "/chat");
        var same = """{"messages":[{"role":"user","content":"hi"}],"unknown":1}""";
        Assert.Equal("HIT", (await PostAsync(gateway, "/chat", new StringContent(same, null, "application/json")))["x-cache"]);
    }

    [Fact]
    public async Task LongTextsThatDifferOnlyBehindTheCutShareNoAnswer()
    {
        await using var gateway = await StartAsync();
        var beginning = string.Concat(Enumerable.Repeat("The boats go down the river. ", 1_400));

        var one = await PostAsync(gateway, "/summarize", JsonContent.Create(new { text = beginning + "One end." }));
        var two = await PostAsync(gateway, "/summarize", JsonContent.Create(new { text = beginning + "Another end, which is a little longer." }));

        Assert.Equal("MISS", two["x-cache"]);
        Assert.Equal(2, gateway.Upstream.Calls);
        // The model was asked the very same: what differs is what is told of the whole text.
        Assert.Equal(gateway.Upstream.Requests[0].Body, gateway.Upstream.Requests[1].Body);
        Assert.Contains("\"truncated\":true", one.Text, StringComparison.Ordinal);
        Assert.NotEqual(one.Text, two.Text);
        Assert.Equal("HIT", (await PostAsync(gateway, "/summarize", JsonContent.Create(new { text = beginning + "One end." })))["x-cache"]);
    }

    [Theory]
    [InlineData("/summarize")]
    [InlineData("/chat")]
    public async Task WhatIsCutShortIsNotStored(string endpoint)
    {
        await using var gateway = await StartAsync();
        gateway.Upstream.Script = Script with { FinishReason = "length" };
        for (var i = 1; i <= 2; i++)
        {
            var answer = await AskAsync(gateway, endpoint);
            Assert.Equal(HttpStatusCode.OK, answer.Status);
            Assert.Equal("MISS", answer["x-cache"]);
            Assert.Equal("LlmGateway; fwd=miss", answer["cache-status"]);
            Assert.Equal(i, gateway.Upstream.Calls);
        }
    }

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task FailuresAreNotStored(string endpoint)
    {
        await using var gateway = await StartAsync();
        gateway.Upstream.Enqueue(Script with { Status = 500 });
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await AskAsync(gateway, endpoint)).Status);
        Assert.Equal("MISS", (await AskAsync(gateway, endpoint))["x-cache"]);
        Assert.Equal(2, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task AStreamThatBreaksIsNotStored()
    {
        await using var gateway = await StartAsync();
        gateway.Upstream.Enqueue(Script with { Pieces = ["a", "b", "c"], Fault = new FakeFault(FakeFaultKind.Reset, After: 2) });
        var broken = await StreamAsync(gateway);
        Assert.Equal("ab", broken.Reply);
        Assert.True(broken.Frames[^1].TryGetProperty("error", out _));
        Assert.Equal("MISS", (await StreamAsync(gateway))["x-cache"]);
        Assert.Equal(2, gateway.Upstream.Calls);
    }

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task AnAnswerIsAskedForAgainAfterItsTime(string endpoint)
    {
        await using var gateway = await StartAsync();
        var time = TimeSpan.FromHours(endpoint == "/summarize" ? 24 : 1);
        await AskAsync(gateway, endpoint);
        _time.Advance(time - TimeSpan.FromSeconds(1));
        Assert.Equal("LlmGateway; hit; ttl=1", (await AskAsync(gateway, endpoint))["cache-status"]);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("MISS", (await AskAsync(gateway, endpoint))["x-cache"]);
        Assert.Equal(2, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task APastAnswerStandsInWhereTheModelFailsAndSaysSo()
    {
        await using var gateway = await StartAsync();
        var miss = await AskAsync(gateway, "/chat");
        gateway.Upstream.Script = Script with { Status = 500 };
        _time.Advance(TimeSpan.FromHours(2));

        var stale = await AskAsync(gateway, "/chat");
        Assert.Equal(HttpStatusCode.OK, stale.Status);
        Assert.Equal(2, gateway.Upstream.Calls);
        Assert.Equal("STALE", stale["x-cache"]);
        Assert.Equal("LlmGateway; hit; ttl=-3600", stale["cache-status"]);
        Assert.Equal("7200", stale["age"]);
        Assert.Equal("0", stale["x-cost-usd"]);
        Assert.Equal(Price, stale["x-cost-saved-usd"]);
        Assert.Equal(miss.Body, stale.Body);

        _time.Advance(TimeSpan.FromHours(23));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await AskAsync(gateway, "/chat")).Status);
    }

    [Fact]
    public async Task WithNoTimeToLiveEachRequestAsksAndPays()
    {
        await using var gateway = await StartAsync("Cache:Chat:TimeToLive=00:00:00");
        for (var i = 1; i <= 2; i++)
        {
            var answer = await AskAsync(gateway, "/chat");
            Assert.Equal("BYPASS", answer["x-cache"]);
            Assert.Equal("LlmGateway; fwd=bypass", answer["cache-status"]);
            Assert.Equal(Price, answer["x-cost-usd"]);
            Assert.Equal(i, gateway.Upstream.Calls);
        }
    }

    /// <summary>In a time that passes only here; one try, for a pause between two would never end in it.</summary>
    private async Task<GatewayHost> StartAsync(params string[] settings)
    {
        var gateway = await GatewayHost.StartAsync(builder => builder.Services.AddSingleton<TimeProvider>(_time), ["Llm:Resilience:MaxRetries=0", .. settings]);
        gateway.Upstream.Script = Script;
        return gateway;
    }

    private static Task<GatewayAnswer> AskAsync(GatewayHost gateway, string endpoint) =>
        PostAsync(gateway, endpoint, JsonContent.Create(new { message = "hi", text = "hi" }));

    private static async Task<GatewayAnswer> PostAsync(GatewayHost gateway, string endpoint, HttpContent body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, endpoint) { Content = body };
        request.Headers.Accept.ParseAdd("application/json");
        return await GatewayAnswer.OfAsync(await gateway.Client.SendAsync(request));
    }

    private static async Task<GatewayAnswer> StreamAsync(GatewayHost gateway, string more = "") =>
        await GatewayAnswer.OfAsync(await gateway.Client.GetAsync("/chat-stream?message=hi" + more));
}
