using System.Net;
using System.Text.Json;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Endpoints;

/// <summary><c>?dry_run=1</c> tells what a request would take, and takes none of it.</summary>
public class DryRunTests
{
    [Theory]
    // "hello" is a token; a message has 4 around it, a prompt 3.
    [InlineData("/chat", """{"message":"hello","max_tokens":100}""", 8, 100, 0.0000612)]
    [InlineData("/chat-stream", """{"message":"hello","max_tokens":100}""", 8, 100, 0.0000612)]
    [InlineData("/chat-stream/tickets", """{"message":"hello","max_tokens":100}""", 8, 100, 0.0000612)]
    [InlineData("/chat", """{"message":"hello","system":"hello","max_tokens":1,"model":"gpt-4o"}""", 13, 1, 0.0000425)]
    public async Task TellsWhatARequestWouldTake(string path, string json, int input, int output, double cost)
    {
        await using var gateway = await GatewayHost.StartAsync();

        var told = await DryAsync(gateway, path, json);

        Assert.Equal(
            ["input_tokens", "max_output_tokens", "chunks", "calls", "max_cost_usd", "cached"], told.EnumerateObject().Select(property => property.Name));
        Assert.Equal((input, output, 1, 1, 0), Numbers(told));
        Assert.Equal(cost, told.GetProperty("max_cost_usd").GetDouble(), precision: 9);
        Assert.Equal(0, gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData("/summarize", """{"text":"The boats go down the river."}""")]
    [InlineData("/classify", """{"text":"The boats go down the river."}""")]
    [InlineData("/chat", """{"message":"The boats go down the river."}""")]
    [InlineData("/chat-stream", """{"message":"The boats go down the river."}""")]
    public async Task TellsThatAnAnswerIsStored(string path, string json)
    {
        await using var gateway = await GatewayHost.StartAsync();
        var before = await DryAsync(gateway, path, json);
        using (await gateway.PostAsync(path, json))
        {
            // The answer is stored.
        }

        var after = await DryAsync(gateway, path, json);
        var fresh = await DryAsync(gateway, path, json, "&fresh=1");

        Assert.Equal(1, gateway.Upstream.Calls);
        Assert.Equal((0, 1, 0), (Cached(before), Cached(after), Cached(fresh)));
        Assert.True(Cost(before) > 0);
        Assert.Equal((0m, Cost(before)), (Cost(after), Cost(fresh)));
    }

    [Fact]
    public async Task TheCostOfARealRunIsNeverHigher()
    {
        await using var gateway = await GatewayHost.StartAsync("Summarize:MapReduceAbove=1000", "Summarize:SliceTokens=1000", "Summarize:SliceOutputTokens=100");
        var document = JsonSerializer.Serialize(new { text = LongText.Of(18_300) });
        var before = await DryAsync(gateway, "/summarize", document);

        var real = await GatewayAnswer.OfAsync(await gateway.PostAsync("/summarize", document));
        var after = await DryAsync(gateway, "/summarize", document);

        Assert.Equal((20, 0), (before.GetProperty("chunks").GetInt32(), Cached(before)));
        // Summaries as long as they may be would take a level in between.
        Assert.Equal(24, before.GetProperty("calls").GetInt32());
        Assert.InRange(before.GetProperty("input_tokens").GetInt32(), 18_300, 28_000);
        Assert.Equal((22 * 100) + 100 + 200, before.GetProperty("max_output_tokens").GetInt32());
        Assert.True(real.CostUsd > 0 && real.CostUsd <= Cost(before), $"{real.CostUsd} of at most {Cost(before)}");
        Assert.Equal((21, 21, 0m), (after.GetProperty("calls").GetInt32(), Cached(after), Cost(after)));
    }

    [Fact]
    public async Task TellsHowManySlicesAreStored()
    {
        await using var gateway = await GatewayHost.StartAsync("Summarize:MapReduceAbove=1000", "Summarize:SliceTokens=1000", "Summarize:SliceOutputTokens=100");
        var text = LongText.Of(18_300);
        using (await gateway.PostAsync("/summarize", JsonSerializer.Serialize(new { text })))
        {
            // The slices are stored.
        }

        var told = await DryAsync(gateway, "/summarize", JsonSerializer.Serialize(new { text = text + "One more sentence." }));

        Assert.InRange(Cached(told), 18, 19);
        Assert.Equal(21, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task ClaimsNoCostWithoutAPrice()
    {
        await using var gateway = await GatewayHost.StartAsync("Llm:Models:house:ContextWindow=1000", "Llm:Models:house:MaxOutputTokens=500");

        var told = await DryAsync(gateway, "/chat", """{"message":"hello","model":"house"}""");

        Assert.False(told.TryGetProperty("max_cost_usd", out _));
    }

    [Fact]
    public async Task CostsNothingOffline()
    {
        await using var gateway = await GatewayHost.StartAsync("Llm:Provider=offline");

        Assert.Equal(0m, Cost(await DryAsync(gateway, "/chat", """{"message":"hello"}""")));
    }

    [Fact]
    public async Task RefusesWhatTheRequestItselfWouldBeRefusedFor()
    {
        await using var gateway = await GatewayHost.StartAsync();

        using var response = await gateway.PostAsync("/summarize?dry_run=1", """{"text":""}""");

        await Problem.AssertAsync(response, 400, "invalid_request");
    }

    private static async Task<JsonElement> DryAsync(GatewayHost gateway, string path, string json, string query = "")
    {
        using var response = await gateway.PostAsync($"{path}?dry_run=1{query}", json);
        Assert.Equal((HttpStatusCode.OK, "application/json"), (response.StatusCode, response.Content.Headers.ContentType?.MediaType));
        return JsonElement.Parse(await response.Content.ReadAsStringAsync());
    }

    private static (int, int, int, int, int) Numbers(JsonElement told) => (
        told.GetProperty("input_tokens").GetInt32(), told.GetProperty("max_output_tokens").GetInt32(), told.GetProperty("chunks").GetInt32(),
        told.GetProperty("calls").GetInt32(), Cached(told));

    private static int Cached(JsonElement told) => told.GetProperty("cached").GetInt32();

    private static decimal Cost(JsonElement told) => told.GetProperty("max_cost_usd").GetDecimal();
}
