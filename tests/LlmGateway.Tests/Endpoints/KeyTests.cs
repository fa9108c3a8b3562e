using System.Net;
using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace LlmGateway.Tests.Endpoints;

/// <summary>Several keys for one provider.</summary>
public class KeyTests
{
    private const string Three = "OPENAI_API_KEY=sk-one,sk-two, sk-three";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static TheoryData<string> Endpoints() => [.. GatewayCalls.Endpoints];

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task NoRequestFailsWhileOneKeyWorks(string endpoint)
    {
        await using var gateway = await GatewayHost.StartAsync(Three);
        gateway.Upstream.OnRequest = request => KeyOf(request) switch
        {
            "sk-one" => new FakeScript { Status = 429, RetryAfter = "60" },
            "sk-two" => new FakeScript { Status = 401 },
            _ => null,
        };

        for (var i = 0; i < 12; i++)
        {
            using var response = await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint));
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        // One that rests and one that is out are asked once, and told of once.
        Assert.Equal((1, 1, 12), (Count(gateway, "sk-one"), Count(gateway, "sk-two"), Count(gateway, "sk-three")));
        Assert.Single(gateway.Log.Of("KeyRefused"));
        Assert.Single(gateway.Log.Of("KeyResting"));
        Assert.DoesNotContain("sk-", gateway.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task EveryCallCounts()
    {
        await using var gateway = await GatewayHost.StartAsync(Three);
        gateway.Upstream.Enqueue(new FakeScript { Status = 429, RetryAfter = "60" }, new FakeScript { Status = 401 });

        using var response = await gateway.SummarizeAsync();

        Assert.Equal("3", Assert.Single(response.Headers.GetValues("x-attempts")));
    }

    [Fact]
    public async Task TheKeyWithTheLeastInFlightIsNext()
    {
        await using var gateway = await GatewayHost.StartAsync(Three);
        gateway.Upstream.Script = new FakeScript { Fault = new FakeFault(FakeFaultKind.Stall, 1) };
        using var leaving = new CancellationTokenSource();
        var streams = Enumerable.Range(0, 30).Select(_ => gateway.Client.SendAsync(
            GatewayCalls.NewRequest("GET /chat-stream"), HttpCompletionOption.ResponseHeadersRead, leaving.Token)).ToArray();
        foreach (var stream in streams)
            (await stream).EnsureSuccessStatusCode();

        Assert.Equal((10, 10, 10), (Count(gateway, "sk-one"), Count(gateway, "sk-two"), Count(gateway, "sk-three")));
        foreach (var stream in streams)
            (await stream).Dispose();
        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == 30, Patience);
    }

    [Fact]
    public async Task AKeyWorksAgainAfterItsRest()
    {
        await using var gateway = await GatewayHost.StartAsync("OPENAI_API_KEY=sk-one,sk-two");
        gateway.Upstream.OnRequest = request => KeyOf(request) == "sk-one" && gateway.Upstream.Calls < 3 ? new FakeScript { Status = 429, RetryAfterMs = "300" } : null;

        for (var i = 0; i < 2; i++)
            await gateway.SummarizeAsync();
        while (Count(gateway, "sk-one") < 2)
            (await gateway.SummarizeAsync()).EnsureSuccessStatusCode();

        Assert.All(gateway.Log.Of("Request"), logged => Assert.Equal(200, logged.Value("Status")));
    }

    [Fact]
    public async Task WhereAllRestTheShortestRestIsTold()
    {
        await using var gateway = await GatewayHost.StartAsync("OPENAI_API_KEY=sk-one,sk-two");
        gateway.Upstream.OnRequest = request => new FakeScript { Status = 429, RetryAfter = KeyOf(request) == "sk-one" ? "3600" : "1800" };

        using var first = await gateway.SummarizeAsync();
        using var second = await gateway.SummarizeAsync();

        foreach (var response in new[] { first, second })
        {
            var problem = await Problem.AssertAsync(response, 429, "upstream_rate_limited", retryable: true);
            Assert.InRange(problem.GetProperty("retry_after_ms").GetInt64(), 1_700_000, 1_800_000);
        }
        // The second request found them resting.
        Assert.Equal(2, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task WhereAllAreRefusedThatIsTold()
    {
        await using var gateway = await GatewayHost.StartAsync("OPENAI_API_KEY=sk-one,sk-two");
        gateway.Upstream.Script = new FakeScript { Status = 401 };

        for (var i = 0; i < 2; i++)
            await Problem.AssertAsync(await gateway.SummarizeAsync(), 502, "upstream_auth");

        Assert.Equal(2, gateway.Upstream.Calls);
        Assert.Equal(2, gateway.Log.Of("KeyRefused").Count);
    }

    [Fact]
    public async Task KeysAreReadAgainWhenTheConfigurationChanges()
    {
        var file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".json");
        await File.WriteAllTextAsync(file, """{"Llm":{"OpenAI":{"ApiKey":"sk-old"}}}""");
        try
        {
            await using var gateway = await GatewayHost.StartAsync(builder => builder.Configuration.AddJsonFile(file, optional: false, reloadOnChange: false), "OPENAI_API_KEY=");
            await gateway.SummarizeAsync();
            await File.WriteAllTextAsync(file, """{"Llm":{"OpenAI":{"ApiKey":"sk-new,sk-newer"}}}""");
            ((IConfigurationRoot)gateway.Services.GetRequiredService<IConfiguration>()).Reload();

            for (var i = 0; i < 4; i++)
                Assert.Equal(HttpStatusCode.OK, (await gateway.SummarizeAsync()).StatusCode);

            Assert.Equal((1, 2, 2), (Count(gateway, "sk-old"), Count(gateway, "sk-new"), Count(gateway, "sk-newer")));
            Assert.Single(gateway.Log.Of("KeysChanged"));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task AClientNeverChoosesTheUpstreamOrTheKey()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var request = GatewayCalls.Post("/summarize", """{"text":"Hi","provider":"other","base_url":"http://127.0.0.1:9","api_key":"sk-mine","model":"gpt-4o-mini"}""");
        request.Headers.Add("authorization", "Bearer sk-mine");
        request.Headers.Add("x-api-key", "sk-mine");
        request.Headers.Add("x-provider", "other");

        using var response = await gateway.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(GatewayHost.Key, KeyOf(Assert.Single(gateway.Upstream.Requests)));
    }

    private static string KeyOf(FakeRequest request) => request.Headers["authorization"]["Bearer ".Length..];

    private static int Count(GatewayHost gateway, string key) => gateway.Upstream.Requests.Count(request => KeyOf(request) == key);
}
