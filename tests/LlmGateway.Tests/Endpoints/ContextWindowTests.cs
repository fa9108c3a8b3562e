using System.Net;
using System.Text.Json;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Endpoints;

/// <summary>Prompts that come near to what a model can hold. The model of these tests holds 1,000 tokens.</summary>
public class ContextWindowTests
{
    private static readonly string[] Settings =
    [
        "Llm:Models:small:ContextWindow=1000", "Llm:Models:small:MaxOutputTokens=500", "Chat:Model=small", "Classify:Model=small", "Chat:MaxOutputTokens=300",
    ];

    [Theory]
    // Each word is a token; a message has 4 around it, and a prompt 3.
    [InlineData(693, null)]
    [InlineData(694, "299")]
    [InlineData(900, "93")]
    [InlineData(980, "13")]
    public async Task LowersWhatTheReplyMayHaveToWhatFits(int words, string? lowered)
    {
        await using var gateway = await GatewayHost.StartAsync(Settings);

        var json = await ChatAsync(gateway, new { message = Words(words) }, "application/json");
        var stream = await ChatAsync(gateway, new { message = Words(words) }, "text/event-stream");

        Assert.Equal((HttpStatusCode.OK, lowered), (json.Status, json["x-max-tokens"]));
        Assert.Equal((HttpStatusCode.OK, lowered), (stream.Status, stream["x-max-tokens"]));
        var sent = Assert.Single(gateway.Upstream.Requests).Json;
        Assert.Equal(lowered ?? "300", sent.GetProperty("max_completion_tokens").GetRawText());
        Assert.Equal(words, Content(sent, 0).Split(' ').Length);
    }

    [Fact]
    public async Task LowersWhatTheReplyMayHaveToWhatTheModelCanSay()
    {
        await using var gateway = await GatewayHost.StartAsync(Settings);

        var answer = await ChatAsync(gateway, new { message = "Hello", max_tokens = 2000 }, "application/json");

        Assert.Equal("500", answer["x-max-tokens"]);
        Assert.Equal(500, gateway.Upstream.Requests[0].Json.GetProperty("max_completion_tokens").GetInt32());
    }

    [Theory]
    [InlineData(993, 1)]
    [InlineData(1100, 108)]
    public async Task RefusesAPromptThatDoesNotFitAndSaysByHowMuch(int words, int over)
    {
        await using var gateway = await GatewayHost.StartAsync(Settings);

        using var posted = await gateway.PostAsync("/chat", JsonSerializer.Serialize(new { message = Words(words) }));
        using var got = await gateway.Client.GetAsync("/chat-stream?message=" + Uri.EscapeDataString(Words(words)));

        var problem = await Problem.AssertAsync(posted, 413, "context_length_exceeded");
        Assert.Contains($"The prompt has {words + 7} tokens", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Contains($"that is {over} too many", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        await Problem.AssertAsync(got, 413, "context_length_exceeded");
        Assert.Equal(0, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task DropsTheOldestTurnsAndNeverTheSystemPrompt()
    {
        await using var gateway = await GatewayHost.StartAsync(Settings);
        object[] messages =
        [
            new { role = "system", content = "Be brief." },
            new { role = "user", content = "first " + Words(300) },
            new { role = "assistant", content = "second " + Words(300) },
            new { role = "user", content = "third " + Words(300) },
            new { role = "assistant", content = "fourth " + Words(100) },
            new { role = "user", content = "fifth " + Words(100) },
        ];

        var answer = await ChatAsync(gateway, new { messages, overflow = "drop_oldest" }, "application/json");
        var stream = await ChatAsync(gateway, new { messages, overflow = "drop_oldest" }, "text/event-stream");
        using var refused = await gateway.PostAsync("/chat", JsonSerializer.Serialize(new { messages }));

        Assert.Equal((HttpStatusCode.OK, "2", null), (answer.Status, answer["x-messages-dropped"], answer["x-max-tokens"]));
        Assert.Equal("2", stream["x-messages-dropped"]);
        var sent = Assert.Single(gateway.Upstream.Requests).Json;
        Assert.Equal(
            ["Be", "third", "fourth", "fifth"],
            sent.GetProperty("messages").EnumerateArray().Select(message => message.GetProperty("content").GetString()!.Split(' ')[0]));
        var problem = await Problem.AssertAsync(refused, 413, "context_length_exceeded");
        Assert.Contains("drop_oldest", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task DropsNothingThatFits()
    {
        await using var gateway = await GatewayHost.StartAsync(Settings);

        var answer = await ChatAsync(gateway, new { message = "Hello", overflow = "drop_oldest" }, "application/json");

        Assert.Null(answer["x-messages-dropped"]);
    }

    [Theory]
    [InlineData(900, HttpStatusCode.OK)]
    [InlineData(993, HttpStatusCode.RequestEntityTooLarge)]
    public async Task KeepsTheLastMessageWhateverItsLength(int words, HttpStatusCode status)
    {
        await using var gateway = await GatewayHost.StartAsync(Settings);
        object[] messages = [new { role = "user", content = "Hello" }, new { role = "assistant", content = "Yes?" }, new { role = "user", content = Words(words) }];

        var answer = await ChatAsync(gateway, new { messages, overflow = "drop_oldest" }, "application/json");

        Assert.Equal(status, answer.Status);
        if (status == HttpStatusCode.OK) Assert.Equal(("2", "93"), (answer["x-messages-dropped"], answer["x-max-tokens"]));
    }

    [Fact]
    public async Task RefusesAnotherOverflow()
    {
        await using var gateway = await GatewayHost.StartAsync(Settings);

        using var response = await gateway.PostAsync("/chat", """{"message":"Hello","overflow":"drop_all"}""");

        Assert.Equal(["overflow"], Problem.FieldsOf(await Problem.AssertAsync(response, 400, "invalid_request")));
    }

    [Fact]
    public async Task RefusesATextToBeClassifiedThatDoesNotFit()
    {
        await using var gateway = await GatewayHost.StartAsync(Settings);

        using var fits = await gateway.ClassifyAsync(Words(600));
        using var refused = await gateway.ClassifyAsync(Words(900));

        Assert.Equal(HttpStatusCode.OK, fits.StatusCode);
        var problem = await Problem.AssertAsync(refused, 413, "context_length_exceeded");
        Assert.Matches(@"that is \d+ too many", problem.GetProperty("detail").GetString());
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    private static string Words(int count) => string.Join(' ', Enumerable.Repeat("boat", count));

    private static string Content(JsonElement body, int message) => body.GetProperty("messages")[message].GetProperty("content").GetString()!;

    private static async Task<GatewayAnswer> ChatAsync(GatewayHost gateway, object request, string accept) =>
        await GatewayAnswer.OfAsync(await gateway.Client.SendAsync(GatewayCalls.Post("/chat", JsonSerializer.Serialize(request), accept)));
}
