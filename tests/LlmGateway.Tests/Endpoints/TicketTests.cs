using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using LlmGateway.FakeOpenAI;
using LlmGateway.Hosting;
using LlmGateway.Tests.Hosts;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;
using Problem = LlmGateway.Tests.Hosts.Problem;

namespace LlmGateway.Tests.Endpoints;

/// <summary><c>POST /chat-stream/tickets</c>, and what can be done with one.</summary>
public class TicketTests
{
    private const string Conversation =
        """{"messages":[{"role":"system","content":"canaryprompt system"},{"role":"user","content":"canaryprompt\n\ndata: x"}],"max_tokens":7,"temperature":0.5}""";

    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(10);

    private readonly WatchedTime _time = new();

    [Fact]
    public async Task OpensTheStreamOfItsPrompt()
    {
        await using var gateway = await GatewayHost.StartAsync();
        using var given = await gateway.PostAsync("/chat-stream/tickets", Conversation);
        var ticket = await TicketAsync(given);

        Assert.Equal(0, gateway.Upstream.Calls);
        Assert.Equal(60, ticket.GetProperty("expires_in").GetInt32());
        Assert.Matches("^[A-Za-z0-9_-]{43}$", ticket.GetProperty("ticket").GetString());
        Assert.Equal("/chat-stream?ticket=" + ticket.GetProperty("ticket").GetString(), ticket.GetProperty("url").GetString());
        Assert.True(given.Headers.CacheControl!.NoStore);
        using var stream = await gateway.Client.GetAsync(ticket.GetProperty("url").GetString());

        Assert.Equal("length", EventText.Json(await stream.Content.ReadAsStringAsync())[^1].GetProperty("finish_reason").GetString());
        var sent = gateway.Upstream.Requests.Single().Json;
        Assert.Equal(["canaryprompt system", "canaryprompt\n\ndata: x"], sent.GetProperty("messages").EnumerateArray().Select(message => message.GetProperty("content").GetString()));
        Assert.Equal((7, 0.5), (sent.GetProperty("max_completion_tokens").GetInt32(), sent.GetProperty("temperature").GetDouble()));
        Assert.StartsWith("retry: 1000\ndata: ", await stream.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task IsGoodForOneStreamAndItsReconnects()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var url = await UrlAsync(gateway);
        var ids = EventText.Ids(await gateway.Client.GetStringAsync(url));

        using var again = await gateway.Client.GetAsync(url);
        using var browser = await gateway.Client.SendAsync(Browser(url));
        using var rest = await gateway.Client.SendAsync(Returning(url, ids[0]));
        using var delivered = await gateway.Client.SendAsync(Returning(url, ids[^1]));

        await Problem.AssertAsync(again, 410, "ticket_not_valid");
        await Problem.AssertAsync(browser, 410, "ticket_not_valid");
        Assert.Equal(HttpStatusCode.NoContent, delivered.StatusCode);
        Assert.Equal(ids.TakeLast(3), EventText.Ids(await rest.Content.ReadAsStringAsync()));
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task OfManyWhoUseItAtOnceOneGetsTheStream()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var url = await UrlAsync(gateway);

        var responses = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => gateway.Client.GetAsync(url)));

        Assert.Single(responses, response => response.StatusCode == HttpStatusCode.OK);
        Assert.Equal(49, responses.Count(response => response.StatusCode == HttpStatusCode.Gone));
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task Expires()
    {
        await using var gateway = await GatewayHost.StartAsync(builder => builder.Services.AddSingleton<TimeProvider>(_time));
        var (early, late) = (await UrlAsync(gateway), await UrlAsync(gateway));

        _time.Advance(TimeSpan.FromSeconds(59.9));
        using var used = await gateway.Client.GetAsync(early);
        _time.Advance(TimeSpan.FromSeconds(0.2));
        using var expired = await gateway.Client.GetAsync(late);

        Assert.Equal(HttpStatusCode.OK, used.StatusCode);
        await Problem.AssertAsync(expired, 410, "ticket_not_valid");
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData("ticket=nobody", 410, "ticket_not_valid", null)]
    [InlineData("ticket=", 400, "invalid_request", "ticket")]
    [InlineData("ticket=a&ticket=b", 400, "invalid_request", "ticket")]
    [InlineData("ticket=a&message=hi", 400, "invalid_request", "message")]
    [InlineData("ticket=a&fresh=1", 400, "invalid_request", "fresh")]
    [InlineData("ticket=a&resume=perhaps", 400, "invalid_request", "resume")]
    public async Task AWrongUseSaysWhatIsWrong(string query, int status, string code, string? field)
    {
        await using var gateway = await GatewayHost.StartAsync();

        using var response = await gateway.Client.GetAsync("/chat-stream?" + query);

        var problem = await Problem.AssertAsync(response, status, code);
        if (field is not null) Assert.Equal([field], Problem.FieldsOf(problem));
        Assert.Equal(0, gateway.Upstream.Calls);
    }

    /// <summary>An EventSource could not say what is wrong with its prompt.</summary>
    [Theory]
    [InlineData("""{"message":""}""", "invalid_request")]
    [InlineData("""{"message":"hi","max_tokens":0}""", "invalid_request")]
    [InlineData("""{"message":"hi","model":"gpt-none"}""", "model_not_allowed")]
    [InlineData("""{""", "invalid_request")]
    public async Task APromptThatIsWrongGetsNoTicket(string json, string code)
    {
        await using var gateway = await GatewayHost.StartAsync();

        using var response = await gateway.PostAsync("/chat-stream/tickets", json);

        await Problem.AssertAsync(response, 400, code);
    }

    [Fact]
    public async Task CarriesFreshAndResume()
    {
        await using var gateway = await GatewayHost.StartAsync();
        await gateway.Client.GetStringAsync(await UrlAsync(gateway));
        var gate = new FakeGate(2);
        gateway.Upstream.Script = new FakeScript { Pieces = ["one ", "two ", "three"], Gate = gate };
        using var given = await gateway.PostAsync("/chat-stream/tickets?fresh=1&resume=1", Conversation);
        var url = (await TicketAsync(given)).GetProperty("url").GetString()!;

        using var client = await RawClient.ConnectAsync(gateway.Address);
        await client.SendAsync(url);
        await gate.Reached.WaitAsync(Soon);
        await client.ReadHeadAsync();
        Assert.Equal("BYPASS", client["x-cache"]);
        var last = EventText.Ids(await client.ReadFrameAsync() + "\n\n").Single();
        client.Close();
        await Until.TrueAsync(() => gateway.Services.GetRequiredService<Work>().UnderWay == 0, Soon);
        gate.Open();
        using var rest = await gateway.Client.SendAsync(Returning(url, last));

        Assert.Equal("two three", EventText.Text(EventText.Json(await rest.Content.ReadAsStringAsync())));
        Assert.Equal((2, 0), (gateway.Upstream.Calls, gateway.Upstream.Aborted));
    }

    /// <summary>The browser's own second try, for a connection that died before it got a byte.</summary>
    [Fact]
    public async Task ABrowserMaySendItAgainBeforeTheFirstByte()
    {
        await using var gateway = await GatewayHost.StartAsync("Streaming:ResendGrace=00:00:20");
        var gate = new FakeGate(FakeFault.Head);
        gateway.Upstream.Script = new FakeScript { Pieces = ["one ", "two"], Gate = gate };
        var url = await UrlAsync(gateway);
        using var lost = await RawClient.ConnectAsync(gateway.Address);
        await lost.SendAsync(url, null, "Accept: text/event-stream");
        await gate.Reached.WaitAsync(Soon);
        lost.Close();
        using var again = await RawClient.ConnectAsync(gateway.Address);
        await again.SendAsync(url, null, "Accept: text/event-stream");
        await Until.TrueAsync(() => gateway.Log.Of("Request").Count == 2 && gateway.Services.GetRequiredService<Work>().UnderWay == 1, Soon);

        gate.Open();
        await again.ReadHeadAsync();

        Assert.Equal("one two", EventText.Text(EventText.Json(await again.ReadToEndAsync())));
        using var third = await gateway.Client.SendAsync(Browser(url));
        await Problem.AssertAsync(third, 410, "ticket_not_valid");
        Assert.Equal((1, 0), (gateway.Upstream.Calls, gateway.Upstream.Aborted));
    }

    [Fact]
    public async Task WaitingPromptsAreBounded()
    {
        await using var gateway = await GatewayHost.StartAsync("Ticket:MaxBytes=2000");
        var text = new string('x', 900);
        for (var i = 0; i < 2; i++)
        {
            using var given = await gateway.PostAsync("/chat-stream/tickets", $$"""{"message":"{{text}}"}""");
            Assert.Equal(HttpStatusCode.Created, given.StatusCode);
        }

        using var refused = await gateway.PostAsync("/chat-stream/tickets", $$"""{"message":"{{text}}"}""");

        await Problem.AssertAsync(refused, 429, "rate_limited", retryable: true);
    }

    [Fact]
    public async Task IsInNoLogAndNoError()
    {
        await using var gateway = await GatewayHost.StartAsync("Log:Level=Verbose");
        var url = await UrlAsync(gateway);
        var ticket = url.Split('=')[1];
        await gateway.Client.GetStringAsync(url);
        using var again = await gateway.Client.GetAsync(url);
        using var wrong = await gateway.Client.GetAsync(url + "&message=hi");

        var told = gateway.Log.Text + await again.Content.ReadAsStringAsync() + await wrong.Content.ReadAsStringAsync();
        Assert.DoesNotContain(ticket, told, StringComparison.Ordinal);
        Assert.DoesNotContain("canaryprompt", told, StringComparison.Ordinal);
    }

    [RedisFact]
    public async Task AnyGatewayHonoursItOnceAndRedisHasOnlyItsHash()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var one = await GatewayHost.StartAsync(redis.Setting, "Redis:ReadTimeout=00:00:05");
        await using var two = await GatewayHost.StartAsync(redis.Setting, "Redis:ReadTimeout=00:00:05");
        await using var connection = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{redis.Port}");
        await RedisIsThereAsync(one, two);
        var url = await UrlAsync(one);
        var ticket = url.Split('=')[1];

        var keys = await connection.GetServers()[0].KeysAsync(pattern: "*ticket*").Select(key => key.ToString()).ToListAsync();
        var left = await connection.GetDatabase().KeyTimeToLiveAsync(keys[0]);
        var elsewhere = await two.Client.GetStringAsync(url);
        using var again = await one.Client.GetAsync(url);

        Assert.EndsWith(":ticket:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(ticket))), Assert.Single(keys), StringComparison.Ordinal);
        Assert.InRange(left!.Value, TimeSpan.FromSeconds(50), TimeSpan.FromSeconds(60));
        Assert.Equal("length", EventText.Json(elsewhere)[^1].GetProperty("finish_reason").GetString());
        await Problem.AssertAsync(again, 410, "ticket_not_valid");
        Assert.Equal((0, 1), (one.Upstream.Calls, two.Upstream.Calls));
    }

    [RedisFact]
    public async Task IsHonouredWhereItWasGivenWhenRedisHasDiedSince()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var gateway = await GatewayHost.StartAsync(redis.Setting, "Redis:ReadTimeout=00:00:00.500");
        await RedisIsThereAsync(gateway);
        var url = await UrlAsync(gateway);

        await redis.KillAsync();
        var stream = await gateway.Client.GetStringAsync(url);
        using var again = await gateway.Client.GetAsync(url);
        var without = await gateway.Client.GetStringAsync(await UrlAsync(gateway));

        Assert.Equal("length", EventText.Json(stream)[^1].GetProperty("finish_reason").GetString());
        await Problem.AssertAsync(again, 410, "ticket_not_valid");
        Assert.Equal("length", EventText.Json(without)[^1].GetProperty("finish_reason").GetString());
    }

    private static async Task RedisIsThereAsync(params GatewayHost[] gateways)
    {
        foreach (var gateway in gateways)
        {
            var connection = gateway.Services.GetRequiredService<LlmGateway.Llm.Generations.Redis.RedisConnection>();
            await Until.TrueAsync(() => connection.IsConnected, Soon);
        }
    }

    private static async Task<string> UrlAsync(GatewayHost gateway)
    {
        using var given = await gateway.PostAsync("/chat-stream/tickets", Conversation);
        return (await TicketAsync(given)).GetProperty("url").GetString()!;
    }

    private static async Task<JsonElement> TicketAsync(HttpResponseMessage response)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.Created, text);
        return JsonElement.Parse(text);
    }

    private static HttpRequestMessage Browser(string url)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.Accept.ParseAdd("text/event-stream");
        return request;
    }

    private static HttpRequestMessage Returning(string url, string lastEventId)
    {
        var request = Browser(url);
        request.Headers.TryAddWithoutValidation("Last-Event-ID", lastEventId);
        return request;
    }
}
