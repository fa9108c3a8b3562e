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
            data: {"delta":"Hel"}

            data: {"delta":"lo"}

            data: {"delta":"","finish_reason":"stop","model":"gpt-4o-mini","usage":{"input_tokens":9,"output_tokens":2},"cost_usd":0.00000255}

            data: [DONE]


            """.ReplaceLineEndings("\n"),
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
}
