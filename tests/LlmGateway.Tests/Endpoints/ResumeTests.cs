using System.Net;
using System.Text.Json;
using LlmGateway.FakeOpenAI;
using LlmGateway.Hosting;
using LlmGateway.Llm.Generations;
using LlmGateway.Tests.Hosts;
using Microsoft.Extensions.DependencyInjection;
using Problem = LlmGateway.Tests.Hosts.Problem;

namespace LlmGateway.Tests.Endpoints;

/// <summary>Clients that come back: what they get, and that nobody pays for it.</summary>
public class ResumeTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(10);
    private static readonly string[] Words = ["one ", "two ", "three ", "four ", "five"];

    /// <summary>Text whose characters are of every size, and some that look like frames.</summary>
    private static readonly string[] Odd = ["é日本", "👩‍👧 ", "data: x\n\nid: 9:9\n\n", "\r\n\u2028\0", "end"];

    private readonly WatchedTime _time = new();

    [Fact]
    public async Task EveryFrameSaysHowFarItGoes()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Pieces = Odd };

        using var response = await gateway.Client.GetAsync("/chat-stream?message=hi");

        var id = Assert.Single(response.Headers.GetValues("x-stream-id"));
        var text = await response.Content.ReadAsStringAsync();
        var lengths = Odd.Select((_, i) => Odd.Take(i + 1).Sum(piece => piece.Length)).Select(length => $"{id}:{length}");
        Assert.Equal([.. lengths, $"{id}:end", $"{id}:done"], EventText.Ids(text));
        Assert.StartsWith("retry: 1000\ndata: ", text, StringComparison.Ordinal);
        Assert.Equal(string.Concat(Odd), EventText.Text(EventText.Json(text)));
    }

    [Fact]
    public async Task APostCarriesNoIdsUnlessItIsToBeResumed()
    {
        await using var gateway = await GatewayHost.StartAsync();

        using var plain = await gateway.Client.PostAsync("/chat-stream", GatewayCalls.Json("""{"message":"a"}"""));
        using var resumable = await gateway.Client.PostAsync("/chat-stream?resume=1", GatewayCalls.Json("""{"message":"b"}"""));

        Assert.StartsWith("data: ", await plain.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.StartsWith("retry: 1000\ndata: ", await resumable.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    /// <summary>Cut after each frame of a stream, with the rest still to be said or all of it said by then.</summary>
    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(4, false)]
    [InlineData(1, true)]
    [InlineData(3, true)]
    [InlineData(5, true)]
    public async Task GoesOnExactlyWhereItBrokeOff(int frames, bool ended)
    {
        await using var gateway = await GatewayHost.StartAsync();
        var gate = new FakeGate(frames);
        gateway.Upstream.Script = new FakeScript { Pieces = Odd, Gate = gate };
        var (last, said) = await LoseAsync(gateway, gate, frames, "/chat-stream?message=hi&resume=1");
        if (ended)
        {
            gate.Open();
            await gateway.Upstream.WaitForAsync(upstream => upstream.Completed == 1, Soon);
        }

        var rest = ReturnAsync(gateway, last);
        gate.Open();

        var stream = await rest;
        // One of them was made for the first request.
        Assert.Equal([1, 0], (await gateway.Log.WaitForAsync("Request", 2)).Select(request => request.Value("Attempts")));
        Assert.Equal(string.Concat(Odd), said + EventText.Text(EventText.Json(stream)));
        Assert.Equal("stop", EventText.Json(stream)[^1].GetProperty("finish_reason").GetString());
        Assert.True(EventText.Json(stream)[^1].TryGetProperty("cost_usd", out _));
        Assert.Equal(1, gateway.Upstream.Calls);
        Assert.Equal(0, gateway.Upstream.Aborted);
    }

    [Fact]
    public async Task IsTheSameStreamUnderTheSameName()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var gate = new FakeGate(2);
        gateway.Upstream.Script = new FakeScript { Pieces = Words, Gate = gate };
        var (last, _) = await LoseAsync(gateway, gate, 2, "/chat-stream?message=hi&resume=1");

        using var client = await RawClient.ConnectAsync(gateway.Address);
        await client.SendAsync("/chat-stream?message=hi&resume=1", null, $"Last-Event-ID: {last}");
        // It is open at once, though nothing new has been said.
        await client.ReadHeadAsync();
        Assert.Equal(last.Split(':')[0], client["x-stream-id"]);
        Assert.Equal($"retry: 1000\ndata: {{\"delta\":\"\"}}\nid: {last}", await client.ReadFrameAsync());
        gate.Open();

        var ids = EventText.Ids(await client.ReadToEndAsync());
        Assert.Equal(["14", "19", "23", "end", "done"], ids.Select(id => id.Split(':')[1]));
    }

    /// <summary>As often as it breaks, and each time after one word.</summary>
    [Fact]
    public async Task CanBeTakenUpAgainAndAgain()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Pieces = Words, Delay = TimeSpan.FromMilliseconds(30) };
        var (last, said) = ("", "");

        for (var i = 0; i < Words.Length; i++)
        {
            using var client = await RawClient.ConnectAsync(gateway.Address);
            await client.SendAsync("/chat-stream?message=hi&resume=1", null, last.Length == 0 ? "X-None: 1" : $"Last-Event-ID: {last}");
            await client.ReadHeadAsync();
            // Whoever is there before the next word is told its place first.
            for (var word = ""; word.Length == 0; said += word)
            {
                var frame = await DataFrameAsync(client) + "\n\n";
                (last, word) = (EventText.Ids(frame).Single(), EventText.Text(EventText.Data(frame).Select(JsonElementOf)));
            }
            client.Close();
        }

        Assert.Equal(string.Concat(Words), said);
        Assert.Equal("stop", EventText.Json(await ReturnAsync(gateway, last)).Single().GetProperty("finish_reason").GetString());
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task WhoLacksTheLastLineAloneGetsIt()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var ids = EventText.Ids(await gateway.Client.GetStringAsync("/chat-stream?message=hi"));

        Assert.Empty(EventText.Json(await ReturnAsync(gateway, ids[^2])));
        Assert.Single(EventText.Json(await ReturnAsync(gateway, ids[^3])));
    }

    [Fact]
    public async Task WhoHasEverythingIsToldToStop()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var ids = EventText.Ids(await gateway.Client.GetStringAsync("/chat-stream?message=hi"));

        for (var i = 0; i < 3; i++)
            Assert.Equal(HttpStatusCode.NoContent, await StatusAsync(gateway, ids[^1]));

        Assert.Equal(HttpStatusCode.NoContent, await StatusAsync(gateway, ids[0]));
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData("")]
    [InlineData("7")]
    [InlineData("nobody:3")]
    [InlineData("nobody:end")]
    [InlineData("nobody:done")]
    [InlineData("nobody:-1")]
    [InlineData("a:b:c")]
    [InlineData(":")]
    [InlineData("nobody:99999999999999999999")]
    public async Task AnUnknownPlaceIsNoReasonToAskAnybody(string last)
    {
        await using var gateway = await GatewayHost.StartAsync();

        Assert.Equal(HttpStatusCode.NoContent, await StatusAsync(gateway, last));
        using var post = GatewayCalls.Post("/chat-stream", """{"message":"hi"}""");
        post.Headers.TryAddWithoutValidation("Last-Event-ID", last);
        using var posted = await gateway.Client.SendAsync(post);

        Assert.Equal(HttpStatusCode.NoContent, posted.StatusCode);
        Assert.Equal(0, gateway.Upstream.Calls);
    }

    /// <summary>What the id says beyond the text's end, or of another client's stream, harms nobody.</summary>
    [Fact]
    public async Task APlaceBeyondTheEndGetsTheEnd()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Pieces = Words };
        var id = EventText.Ids(await gateway.Client.GetStringAsync("/chat-stream?message=hi"))[0].Split(':')[0];

        var events = EventText.Json(await ReturnAsync(gateway, id + ":2000000000"));

        Assert.Equal("", EventText.Text(events));
        Assert.Equal("stop", Assert.Single(events).GetProperty("finish_reason").GetString());
    }

    [Fact]
    public async Task WithoutTheWishToResumeTheCallEndsWithItsLastReader()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var gate = new FakeGate(2);
        gateway.Upstream.Script = new FakeScript { Pieces = Words, Gate = gate };

        var (last, _) = await LoseAsync(gateway, gate, 2, "/chat-stream?message=hi");

        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, Soon);
        Assert.Equal(HttpStatusCode.NoContent, await StatusAsync(gateway, last));
        Assert.Equal(1, gateway.Upstream.Calls);
        await AssertForgottenAsync(gateway);
    }

    [Fact]
    public async Task WithoutTheWishToResumeARestThatOthersReadIsThereAllTheSame()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var gate = new FakeGate(2);
        gateway.Upstream.Script = new FakeScript { Pieces = Words, Gate = gate };
        using var other = await RawClient.ConnectAsync(gateway.Address);
        await other.SendAsync("/chat-stream?message=hi");
        await gate.Reached.WaitAsync(Soon);
        await other.ReadHeadAsync();
        var (last, said) = await LoseAsync(gateway, gate, 2, "/chat-stream?message=hi");

        var rest = ReturnAsync(gateway, last);
        gate.Open();

        Assert.Equal(string.Concat(Words), said + EventText.Text(EventText.Json(await rest)));
        Assert.Equal(string.Concat(Words), EventText.Text(EventText.Json(await other.ReadToEndAsync())));
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task TheGraceIsFifteenSeconds()
    {
        await using var gateway = await StartAsync();
        var gate = new FakeGate(2);
        gateway.Upstream.Script = new FakeScript { Pieces = Words, Gate = gate };
        var (last, _) = await LoseAsync(gateway, gate, 2, "/chat-stream?message=hi&resume=1");
        await _time.TimersAsync(TimeSpan.FromSeconds(15));

        _time.Advance(TimeSpan.FromSeconds(14.9));
        Assert.Equal(0, gateway.Upstream.Aborted);
        _time.Advance(TimeSpan.FromSeconds(0.2));

        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, Soon);
        Assert.Equal(HttpStatusCode.NoContent, await StatusAsync(gateway, last));
        Assert.Equal(1, gateway.Upstream.Calls);
        await AssertForgottenAsync(gateway);
    }

    [Fact]
    public async Task WhoComesBackInTimeHasTheGraceAgain()
    {
        await using var gateway = await StartAsync();
        var gate = new FakeGate(2);
        gateway.Upstream.Script = new FakeScript { Pieces = Words, Gate = gate };
        var (last, said) = await LoseAsync(gateway, gate, 2, "/chat-stream?message=hi&resume=1");
        for (var i = 1; i <= 3; i++)
        {
            await _time.TimersAsync(TimeSpan.FromSeconds(15), i);
            _time.Advance(TimeSpan.FromSeconds(10));
            using var client = await RawClient.ConnectAsync(gateway.Address);
            await client.SendAsync("/chat-stream?message=hi&resume=1", null, $"Last-Event-ID: {last}");
            await client.ReadHeadAsync();
            client.Close();
        }
        await _time.TimersAsync(TimeSpan.FromSeconds(15), 4);

        var rest = ReturnAsync(gateway, last);
        gate.Open();

        Assert.Equal(string.Concat(Words), said + EventText.Text(EventText.Json(await rest)));
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task WhatIsKeptIsForgottenInTime()
    {
        await using var gateway = await StartAsync();
        var ids = EventText.Ids(await gateway.Client.GetStringAsync("/chat-stream?message=hi"));

        _time.Advance(TimeSpan.FromSeconds(119));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(gateway, ids[0]));
        _time.Advance(TimeSpan.FromSeconds(121));

        Assert.Equal(HttpStatusCode.NoContent, await StatusAsync(gateway, ids[0]));
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task WhatIsKeptIsBoundedInBytes()
    {
        await using var gateway = await GatewayHost.StartAsync("Streaming:ResumeBytes=20000");
        gateway.Upstream.Script = new FakeScript { Text = new string('x', 1000) };
        var firsts = new List<string>();
        for (var i = 0; i < 20; i++)
            firsts.Add(EventText.Ids(await gateway.Client.GetStringAsync($"/chat-stream?message=m{i}"))[0]);

        Assert.InRange(gateway.Services.GetRequiredService<StreamSessions>().Count, 1, 10);
        Assert.Equal(HttpStatusCode.NoContent, await StatusAsync(gateway, firsts[0]));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(gateway, firsts[^1]));
    }

    [Fact]
    public async Task AFailureIsToldToWhoMissedIt()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var gate = new FakeGate(2);
        gateway.Upstream.Script = new FakeScript { Pieces = Words, Gate = gate, Fault = new FakeFault(FakeFaultKind.ErrorEvent, 3) };
        var (last, said) = await LoseAsync(gateway, gate, 2, "/chat-stream?message=hi&resume=1");
        gate.Open();
        await gateway.Upstream.WaitForAsync(upstream => upstream.Cut == 1, Soon);

        var rest = await ReturnAsync(gateway, last);

        Assert.Equal("one two ", said);
        Assert.Equal("upstream_unavailable", EventText.Failure(rest, retryable: true, text: "three "));
        // And who had that already is done.
        Assert.Equal(HttpStatusCode.NoContent, await StatusAsync(gateway, EventText.Ids(rest)[^1]));
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task AFreshReplyIsResumedLikeAnyOther()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var gate = new FakeGate(2);
        gateway.Upstream.Script = new FakeScript { Pieces = Words, Gate = gate };
        var (last, said) = await LoseAsync(gateway, gate, 2, "/chat-stream?message=hi&resume=1&fresh=1");

        var rest = ReturnAsync(gateway, last, "/chat-stream?message=hi&resume=1&fresh=1");
        gate.Open();

        Assert.Equal(string.Concat(Words), said + EventText.Text(EventText.Json(await rest)));
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    /// <summary>A browser's EventSource whose connection dies before the first byte is sent again by the browser itself, without a word about it.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("&fresh=1")]
    [InlineData("&resume=1")]
    public async Task ARequestThatABrowserSendsAgainBeforeTheFirstByteIsTheSameRequest(string more)
    {
        await using var gateway = await StartAsync();
        var gate = new FakeGate(FakeFault.Head);
        gateway.Upstream.Script = new FakeScript { Pieces = Words, Gate = gate };
        for (var i = 1; i <= 3; i++)
        {
            using var lost = await RawClient.ConnectAsync(gateway.Address);
            await lost.SendAsync("/chat-stream?message=hi" + more, null, "Accept: text/event-stream");
            if (i == 1) await gate.Reached.WaitAsync(Soon);
            await JoinedAsync(i);
            lost.Close();
            await Until.TrueAsync(() => gateway.Services.GetRequiredService<Work>().UnderWay == 0, Soon);
        }

        using var again = await RawClient.ConnectAsync(gateway.Address);
        await again.SendAsync("/chat-stream?message=hi" + more, null, "Accept: text/event-stream");
        await JoinedAsync(4);
        // The first one's time is up: that nobody came for it must not end what is read now.
        _time.Advance(TimeSpan.FromSeconds(1));
        gate.Open();
        await again.ReadHeadAsync();

        var events = EventText.Json(await again.ReadToEndAsync());
        Assert.Equal(string.Concat(Words), EventText.Text(events));
        // It is the one who pays: the first one never got anything.
        Assert.Equal("MISS BYPASS".Split(' ')[more == "&fresh=1" ? 1 : 0], again["x-cache"]);
        Assert.True(events[^1].GetProperty("cost_usd").GetDecimal() > 0);
        Assert.Equal((1, 0), (gateway.Upstream.Calls, gateway.Upstream.Aborted));

        // Whoever reads a call waits so long for its first token before the stream opens without.
        Task JoinedAsync(int requests) => _time.TimersAsync(new StreamingOptions().OpenAfter, requests);
    }

    [Fact]
    public async Task ABrowserThatDoesNotComeBackEndsTheCall()
    {
        await using var gateway = await StartAsync();
        var gate = new FakeGate(FakeFault.Head);
        gateway.Upstream.Script = new FakeScript { Gate = gate };
        using var client = await RawClient.ConnectAsync(gateway.Address);
        await client.SendAsync("/chat-stream?message=hi", null, "Accept: text/event-stream");
        await gate.Reached.WaitAsync(Soon);

        client.Close();
        await _time.TimersAsync(TimeSpan.FromSeconds(0.5));
        _time.Advance(TimeSpan.FromSeconds(0.5));

        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, Soon);
        await AssertForgottenAsync(gateway);
    }

    [Fact]
    public async Task ARequestThatFailedBeforeTheFirstByteLeavesNothing()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Status = 400 };

        using var request = new HttpRequestMessage(HttpMethod.Get, "/chat-stream?message=hi&resume=1");
        request.Headers.Accept.ParseAdd("text/event-stream");
        using var response = await gateway.Client.SendAsync(request);

        await Problem.AssertAsync(response, 502, "upstream_rejected");
        await AssertForgottenAsync(gateway);
    }

    [Fact]
    public async Task AClientThatIsStillThereMayHaveASecondConnection()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var gate = new FakeGate(2);
        gateway.Upstream.Script = new FakeScript { Pieces = Words, Gate = gate };
        using var first = await RawClient.ConnectAsync(gateway.Address);
        await first.SendAsync("/chat-stream?message=hi");
        await gate.Reached.WaitAsync(Soon);
        await first.ReadHeadAsync();
        var last = EventText.Ids(await first.ReadFrameAsync() + "\n\n").Single();

        // The old connection is dead, but nobody has told the gateway: behind a proxy that takes minutes.
        using var second = await RawClient.ConnectAsync(gateway.Address);
        await second.SendAsync("/chat-stream?message=hi", null, "Last-Event-ID: " + last);
        await second.ReadHeadAsync();
        first.Close();
        await Until.TrueAsync(() => gateway.Services.GetRequiredService<Work>().UnderWay == 1, Soon);
        gate.Open();

        Assert.Equal("two three four five", EventText.Text(EventText.Json(await second.ReadToEndAsync())));
        Assert.Equal((1, 0), (gateway.Upstream.Calls, gateway.Upstream.Aborted));
    }

    private static async Task AssertForgottenAsync(GatewayHost gateway) =>
        await Until.TrueAsync(() => gateway.Services.GetRequiredService<StreamSessions>().Count == 0, Soon);

    private static JsonElement JsonElementOf(string json) => JsonElement.Parse(json);

    /// <summary>The next frame that says something: a stream that has to wait for it begins with one that does not.</summary>
    private static async Task<string> DataFrameAsync(RawClient client)
    {
        while (true)
        {
            if (await client.ReadFrameAsync() is { } frame && frame.Contains("data: ", StringComparison.Ordinal) && !frame.Contains("""{"delta":""}""", StringComparison.Ordinal)) return frame;
        }
    }

    /// <summary>Reads so many frames, and loses the connection; the gateway has noticed when this returns.</summary>
    private static async Task<(string LastId, string Said)> LoseAsync(GatewayHost gateway, FakeGate gate, int frames, string target)
    {
        var before = gateway.Services.GetRequiredService<Work>().UnderWay;
        using var client = await RawClient.ConnectAsync(gateway.Address);
        await client.SendAsync(target);
        await gate.Reached.WaitAsync(Soon);
        await client.ReadHeadAsync();
        var text = "";
        for (var i = 0; i < frames; i++)
            text += await DataFrameAsync(client) + "\n\n";
        client.Close();
        await Until.TrueAsync(() => gateway.Services.GetRequiredService<Work>().UnderWay == before, Soon);
        return (EventText.Ids(text)[^1], EventText.Text(EventText.Data(text).Select(JsonElementOf)));
    }

    private static async Task<string> ReturnAsync(GatewayHost gateway, string last, string target = "/chat-stream?message=hi&resume=1")
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, target);
        request.Headers.TryAddWithoutValidation("Last-Event-ID", last);
        using var response = await gateway.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(last.Split(':')[0], response.Headers.GetValues("x-stream-id").Single());
        // It makes no call; and where nothing has come yet that could be sent at once, it does not say who answers either.
        if (response.Headers.TryGetValues("x-attempts", out var attempts)) Assert.Equal("0", attempts.Single());
        return await response.Content.ReadAsStringAsync();
    }

    private static async Task<HttpStatusCode> StatusAsync(GatewayHost gateway, string last)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/chat-stream?message=hi");
        request.Headers.TryAddWithoutValidation("Last-Event-ID", last);
        using var response = await gateway.Client.SendAsync(request);
        return response.StatusCode;
    }

    private Task<GatewayHost> StartAsync() => GatewayHost.StartAsync(builder => builder.Services.AddSingleton<TimeProvider>(_time));
}
