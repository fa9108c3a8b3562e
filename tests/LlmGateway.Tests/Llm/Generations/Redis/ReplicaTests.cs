using System.Net;
using System.Text.Json;
using LlmGateway.FakeOpenAI;
using LlmGateway.Llm.Generations.Redis;
using LlmGateway.Tests.Hosts;
using StackExchange.Redis;

namespace LlmGateway.Tests.Llm.Generations.Redis;

/// <summary>Two processes, one Redis, one upstream.</summary>
[Collection(Quiet.Name)]
public class ReplicaTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [RedisFact]
    public async Task FiveHundredEqualRequestsAreOneCall()
    {
        await using var replicas = await Replicas.StartAsync();
        var pieces = Enumerable.Range(0, 60).Select(i => $"word{i} ").ToArray();
        replicas.Upstream.Script = new FakeScript { Pieces = pieces, Delay = TimeSpan.FromMilliseconds(50) };

        var replies = await Task.WhenAll(Enumerable.Range(0, 500).Select(async i =>
        {
            // Arriving over two seconds of a call that takes three.
            await Task.Delay(i * 4);
            return await replicas.AskAsync(replica: i % 2, "the same question", stream: i % 4 < 2);
        }));

        Assert.Equal([string.Concat(pieces)], replies.Distinct());
        Assert.Equal(1, replicas.Upstream.Calls);
    }

    [RedisFact]
    public async Task ALateJoinerAtAnotherReplicaIsToldWhatHasBeenSaidAtOnce()
    {
        await using var replicas = await Replicas.StartAsync();
        var gate = new FakeGate(after: 3);
        replicas.Upstream.Script = new FakeScript { Pieces = ["one ", "two ", "three ", "four"], Gate = gate };
        var first = replicas.AskAsync(0, "count", stream: true);
        await gate.Reached.WaitAsync(Patience);

        using var stream = await replicas.OpenAsync(1, "count");
        var said = "";
        while (said != "one two three ")
            said += await stream.NextDeltaAsync().WaitAsync(Patience);
        gate.Open();

        Assert.Equal("one two three four", await first.WaitAsync(Patience));
        Assert.Equal("COALESCED", stream.Header("x-cache"));
        Assert.Equal(1, replicas.Upstream.Calls);
    }

    [RedisFact]
    public async Task TheOwnersReaderMayGoWhileAnotherReplicaReads()
    {
        await using var replicas = await Replicas.StartAsync();
        var gate = new FakeGate(after: 1);
        replicas.Upstream.Script = new FakeScript { Pieces = ["one ", "two"], Gate = gate };
        using (await replicas.OpenAsync(0, "stay"))
        {
            await gate.Reached.WaitAsync(Patience);
            using var other = await replicas.OpenAsync(1, "stay");
            Assert.Equal("one ", await other.NextDeltaAsync().WaitAsync(Patience));
        }

        // Both have gone now: the one call is aborted, though each replica saw but its own reader leave.
        await replicas.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, TimeSpan.FromSeconds(5));
        Assert.Equal(1, replicas.Upstream.Calls);
    }

    [RedisFact]
    public async Task AReaderElsewhereKeepsTheCallAlive()
    {
        await using var replicas = await Replicas.StartAsync();
        var gate = new FakeGate(after: 1);
        replicas.Upstream.Script = new FakeScript { Pieces = ["one ", "two"], Gate = gate };
        var owner = await replicas.OpenAsync(0, "stay");
        await gate.Reached.WaitAsync(Patience);
        using var other = await replicas.OpenAsync(1, "stay");
        var said = await other.NextDeltaAsync().WaitAsync(Patience);
        owner.Dispose();
        await Task.Delay(500);
        gate.Open();

        while (await other.NextDeltaAsync().WaitAsync(Patience) is { } delta)
            said += delta;

        Assert.Equal("one two", said);
        Assert.Equal(1, replicas.Upstream.Calls);
        Assert.Equal(0, replicas.Upstream.Aborted);
    }

    [RedisFact]
    public async Task AFailureReachesTheReadersOfBothAndIsNotStored()
    {
        await using var replicas = await Replicas.StartAsync();
        var gate = new FakeGate(after: 0);
        replicas.Upstream.Enqueue(new FakeScript { Gate = gate, Fault = new FakeFault(FakeFaultKind.ErrorEvent, 1), Pieces = ["one ", "two"] });
        var first = replicas.StreamAsync(0, "fail");
        await gate.Reached.WaitAsync(Patience);
        var second = replicas.StreamAsync(1, "fail");
        await Task.Delay(300);
        gate.Open();

        Assert.Equal("upstream_unavailable", EventText.Failure(await first.WaitAsync(Patience), retryable: true, text: "one "));
        Assert.Equal("upstream_unavailable", EventText.Failure(await second.WaitAsync(Patience), retryable: true, text: "one "));
        Assert.Equal(1, replicas.Upstream.Calls);
        replicas.Upstream.Script = new FakeScript { Pieces = ["well"] };
        Assert.Equal("well", await replicas.AskAsync(1, "fail", stream: false));
        Assert.Equal(2, replicas.Upstream.Calls);
    }

    [RedisFact]
    public async Task TheDeathOfTheOwnerInMidStreamIsToldWithinTheLease()
    {
        await using var replicas = await Replicas.StartAsync("Redis:Lease=00:00:01");
        var gate = new FakeGate(after: 2);
        replicas.Upstream.Script = new FakeScript { Pieces = ["one ", "two ", "three"], Gate = gate };
        using var owner = await replicas.OpenAsync(0, "die");
        await gate.Reached.WaitAsync(Patience);
        var second = replicas.StreamAsync(1, "die");
        using (var joined = await replicas.OpenAsync(1, "die"))
            Assert.Equal("one ", await joined.NextDeltaAsync().WaitAsync(Patience));

        await replicas.KillAsync(0);

        var said = await second.WaitAsync(TimeSpan.FromSeconds(5));
        Assert.Equal("upstream_unavailable", EventText.Failure(said, retryable: true, text: "one two "));
    }

    /// <summary>Of what it has heard it has shown nothing to anybody: it can still have a whole answer.</summary>
    [RedisTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WhoWantsTheWholeAnswerGetsItThoughTheOwnerIsHeardNoMore(bool redisDies)
    {
        await using var replicas = await Replicas.StartAsync("Redis:Lease=00:00:01");
        var gate = new FakeGate(after: 2);
        replicas.Upstream.Enqueue(new FakeScript { Pieces = ["one ", "two ", "three"], Gate = gate });
        replicas.Upstream.Script = new FakeScript { Pieces = ["a whole one"] };
        using var owner = await replicas.OpenAsync(0, "die");
        await gate.Reached.WaitAsync(Patience);
        using var stream = await replicas.OpenAsync(1, "die");
        var wholes = Enumerable.Range(0, 3).Select(_ => replicas.AskAsync(1, "die", stream: false)).ToList();
        Assert.Equal("one two ", await stream.NextDeltaAsync().WaitAsync(Patience) + await stream.NextDeltaAsync().WaitAsync(Patience));

        if (redisDies) await replicas.KillRedisAsync();
        else await replicas.KillAsync(0);

        Assert.All(await Task.WhenAll(wholes).WaitAsync(Patience), whole => Assert.Equal("a whole one", whole));
        // One call for all three, beside the one that is told no more.
        Assert.Equal(2, replicas.Upstream.Calls);
        var end = EventText.Failure(await stream.RestAsync().WaitAsync(Patience), retryable: true, text: "");
        Assert.Equal("upstream_unavailable", end);
    }

    /// <summary>However much there is to be told at once, Redis is not given more than it can take in the time that it has.</summary>
    [RedisFact]
    public async Task MuchAtOnceIsToldInParts()
    {
        await using var replicas = await Replicas.StartAsync();
        var pieces = Enumerable.Range(0, 1000).Select(i => $"word{i} ").ToArray();
        var gate = new FakeGate(after: 999);
        replicas.Upstream.Script = new FakeScript { Pieces = pieces, Gate = gate };
        var first = replicas.AskAsync(0, "much", stream: true);
        await gate.Reached.WaitAsync(Patience);
        var second = replicas.AskAsync(1, "much", stream: true);
        await replicas.ToldAsync(updates: 999);
        gate.Open();

        Assert.Equal([string.Concat(pieces)], (await Task.WhenAll(first, second).WaitAsync(Patience)).Distinct());
        Assert.InRange((await replicas.ToldAsync(updates: 1001)).Max(), 1, 256);
        Assert.Equal(1, replicas.Upstream.Calls);
    }

    [RedisFact]
    public async Task ADeathBeforeTheFirstWordIsMadeGoodByTheOther()
    {
        await using var replicas = await Replicas.StartAsync("Redis:Lease=00:00:01");
        var gate = new FakeGate(after: 0);
        replicas.Upstream.Enqueue(new FakeScript { Gate = gate });
        replicas.Upstream.Script = new FakeScript { Pieces = ["well"] };
        var first = replicas.AskAsync(0, "die early", stream: false);
        await gate.Reached.WaitAsync(Patience);
        var second = replicas.AskAsync(1, "die early", stream: false);
        await Task.Delay(300);

        await replicas.KillAsync(0);

        Assert.Equal("well", await second.WaitAsync(TimeSpan.FromSeconds(10)));
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => first);
        Assert.Equal(2, replicas.Upstream.Calls);
    }

    [RedisFact]
    public async Task AnAnswerOutlivesItsGateway()
    {
        await using var replicas = await Replicas.StartAsync();
        replicas.Upstream.Script = new FakeScript { Pieces = ["kept"] };
        await replicas.AskAsync(0, "keep", stream: false);
        // Its caller does not wait for Redis: the lease is given back when Redis has the answer.
        await replicas.NoLeaseIsLeftAsync();
        await replicas.KillAsync(0);

        Assert.Equal("kept", await replicas.AskAsync(1, "keep", stream: false));
        Assert.Equal(1, replicas.Upstream.Calls);
    }

    private sealed class Replicas(RedisServer redis, FakeOpenAIServer upstream, GatewayProcess[] gateways) : IAsyncDisposable
    {
        private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(60) };

        public FakeOpenAIServer Upstream => upstream;

        public static async Task<Replicas> StartAsync(params string[] settings)
        {
            var redis = await RedisServer.StartAsync();
            var upstream = await FakeOpenAIServer.StartAsync();
            string[] all = [redis.Setting, "Redis:ReadTimeout=00:00:00.500", .. settings];
            var gateways = await Task.WhenAll(GatewayProcess.StartAsync(upstream, all), GatewayProcess.StartAsync(upstream, all));
            var replicas = new Replicas(redis, upstream, gateways);
            // Compiled and connected: what follows is about what they do, not about how they start.
            await Until.TrueAsync(() => gateways.All(gateway => gateway.Output.Contains("Application started", StringComparison.Ordinal)), Patience);
            for (var i = 0; i < 2; i++)
            {
                await replicas.AskAsync(i, $"warm {i}", stream: true);
                await replicas.AskAsync(i, $"warm json {i}", stream: false);
            }
            upstream.Reset();
            return replicas;
        }

        public async Task<string> AskAsync(int replica, string message, bool stream)
        {
            if (stream) return EventText.Text(EventText.Json(await StreamAsync(replica, message)));
            using var request = GatewayCalls.Post(At(replica, "/chat"), $$"""{"message":"{{message}}"}""", "application/json");
            using var response = await _client.SendAsync(request);
            var body = await response.Content.ReadAsStringAsync();
            Assert.True(response.StatusCode == HttpStatusCode.OK, body);
            return JsonDocument.Parse(body).RootElement.GetProperty("reply").GetString()!;
        }

        public async Task<string> StreamAsync(int replica, string message)
        {
            using var request = GatewayCalls.Post(At(replica, "/chat"), $$"""{"message":"{{message}}"}""");
            using var response = await _client.SendAsync(request);
            return await response.Content.ReadAsStringAsync();
        }

        public async Task<OpenStream> OpenAsync(int replica, string message)
        {
            using var request = GatewayCalls.Post(At(replica, "/chat"), $$"""{"message":"{{message}}"}""");
            var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            return new OpenStream(response, new StreamReader(await response.Content.ReadAsStreamAsync()));
        }

        public async Task NoLeaseIsLeftAsync()
        {
            await using var connection = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{redis.Port}");
            await Until.TrueAsync(async () => !await connection.GetServers()[0].KeysAsync(pattern: "*:lease").AnyAsync(), Patience);
        }

        /// <returns>How many updates each entry of the call under way has, when there are so many.</returns>
        public async Task<IReadOnlyList<int>> ToldAsync(int updates)
        {
            await using var connection = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{redis.Port}");
            var told = new List<int>();
            await Until.TrueAsync(
                async () =>
                {
                    told.Clear();
                    await foreach (var log in connection.GetServers()[0].KeysAsync(pattern: "*:log:*"))
                    {
                        var entries = await connection.GetDatabase().StreamRangeAsync(log);
                        told.AddRange(entries.Select(SharedForm.ReadUpdates).OfType<SharedUpdates>().Select(entry => entry.Updates.Count));
                    }
                    return told.Sum() >= updates;
                },
                Patience);
            return told;
        }

        public Task KillRedisAsync() => redis.KillAsync();

        public async Task KillAsync(int replica) => await gateways[replica].DisposeAsync();

        public async ValueTask DisposeAsync()
        {
            _client.Dispose();
            foreach (var gateway in gateways)
                await gateway.DisposeAsync();
            await upstream.DisposeAsync();
            await redis.DisposeAsync();
        }

        private string At(int replica, string path) => new Uri(gateways[replica].Address, path).ToString();
    }

    private sealed class OpenStream(HttpResponseMessage response, StreamReader reader) : IDisposable
    {
        public string Header(string name) => response.Headers.GetValues(name).Single();

        /// <returns>Null at the end.</returns>
        public async Task<string?> NextDeltaAsync()
        {
            while (await reader.ReadLineAsync() is { } line)
            {
                if (line.StartsWith("data: {", StringComparison.Ordinal))
                    return JsonDocument.Parse(line[6..]).RootElement.GetProperty("delta").GetString();
            }
            return null;
        }

        public Task<string> RestAsync() => reader.ReadToEndAsync();

        public void Dispose()
        {
            reader.Dispose();
            response.Dispose();
        }
    }
}
