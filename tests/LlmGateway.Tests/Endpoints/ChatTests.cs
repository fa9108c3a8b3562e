using System.Net;
using System.Net.Http.Json;
using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Endpoints;

public class ChatTests
{
    [Fact]
    public async Task StreamsDeltasThenAnEndThenDone()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Pieces = ["Hel", "lo"], PromptTokens = 9, CompletionTokens = 2 };

        var response = await gateway.Client.GetAsync("/chat-stream?message=hi");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.ToString());
        Assert.Equal(
            """
            retry: 1000
            data: {"delta":"Hel"}
            id: ID:3

            data: {"delta":"lo"}
            id: ID:5

            data: {"delta":"","finish_reason":"stop","model":"gpt-4o-mini","usage":{"input_tokens":9,"output_tokens":2},"cost_usd":0.00000255}
            id: ID:end

            id: ID:done
            data: [DONE]


            """.ReplaceLineEndings("\n").Replace("ID", response.Headers.GetValues("x-stream-id").Single(), StringComparison.Ordinal),
            await response.Content.ReadAsStringAsync());
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task AnswersInOnePieceWhoAcceptsJson()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Pieces = ["Hel", "lo"] };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/chat") { Content = JsonContent.Create(new { message = "hi" }) };
        request.Headers.Accept.ParseAdd("application/json");

        var response = await gateway.Client.SendAsync(request);

        Assert.Equal("""{"reply":"Hello","model":"gpt-4o-mini","finish_reason":"stop"}""", await response.Content.ReadAsStringAsync());
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    /// <summary>JSON is for those who ask for it by name: whoever does not care gets a stream.</summary>
    [Theory]
    [InlineData(null, false)]
    [InlineData("*/*", false)]
    [InlineData("text/event-stream", false)]
    [InlineData("application/*", false)]
    [InlineData("text/html", false)]
    [InlineData("application/json", true)]
    [InlineData("Application/JSON; charset=utf-8", true)]
    [InlineData("application/json, text/plain, */*", true)]
    [InlineData("application/json, text/event-stream", false)]
    [InlineData("text/event-stream, application/json", false)]
    [InlineData("application/json;q=0.9, text/event-stream;q=0.5", true)]
    [InlineData("application/json;q=0.5, text/event-stream;q=0.9", false)]
    [InlineData("application/json;q=0", false)]
    [InlineData("nonsense", false)]
    public async Task AnswersInTheFormThatIsAsked(string? accept, bool json)
    {
        await using var gateway = await GatewayHost.StartAsync();

        foreach (var path in new[] { "/chat", "/chat-stream" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(new { message = path }) };
            if (accept is not null) request.Headers.TryAddWithoutValidation("Accept", accept);
            using var response = await gateway.Client.SendAsync(request);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal(json ? "application/json" : "text/event-stream", response.Content.Headers.ContentType!.ToString());
        }
    }

    [Fact]
    public async Task AlwaysStreamsToAGet()
    {
        await using var gateway = await GatewayHost.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/chat-stream?message=hi");
        request.Headers.Accept.ParseAdd("application/json");

        using var response = await gateway.Client.SendAsync(request);

        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.ToString());
    }

    [Fact]
    public async Task SaysOfAJsonAnswerInHeadersWhatItCost()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { PromptTokens = 9, CompletionTokens = 2 };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/chat") { Content = JsonContent.Create(new { message = "hi" }) };
        request.Headers.Accept.ParseAdd("application/json");

        using var response = await gateway.Client.SendAsync(request);

        foreach (var (name, value) in new[]
        {
            ("x-model", "gpt-4o-mini"), ("x-provider", "openai"), ("x-attempts", "1"), ("x-tokens-input", "9"), ("x-tokens-output", "2"), ("x-cost-usd", "0.00000255"),
        })
        {
            Assert.Equal(value, response.Headers.GetValues(name).Single());
        }
    }

    [Fact]
    public async Task TellsTheUpstreamWhatItWasTold()
    {
        await using var gateway = await GatewayHost.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/chat")
        {
            Content = JsonContent.Create(new
            {
                system = "Be brief.",
                messages = new[] { new { role = "user", content = "Hi" }, new { role = "assistant", content = "Yes?" }, new { role = "user", content = "Bye" } },
                model = "gpt-4.1-nano",
                max_tokens = 77,
                temperature = 0.25,
            }),
        };
        request.Headers.Add("x-request-id", "abc-1");

        using var response = await gateway.Client.SendAsync(request);

        Assert.Equal("abc-1", response.Headers.GetValues("x-request-id").Single());
        var sent = Assert.Single(gateway.Upstream.Requests);
        Assert.Equal(
            """
            {"model":"gpt-4.1-nano","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"},{"role":"assistant","content":"Yes?"},{"role":"user","content":"Bye"}],"max_completion_tokens":77,"temperature":0.25,"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}
            """,
            sent.Body);
        Assert.Equal("/v1/chat/completions", sent.Path);
        Assert.Equal("Bearer " + GatewayHost.Key, sent.Headers["authorization"]);
        Assert.Equal("abc-1", sent.Headers["x-client-request-id"]);
        Assert.StartsWith("application/json", sent.Headers["content-type"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task LeavesUnsaidWhatTheCallerLeftUnsaid()
    {
        await using var gateway = await GatewayHost.StartAsync();

        using var response = await gateway.Client.GetAsync("/chat-stream?message=Hi%20%2B%20bye");

        var sent = Assert.Single(gateway.Upstream.Requests);
        Assert.Equal(
            """
            {"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hi + bye"}],"max_completion_tokens":1024,"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}
            """,
            sent.Body);
        Assert.Equal(response.Headers.GetValues("x-request-id").Single(), sent.Headers["x-client-request-id"]);
    }

    [Fact]
    public async Task TellsTheUpstreamTheParametersOfAGet()
    {
        await using var gateway = await GatewayHost.StartAsync();

        await gateway.Client.GetStringAsync("/chat-stream?message=Hi&system=Be%20brief.&model=gpt-4o&max_tokens=5&temperature=0");

        Assert.Equal(
            """
            {"model":"gpt-4o","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}],"max_completion_tokens":5,"temperature":0,"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}
            """,
            Assert.Single(gateway.Upstream.Requests).Body);
    }
}
