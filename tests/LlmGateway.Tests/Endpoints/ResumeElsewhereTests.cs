using System.Net;
using LlmGateway.FakeOpenAI;
using LlmGateway.Hosting;
using LlmGateway.Llm;
using LlmGateway.Llm.Generations;
using LlmGateway.Llm.Generations.Redis;
using LlmGateway.Tests.Hosts;
using Microsoft.Extensions.DependencyInjection;
using Problem = LlmGateway.Tests.Hosts.Problem;

namespace LlmGateway.Tests.Endpoints;

/// <summary>A client loses its connection to one gateway, and comes back to another one, with the same Redis and the same upstream.</summary>
[Collection(Quiet.Name)]
public class ResumeElsewhereTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(10);
    private static readonly string[] Words = ["one ", "two 👩‍👧 ", "three ", "four ", "five"];

    [RedisTheory]
    [InlineData("")]
    [InlineData("&fresh=1")]
    public async Task TheRestOfALiveStream(string more)
    {
        await using var two = await Two.StartAsync();
        var target = "/chat-stream?message=hi&resume=1" + more;
        var (last, said) = await two.LoseAsync(target);

        using var client = await RawClient.ConnectAsync(two.Second.Address);
        await client.SendAsync(target, null, "Last-Event-ID: " + last);
        await client.ReadHeadAsync();
        two.Gate.Open();
        var rest = await client.ReadToEndAsync();

        Assert.Equal((200, last.Split(':')[0]), (client.Status, client["x-stream-id"]));
        Assert.Equal(string.Concat(Words), said + EventText.Text(EventText.Json(rest)));
        // It was this client's call from the beginning, and it is told what it cost.
        Assert.True(EventText.Json(rest)[^1].GetProperty("cost_usd").GetDecimal() > 0);
        Assert.Equal((1, 0), (two.Upstream.Calls, two.Upstream.Aborted));
    }

    [RedisFact]
    public async Task TheRestOfAFinishedOne()
    {
        await using var two = await Two.StartAsync();
        var (last, said) = await two.LoseAsync("/chat-stream?message=hi&resume=1");
        two.Gate.Open();
        await two.Upstream.WaitForAsync(upstream => upstream.Completed == 1, Soon);

        var (status, rest) = await two.ReturnAsync(last);

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(string.Concat(Words), said + EventText.Text(EventText.Json(rest)));
        Assert.Equal(HttpStatusCode.NoContent, (await two.ReturnAsync(EventText.Ids(rest)[^1])).Status);
        Assert.Equal(1, two.Upstream.Calls);
    }

    [RedisFact]
    public async Task TheEndOfAStoredOne()
    {
        await using var two = await Two.StartAsync();
        two.Upstream.Script = new FakeScript { Pieces = Words };
        await two.First.Client.GetStringAsync("/chat-stream?message=hi");
        await two.SettledAsync();
        var stored = await two.First.Client.GetStringAsync("/chat-stream?message=hi");
        await two.ToldAsync(EventText.Ids(stored)[0]);

        var (status, rest) = await two.ReturnAsync(EventText.Ids(stored)[0]);

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("", EventText.Text(EventText.Json(rest)));
        Assert.Equal(0, EventText.Json(rest).Single().GetProperty("cost_usd").GetDecimal());
        Assert.Equal(1, two.Upstream.Calls);
    }

    [RedisFact]
    public async Task TheFailureOfOneThatFailed()
    {
        await using var two = await Two.StartAsync();
        two.Upstream.Script = two.Upstream.Script with { Fault = new FakeFault(FakeFaultKind.ErrorEvent, 3) };
        var (last, _) = await two.LoseAsync("/chat-stream?message=hi&resume=1");
        two.Gate.Open();
        await two.Upstream.WaitForAsync(upstream => upstream.Cut == 1, Soon);

        var (status, rest) = await two.ReturnAsync(last);

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("upstream_unavailable", EventText.Failure(rest, retryable: true, text: "three "));
        Assert.Equal(1, two.Upstream.Calls);
    }

    [RedisFact]
    public async Task NothingOfOneThatWasAborted()
    {
        await using var two = await Two.StartAsync();
        var (last, _) = await two.LoseAsync("/chat-stream?message=hi");
        await two.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, Soon);
        await two.SettledAsync();

        Assert.Equal(HttpStatusCode.NoContent, (await two.ReturnAsync(last)).Status);
        Assert.Equal(1, two.Upstream.Calls);
    }

    [RedisFact]
    public async Task NothingWhereRedisHasDied()
    {
        await using var two = await Two.StartAsync();
        var (last, said) = await two.LoseAsync("/chat-stream?message=hi&resume=1");
        await two.Redis.KillAsync();

        Assert.Equal(HttpStatusCode.NoContent, (await two.ReturnAsync(last)).Status);
        // Where it began it is known all the same.
        var rest = two.ReturnAsync(last, two.First);
        two.Gate.Open();
        Assert.Equal(string.Concat(Words), said + EventText.Text(EventText.Json((await rest).Body)));
        Assert.Equal(1, two.Upstream.Calls);
    }

    [RedisFact]
    public async Task AStreamIsStoppedFromAnywhere()
    {
        await using var two = await Two.StartAsync();
        using var client = await two.HalfwayAsync("/chat-stream?message=hi&resume=1");
        var last = EventText.Ids(await client.ReadFrameAsync() + "\n\n").Single();
        await two.ToldAsync(last);

        using var stopped = await two.Second.Client.DeleteAsync("/streams/" + client["x-stream-id"]);

        Assert.Equal(HttpStatusCode.NoContent, stopped.StatusCode);
        Assert.Equal("stream_stopped", EventText.Failure(await client.ReadToEndAsync(), retryable: false, text: Words[1]));
        await two.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, Soon);
        Assert.Equal(HttpStatusCode.NoContent, (await two.ReturnAsync(last)).Status);
        using var again = await two.Second.Client.DeleteAsync("/streams/" + client["x-stream-id"]);
        await Problem.AssertAsync(again, 404, "not_found");
    }

    /// <summary>Nobody comes back for it, so that no other gateway knows it: the one that has it says so.</summary>
    [RedisTheory]
    [InlineData("/chat-stream")]
    [InlineData("/chat")]
    public async Task AStreamWithoutIdsIsStoppedFromAnywhere(string target)
    {
        await using var two = await Two.StartAsync();
        await two.HearEachOtherAsync();
        using var client = await two.HalfwayAsync(target, """{"message":"hi"}""");

        using var stopped = await two.Second.Client.DeleteAsync("/streams/" + client["x-stream-id"]);

        Assert.Equal(HttpStatusCode.NoContent, stopped.StatusCode);
        Assert.Equal("stream_stopped", EventText.Failure(await client.ReadToEndAsync(), retryable: false, text: Words[0] + Words[1]));
        await two.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, Soon);
        foreach (var gateway in new[] { two.First, two.Second })
        {
            using var again = await gateway.Client.DeleteAsync("/streams/" + client["x-stream-id"]);
            await Problem.AssertAsync(again, 404, "not_found");
        }
    }

    [RedisFact]
    public async Task AStreamWithoutIdsThatHasEndedIsNowhere()
    {
        await using var two = await Two.StartAsync();
        await two.HearEachOtherAsync();
        two.Gate.Open();
        using var ended = await two.First.PostAsync("/chat-stream", """{"message":"hi"}""");
        await Until.TrueAsync(() => two.First.Services.GetRequiredService<StreamSessions>().Count == 0, Soon);

        using var stopped = await two.Second.Client.DeleteAsync("/streams/" + ended.Headers.GetValues("x-stream-id").Single());

        await Problem.AssertAsync(stopped, 404, "not_found");
    }

    /// <summary>Redis comes later than the gateways: they hear of each other all the same.</summary>
    [RedisFact]
    public async Task AStreamIsStoppedFromAnywhereWhenRedisCameLate()
    {
        await using var two = await Two.StartAsync(redisLate: true);
        using var client = await two.HalfwayAsync("/chat-stream?message=hi&resume=1");
        await two.ToldAsync(client["x-stream-id"]);
        await two.HearEachOtherAsync();

        using var stopped = await two.Second.Client.DeleteAsync("/streams/" + client["x-stream-id"]);

        Assert.Equal(HttpStatusCode.NoContent, stopped.StatusCode);
        await two.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, Soon);
    }

    private sealed class Two(RedisServer redis, GatewayHost first, GatewayHost second) : IAsyncDisposable
    {
        public RedisServer Redis => redis;

        public GatewayHost First => first;

        public GatewayHost Second => second;

        public FakeOpenAIServer Upstream => first.Upstream;

        /// <summary>Where the upstream stops, after two words.</summary>
        public FakeGate Gate { get; } = new(2);

        public static async Task<Two> StartAsync(bool redisLate = false)
        {
            var redis = redisLate ? RedisServer.NotStarted() : await RedisServer.StartAsync();
            string[] settings = [redis.Setting, "Redis:ReadTimeout=00:00:00.500"];
            var first = await GatewayHost.StartAsync(settings);
            var second = await GatewayHost.StartAsync([.. settings, $"OPENAI_BASE_URL={first.Upstream.BaseAddress}"]);
            if (redisLate) await redis.RunAsync();
            foreach (var gateway in new[] { first, second })
            {
                var connection = gateway.Services.GetRequiredService<RedisConnection>();
                await Until.TrueAsync(() => connection.IsConnected, TimeSpan.FromSeconds(30));
            }
            var two = new Two(redis, first, second);
            two.Upstream.Script = new FakeScript { Pieces = Words, Gate = two.Gate };
            return two;
        }

        /// <returns>A client of the first gateway, its stream at the gate.</returns>
        public async Task<RawClient> HalfwayAsync(string target, string? body = null)
        {
            var client = await RawClient.ConnectAsync(first.Address);
            await client.SendAsync(target, body);
            await Gate.Reached.WaitAsync(Soon);
            await client.ReadHeadAsync();
            return client;
        }

        /// <summary>Reads two words at the first gateway, and loses the connection.</summary>
        public async Task<(string LastId, string Said)> LoseAsync(string target)
        {
            using var client = await HalfwayAsync(target);
            var text = await client.ReadFrameAsync() + "\n\n" + await client.ReadFrameAsync() + "\n\n";
            var last = EventText.Ids(text)[^1];
            await ToldAsync(last);
            client.Close();
            await Until.TrueAsync(() => first.Services.GetRequiredService<Work>().UnderWay == 0, Soon);
            return (last, Words[0] + Words[1]);
        }

        /// <summary>Browsers wait for a second before they come back; until then Redis knows.</summary>
        public async Task ToldAsync(string last)
        {
            var (connection, options) = (second.Services.GetRequiredService<RedisConnection>(), second.Services.GetRequiredService<RedisOptions>());
            using var late = new CancellationTokenSource(Soon);
            for (var told = false; !told; late.Token.ThrowIfCancellationRequested())
                told = (await connection.TryAsync(database => database.KeyExistsAsync(RedisKeys.Stream(options, last.Split(':')[0])), late.Token)).Value;
        }

        /// <summary>They are connected before they listen.</summary>
        public async Task HearEachOtherAsync()
        {
            var (connection, options) = (second.Services.GetRequiredService<RedisConnection>(), second.Services.GetRequiredService<RedisOptions>());
            using var late = new CancellationTokenSource(Soon);
            for (var listening = 0L; listening < 2; late.Token.ThrowIfCancellationRequested())
                listening = await connection.TryAsync(database => database.ExecuteAsync("PUBSUB", "NUMSUB", RedisKeys.Stopped(options)), late.Token)
                    is (true, { } counted) ? (long)counted[1] : 0;
        }

        /// <summary>What has ended is told in Redis as well, but not at the same moment.</summary>
        public async Task SettledAsync()
        {
            var client = (GeneratingLlmClient)((DelegatingLlmClient)first.Services.GetRequiredService<ILlmClient>()).Inner;
            await Until.TrueAsync(() => client.Calls.Count == 0, Soon);
        }

        public Task<(HttpStatusCode Status, string Body)> ReturnAsync(string last) => ReturnAsync(last, second);

        public async Task<(HttpStatusCode Status, string Body)> ReturnAsync(string last, GatewayHost gateway)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/chat-stream?message=hi&resume=1");
            request.Headers.TryAddWithoutValidation("Last-Event-ID", last);
            using var response = await gateway.Client.SendAsync(request);
            return (response.StatusCode, await response.Content.ReadAsStringAsync());
        }

        public async ValueTask DisposeAsync()
        {
            await second.DisposeAsync();
            await first.DisposeAsync();
            await redis.DisposeAsync();
        }
    }
}
