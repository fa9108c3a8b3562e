using System.Net;
using System.Text.Json;
using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Endpoints;

/// <summary>Texts in, vectors out; each text paid for once.</summary>
public class EmbeddingsTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task AnswersOneTextOrSeveral()
    {
        await using var gateway = await GatewayHost.StartAsync();

        var one = await PostAsync(gateway, """{"input":"a boat"}""");
        var several = await PostAsync(gateway, """{"input":["a boat","a hill"],"dimensions":8,"model":"text-embedding-3-large"}""");

        Assert.Equal((1, 1536), Shape(one));
        Assert.Equal((2, 8), Shape(several));
        Assert.Equal("text-embedding-3-small", Body(one).GetProperty("model").GetString());
        Assert.Equal(8, Body(several).GetProperty("dimensions").GetInt32());
        Assert.Equal(("openai", "text-embedding-3-large", "1", "MISS", "LlmGateway; fwd=miss; stored"),
            (several["x-provider"], several["x-model"], several["x-attempts"], several["x-cache"], several["cache-status"]));
        Assert.Equal("application/json", several["content-type"]);
    }

    [Fact]
    public async Task SendsOnlyWhatIsMissingAndEachTextOnce()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var first = await PostAsync(gateway, """{"input":["one","two"]}""");

        var second = await PostAsync(gateway, """{"input":["three","one","three","two","four"]}""");
        var third = await PostAsync(gateway, """{"input":["four","one"]}""");

        Assert.Equal([2, 2], gateway.Upstream.Requests.Select(request => request.Json.GetProperty("input").GetArrayLength()));
        Assert.Equal("""["three","four"]""", gateway.Upstream.Requests[1].Json.GetProperty("input").GetRawText());
        // The order is that of the texts, wherever each vector came from.
        Assert.Equal(Vector(first, 0), Vector(second, 1));
        Assert.Equal(Vector(first, 1), Vector(second, 3));
        Assert.Equal(Vector(second, 0), Vector(second, 2));
        Assert.Equal(Vector(second, 4), Vector(third, 0));
        Assert.NotEqual(Vector(second, 0), Vector(second, 1));
        Assert.Equal(("HIT", "LlmGateway; hit", "0", "0"), (third["x-cache"], third["cache-status"], third["x-attempts"], third["x-cost-usd"]));
    }

    [Fact]
    public async Task CostsWhatWasSentAndSavedTheRest()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { PromptTokens = 3 };
        // One token each: 3 × 0.02 and 2 × 0.02 ÷ 1,000,000.
        var first = await PostAsync(gateway, """{"input":["one","two","three"]}""");
        gateway.Upstream.Script = new FakeScript { PromptTokens = 1 };
        var second = await PostAsync(gateway, """{"input":["four","one","two"]}""");
        gateway.Upstream.Script = new FakeScript { NoUsage = true };
        var unknown = await PostAsync(gateway, """{"input":["five"]}""");

        Assert.Equal((0.00000006m, null), (first.CostUsd, first.SavedUsd));
        Assert.Equal((0.00000002m, 0.00000004m), (second.CostUsd, second.SavedUsd));
        Assert.Equal("3", second["x-tokens-input"]);
        Assert.Equal((null, null), (unknown.CostUsd, unknown["x-tokens-input"]));
    }

    [Fact]
    public async Task KeepsModelsAndLengthsApartAndAsksAnewWhenTold()
    {
        await using var gateway = await GatewayHost.StartAsync();

        foreach (var json in new[] { """{"input":"x"}""", """{"input":"x","dimensions":8}""", """{"input":"x","model":"text-embedding-3-large"}""" })
            Assert.Equal("MISS", (await PostAsync(gateway, json))["x-cache"]);
        var fresh = await GatewayAnswer.OfAsync(await gateway.PostAsync("/embeddings?fresh=1", """{"input":"x"}"""));

        Assert.Equal(("BYPASS", "LlmGateway; fwd=bypass; stored"), (fresh["x-cache"], fresh["cache-status"]));
        Assert.Equal(4, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task SplitsByNumberAndByTokensAndKeepsTheOrder()
    {
        await using var gateway = await GatewayHost.StartAsync("Embeddings:MaxBatchInputs=100", "Embeddings:MaxBatchTokens=250");
        // Two tokens each for most, and some that fill a call by themselves.
        var inputs = Enumerable.Range(0, 350).Select(i => i % 120 == 7 ? string.Concat(Enumerable.Repeat($"{i} boats ", 60)) : $"n{i}").ToList();
        var json = JsonSerializer.Serialize(new { input = inputs, dimensions = 4 });

        var all = await PostAsync(gateway, json);
        var calls = gateway.Upstream.Requests.Select(request => request.Json.GetProperty("input").EnumerateArray().Select(text => text.GetString()!).ToList()).ToList();
        await using var alone = await GatewayHost.StartAsync();

        Assert.Equal((350, 4), Shape(all));
        Assert.All(calls, call => Assert.InRange(call.Count, 1, 100));
        Assert.Equal(inputs.Order(), calls.SelectMany(call => call).Order());
        Assert.Equal($"{calls.Count}", all["x-attempts"]);
        foreach (var i in new[] { 0, 7, 99, 100, 247, 349 })
            Assert.Equal(Vector(await PostAsync(alone, JsonSerializer.Serialize(new { input = inputs[i], dimensions = 4 })), 0), Vector(all, i));
    }

    [Fact]
    public async Task SendsAsManyAsTheProviderTakes()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var json = JsonSerializer.Serialize(new { input = Enumerable.Range(0, 2049).Select(i => $"text {i}"), dimensions = 2 });

        var answer = await PostAsync(gateway, json);

        Assert.Equal((2049, 2), Shape(answer));
        Assert.Equal([1, 2048], gateway.Upstream.Requests.Select(request => request.Json.GetProperty("input").GetArrayLength()).Order());
    }

    [Fact]
    public async Task FailsWholeAndKeepsNothingOfIt()
    {
        await using var gateway = await GatewayHost.StartAsync("Embeddings:MaxBatchInputs=2", "Embeddings:ParallelBatches=1", "Llm:Resilience:MaxRetries=0");
        gateway.Upstream.Enqueue(new FakeScript(), new FakeScript { Status = 400 });

        using var response = await gateway.PostAsync("/embeddings", """{"input":["a","b","c","d","e","f"]}""");
        await Problem.AssertAsync(response, 502, "upstream_rejected");
        // What comes after the failure is not asked for.
        Assert.Equal(2, gateway.Upstream.Calls);
        var again = await PostAsync(gateway, """{"input":["a","b"]}""");

        Assert.Equal(("MISS", "1"), (again["x-cache"], again["x-attempts"]));
    }

    [Fact]
    public async Task AbortsEveryCallWhenTheCallerGoes()
    {
        await using var gateway = await GatewayHost.StartAsync("Embeddings:MaxBatchInputs=1", "Embeddings:ParallelBatches=3");
        gateway.Upstream.Script = new FakeScript { Fault = new FakeFault(FakeFaultKind.Stall, FakeFault.Head) };
        using (var client = await RawClient.ConnectAsync(gateway.Address))
        {
            await client.SendAsync("/embeddings", """{"input":["a","b","c","d"]}""");
            await gateway.Upstream.WaitForAsync(upstream => upstream.InFlight == 3, Patience);
            client.Close();
        }

        await gateway.Upstream.WaitForAsync(upstream => upstream is { Aborted: 3, InFlight: 0 }, Patience);
        Assert.Equal(3, gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData("""{}""", "input")]
    [InlineData("""{"input":null}""", "input")]
    [InlineData("""{"input":[]}""", "input")]
    [InlineData("""{"input":""}""", "input")]
    [InlineData("""{"input":["a",""]}""", "input[1]")]
    [InlineData("""{"input":["a",null]}""", "input[1]")]
    [InlineData("""{"input":["a",2]}""", "input[1]")]
    [InlineData("""{"input":{"a":1}}""", "input")]
    [InlineData("""{"input":"a","dimensions":0}""", "dimensions")]
    [InlineData("""{"input":"a","dimensions":1537}""", "dimensions")]
    [InlineData("""{"input":"a","dimensions":"8"}""", "dimensions")]
    public async Task SaysWhatIsWrong(string json, string field)
    {
        await using var gateway = await GatewayHost.StartAsync();

        using var response = await gateway.PostAsync("/embeddings", json);

        var problem = await Problem.AssertAsync(response, 400, "invalid_request");
        Assert.Equal(field, Assert.Single(Problem.FieldsOf(problem)));
        Assert.Equal(0, gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData("gpt-4o-mini")]
    [InlineData("claude-haiku-5-5")]
    [InlineData("nothing")]
    public async Task TakesEmbeddingModelsOnly(string model)
    {
        await using var gateway = await GatewayHost.StartAsync();

        using var response = await gateway.PostAsync("/embeddings", $$"""{"input":"a","model":"{{model}}"}""");

        var problem = await Problem.AssertAsync(response, 400, "model_not_allowed");
        Assert.Contains("text-embedding-3-small", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task RefusesATextThatTheModelCannotRead()
    {
        await using var gateway = await GatewayHost.StartAsync();

        using var response = await gateway.PostAsync("/embeddings", JsonSerializer.Serialize(new { input = new[] { "short", string.Concat(Enumerable.Repeat("boats ", 8200)) } }));

        var problem = await Problem.AssertAsync(response, 413, "context_length_exceeded");
        Assert.Equal("input[1]", Assert.Single(Problem.FieldsOf(problem)));
        Assert.StartsWith("input[1]: This text has 8", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData("401", 502, "upstream_auth", 1)]
    [InlineData("500", 503, "upstream_unavailable", 6)]
    [InlineData("429 insufficient_quota", 502, "upstream_quota_exhausted", 1)]
    [InlineData("HTML with 200", 502, "upstream_invalid_response", 1)]
    [InlineData("truncated JSON", 502, "upstream_invalid_response", 1)]
    public async Task TellsHowTheUpstreamFailed(string failure, int status, string code, int calls)
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = UpstreamFailure.All[failure].Script;

        using var response = await gateway.PostAsync("/embeddings", """{"input":["a"]}""");

        await Problem.AssertAsync(response, status, code, UpstreamFailure.All[failure].Retryable);
        Assert.Equal(calls, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task TellsWhatItWouldTake()
    {
        await using var gateway = await GatewayHost.StartAsync("Embeddings:MaxBatchInputs=2");
        await PostAsync(gateway, """{"input":["one","two"]}""");

        var dry = await GatewayAnswer.OfAsync(await gateway.PostAsync("/embeddings?dry_run=1", """{"input":["one","two","three","one"]}"""));

        // Three texts of one token each, two of them stored: one call of two is left, for one token.
        Assert.Equal("""{"input_tokens":3,"max_output_tokens":0,"chunks":2,"calls":2,"max_cost_usd":0.00000002,"cached":1}""", dry.Text);
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task AnswersOffline()
    {
        await using var gateway = await GatewayHost.StartAsync("Llm:Provider=offline");

        var answer = await PostAsync(gateway, """{"input":["a boat","a boat","the sea"]}""");

        Assert.Equal((3, 1536), Shape(answer));
        Assert.Equal(("offline", "0"), (answer["x-provider"], answer["x-cost-usd"]));
    }

    private static async Task<GatewayAnswer> PostAsync(GatewayHost gateway, string json)
    {
        var answer = await GatewayAnswer.OfAsync(await gateway.PostAsync("/embeddings", json));
        Assert.True(answer.Status == HttpStatusCode.OK, answer.Text);
        return answer;
    }

    private static JsonElement Body(GatewayAnswer answer) => JsonElement.Parse(answer.Text);

    private static (int Vectors, int Length) Shape(GatewayAnswer answer)
    {
        var vectors = Body(answer).GetProperty("embeddings");
        return (vectors.GetArrayLength(), Assert.Single(vectors.EnumerateArray().Select(vector => vector.GetArrayLength()).Distinct()));
    }

    private static string Vector(GatewayAnswer answer, int place) => Body(answer).GetProperty("embeddings")[place].GetRawText();
}
