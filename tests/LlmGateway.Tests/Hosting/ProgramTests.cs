using System.Net;
using System.Text.Json;
using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;
using Startup = LlmGateway.Hosting.Startup;

namespace LlmGateway.Tests.Hosting;

/// <summary>Each thing that the program does, once, as a process: what is compiled ahead of time may lack what the tests' own process has.</summary>
public class ProgramTests
{
    [Theory]
    [InlineData("gpt-4o-mini")]
    [InlineData("claude-haiku-4-5")]
    [InlineData("claude-haiku-5-5")]
    public async Task AnswersEveryTaskByEveryProvider(string model)
    {
        await using var upstream = await FakeOpenAIServer.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync(upstream);
        using var client = new HttpClient { BaseAddress = gateway.Address };

        var summary = await JsonAsync(client, "/summarize", $$"""{"text":"Once upon a time.","model":"{{model}}"}""");
        var category = await JsonAsync(client, "/classify", $$"""{"text":"My invoice is wrong.","model":"{{model}}"}""");
        var reply = await JsonAsync(client, "/chat", $$"""{"message":"Hello.","model":"{{model}}"}""");
        var dryRun = await JsonAsync(client, "/chat?dry_run=1", $$"""{"message":"How much?","model":"{{model}}"}""");
        var stream = await TextAsync(client, GatewayCalls.Post("/chat-stream", $$"""{"message":"Tell me more.","model":"{{model}}"}"""));
        var events = await TextAsync(client, new HttpRequestMessage(HttpMethod.Get, $"/chat-stream?message=And+more&model={model}"));

        Assert.NotEmpty(summary.GetProperty("summary").GetString()!);
        Assert.NotEmpty(category.GetProperty("category").GetString()!);
        Assert.Equal("stop", reply.GetProperty("finish_reason").GetString());
        Assert.Equal(1, dryRun.GetProperty("calls").GetInt32());
        Assert.EndsWith("data: [DONE]\n\n", stream, StringComparison.Ordinal);
        Assert.Contains("data: [DONE]\n", events, StringComparison.Ordinal);
        Assert.Equal(5, upstream.Calls);
        Assert.All(upstream.Requests, request => Assert.Equal(FakeOutcome.Completed, request.Outcome));
    }

    [Fact]
    public async Task ServesWhatNoModelIsAskedFor()
    {
        await using var upstream = await FakeOpenAIServer.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync(upstream);
        using var client = new HttpClient { BaseAddress = gateway.Address };

        var vectors = await JsonAsync(client, "/embeddings", """{"input":["a","b"]}""");
        var ticket = await JsonAsync(client, "/chat-stream/tickets", """{"message":"Later."}""");
        using var document = JsonDocument.Parse(await client.GetStringAsync("/openapi/v1.json"));
        var page = await client.GetStringAsync("/");
        var module = await client.GetStringAsync("/client.js");
        using var ready = await client.GetAsync("/health/ready");
        using var malformed = await client.SendAsync(GatewayCalls.Post("/summarize", """{"text":1}"""));

        Assert.Equal(2, vectors.GetProperty("embeddings").GetArrayLength());
        Assert.StartsWith("/chat-stream?ticket=", ticket.GetProperty("url").GetString(), StringComparison.Ordinal);
        Assert.True(document.RootElement.GetProperty("components").GetProperty("schemas").TryGetProperty("SummarizeRequest", out _));
        Assert.Contains("<title>", page, StringComparison.Ordinal);
        Assert.Contains("export", module, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        await Problem.AssertAsync(malformed, 400, "invalid_request");
    }

    [Theory]
    [InlineData("gpt-4o-mini")]
    [InlineData("claude-haiku-4-5")]
    public async Task NamesAFailureOfItsProvider(string model)
    {
        await using var upstream = await FakeOpenAIServer.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync(upstream, "Llm:Resilience:MaxRetries=0");
        using var client = new HttpClient { BaseAddress = gateway.Address };
        upstream.Script = new FakeScript { Status = 429, RetryAfter = "7" };

        using var response = await client.SendAsync(GatewayCalls.Post("/summarize", $$"""{"text":"Once upon a time.","model":"{{model}}"}"""));

        var problem = await Problem.AssertAsync(response, 429, "upstream_rate_limited", retryable: true);
        Assert.InRange(problem.GetProperty("retry_after_ms").GetInt64(), 6_000, 7_000);
    }

    /// <summary>The runtime keeps a thread for each processor where such threads handle what they hear, and one for all otherwise.</summary>
    [Theory]
    [InlineData(null, 3)]
    [InlineData("0", 1)]
    public async Task HandlesWhatComesOnTheThreadsThatHearOfIt(string? setting, int threads)
    {
        // Where threads can be counted.
        if (!OperatingSystem.IsLinux()) return;
        var environment = new Dictionary<string, string> { ["DOTNET_PROCESSOR_COUNT"] = "3" };
        if (setting is not null) environment[Startup.InlineCompletions] = setting;
        await using var upstream = await FakeOpenAIServer.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync(upstream, environment);

        var names = Directory.GetDirectories($"/proc/{gateway.Id}/task").Select(NameOf);

        Assert.Equal(threads, names.Count(name => name.StartsWith(".NET Sockets", StringComparison.Ordinal)));
    }

    private static string NameOf(string thread)
    {
        try
        {
            return File.ReadAllText(thread + "/comm");
        }
        catch (IOException)
        {
            // It has ended in the meantime.
            return "";
        }
    }

    private static async Task<JsonElement> JsonAsync(HttpClient client, string path, string json)
    {
        using var request = GatewayCalls.Post(path, json, "application/json");
        return JsonElement.Parse(await TextAsync(client, request));
    }

    private static async Task<string> TextAsync(HttpClient client, HttpRequestMessage request)
    {
        using var response = await client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return text;
    }
}
