using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;
using StackExchange.Redis;
using Xunit.Abstractions;

namespace LlmGateway.Tests.Llm.Generations.Redis;

/// <summary>Redis is never a condition: whatever becomes of it, each request gets its answer, and no other's.</summary>
[Collection(Quiet.Name)]
public class RedisFaultTests(ITestOutputHelper output)
{
    /// <summary>Requests in each trial; a longer run takes more by this variable.</summary>
    private static readonly int Requests = int.TryParse(Environment.GetEnvironmentVariable("REDIS_FAULT_REQUESTS"), out var requests) ? requests : 2000;

    [RedisFact]
    public async Task Killed()
    {
        await using var redis = await RedisServer.StartAsync();
        await TrialAsync(redis, redis.KillAsync);
    }

    [RedisFact]
    public async Task Hung()
    {
        await using var redis = await RedisServer.StartAsync();
        await TrialAsync(redis, redis.HangAsync);
        await redis.GoOnAsync();
    }

    [RedisFact]
    public async Task StartedLate()
    {
        await using var redis = RedisServer.NotStarted();
        await TrialAsync(redis, redis.RunAsync);
    }

    [Fact]
    public async Task HungAtStart()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        await TrialAsync($"redis://127.0.0.1:{((IPEndPoint)silent.LocalEndpoint).Port}", () => Task.CompletedTask);
    }

    [RedisFact]
    public async Task Flapping()
    {
        await using var redis = await RedisServer.StartAsync();
        using var end = new CancellationTokenSource();
        Task flapping = Task.CompletedTask;
        await TrialAsync(redis, () =>
        {
            flapping = FlapAsync(redis, end.Token);
            return Task.CompletedTask;
        });
        await end.CancelAsync();
        await flapping;
    }

    [RedisFact]
    public async Task FilledWithGarbage()
    {
        await using var redis = await RedisServer.StartAsync();
        await TrialAsync(redis, () => SpoilAsync(redis, new Random(7)));
    }

    private static async Task FlapAsync(RedisServer redis, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        var hung = false;
        while (!cancellationToken.IsCancellationRequested)
        {
            await (hung ? redis.GoOnAsync() : redis.HangAsync());
            hung = !hung;
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
        if (hung) await redis.GoOnAsync();
    }

    /// <summary>Overwrites everything: with bytes, with other types, with other questions' answers, with parts of the own ones.</summary>
    private static async Task SpoilAsync(RedisServer redis, Random random)
    {
        await using var connection = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{redis.Port}");
        var database = connection.GetDatabase();
        var keys = await connection.GetServers()[0].KeysAsync(pattern: "openai:*").Where(key => !key.ToString().Contains(":l", StringComparison.Ordinal)).ToArrayAsync();
        Assert.NotEmpty(keys);
        var values = (await database.StringGetAsync(keys)).Select(value => (byte[]?)value).ToArray();
        foreach (var (key, stored) in keys.Zip(values))
        {
            if (stored is not { Length: > 0 } value) continue;
            var other = values[random.Next(values.Length)];
            switch (random.Next(5))
            {
                case 0: await database.StringSetAsync(key, Encoding.UTF8.GetBytes("garbage")); break;
                case 1: await database.KeyDeleteAsync(key); await database.ListLeftPushAsync(key, "another type"); break;
                case 2: await database.StringSetAsync(key, other); break;
                case 3: await database.StringSetAsync(key, value.AsMemory(0, random.Next(value.Length))); break;
                default: value[random.Next(value.Length)] ^= (byte)(1 << random.Next(8)); await database.StringSetAsync(key, value); break;
            }
        }
    }

    private Task TrialAsync(RedisServer redis, Func<Task> fault) => TrialAsync(redis.Url, fault);

    private async Task TrialAsync(string url, Func<Task> fault)
    {
        // No memory of its own: each answer comes from Redis or from upstream.
        await using var gateway = await GatewayHost.StartAsync("REDIS_URL=" + url, "Cache:MemoryBytes=0", "Log:Level=Warning");
        gateway.Upstream.OnRequest = request => new FakeScript { Text = "About: " + request.Json.GetProperty("messages")[1].GetProperty("content").GetString() };
        var random = new Random(1);
        var questions = Enumerable.Range(0, 300).Select(i => $"question {i} {random.Next()}").ToArray();
        await AskAllAsync(gateway, questions, 300, random);

        var before = await AskAllAsync(gateway, questions, Requests / 4, random);
        var failing = fault();
        var during = await AskAllAsync(gateway, questions, Requests / 2, random);
        await failing;
        var after = await AskAllAsync(gateway, questions, Requests / 4, random);

        output.WriteLine($"before: {before}; during: {during}; after: {after}; upstream calls: {gateway.Upstream.Calls}");
        Assert.Empty(gateway.Log.Of("UnexpectedFailure"));
        Assert.Empty(gateway.Log.Of("GenerationFailed"));
    }

    private static async Task<Latency> AskAllAsync(GatewayHost gateway, string[] questions, int count, Random random)
    {
        var asked = Enumerable.Range(0, count).Select(_ => questions[random.Next(questions.Length)]).ToArray();
        var latencies = new double[count];
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) =>
        {
            var started = Stopwatch.GetTimestamp();
            using var response = await gateway.PostAsync("/summarize", $$"""{"text":"{{asked[i]}}"}""");
            var body = await response.Content.ReadAsStringAsync(CancellationToken.None);
            latencies[i] = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            Assert.True(response.StatusCode == HttpStatusCode.OK, body);
            Assert.Equal("About: " + asked[i], JsonDocument.Parse(body).RootElement.GetProperty("summary").GetString());
        });
        Array.Sort(latencies);
        return new Latency(latencies[count / 2], latencies[count * 99 / 100], latencies[^1]);
    }

    private sealed record Latency(double Median, double P99, double Max)
    {
        public override string ToString() => FormattableString.Invariant($"median {Median:0.0} ms, p99 {P99:0.0} ms, max {Max:0.0} ms");
    }
}
