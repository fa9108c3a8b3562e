using System.Text.RegularExpressions;
using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Endpoints;

/// <summary>The same thing happens at both providers: the caller gets the same bytes, but for who it was.</summary>
public partial class ProvidersAlikeTests
{
    private static readonly Dictionary<string, FakeScript> Scripts = new()
    {
        ["an answer"] = new() { Text = "The boats go — down the river. 🚤 \"Quoted\" \\ and\nbroken.", PromptTokens = 40, CompletionTokens = 12, CachedTokens = 10 },
        ["an answer in odd slices"] = new() { SplitBytes = 7, Crlf = true, Comments = true },
        ["half a character"] = new() { Pieces = ["Hi ", "\ud83d", " there"] },
        ["an answer cut short"] = new() { FinishReason = "length" },
        ["an answer without usage"] = new() { NoUsage = true },
        ["a refusal"] = new() { Refusal = "No." },
        ["a filter"] = new() { FinishReason = "content_filter", Pieces = [] },
        ["too long"] = new() { Status = 400, ErrorCode = "context_length_exceeded" },
        ["no credit"] = new() { Status = 400, ErrorCode = "insufficient_quota" },
        ["a refused key"] = new() { Status = 401 },
        ["a limit"] = new() { Status = 429, RetryAfter = "3600" },
        ["a failure"] = new() { Status = 500 },
        ["a failure at first"] = new() { Status = 503, FailFirst = 2 },
        ["a break"] = new() { Fault = new FakeFault(FakeFaultKind.End, 3) },
        ["a reset"] = new() { Fault = new FakeFault(FakeFaultKind.Reset, 3) },
        ["an error in the middle"] = new() { Fault = new FakeFault(FakeFaultKind.ErrorEvent, 3) },
        ["garbage"] = new() { Fault = new FakeFault(FakeFaultKind.Garbage, 3) },
        ["a stranger's class"] = new() { Choice = "nonsense" },
    };

    public static TheoryData<string> Names() => [.. Scripts.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task ACallerCannotTellThemApart(string name)
    {
        var (openai, anthropic) = (await AnswersAsync(Wire.OpenAI, name), await AnswersAsync(Wire.Anthropic, name));

        foreach (var (one, other) in openai.Zip(anthropic))
            Assert.Equal(one, other);
    }

    private static async Task<List<string>> AnswersAsync(Wire wire, string name)
    {
        await using var gateway = await GatewayHost.StartAsync(wire, [.. SharedGateway.Patient]);
        var answers = new List<string>();
        foreach (var endpoint in GatewayCalls.Endpoints)
        {
            gateway.Upstream.Reset();
            // OpenAI says by a 429 that there is no credit, Anthropic by a 400.
            gateway.Upstream.Script = name == "no credit" && wire == Wire.OpenAI ? Scripts[name] with { Status = 429 } : Scripts[name];
            var answer = await GatewayAnswer.OfAsync(await gateway.Client.SendAsync(Request(endpoint)));
            answers.Add($"{endpoint} {answer.Status} {gateway.Upstream.Calls}\n{Headers(answer)}\n{Neutral(answer.Text, wire)}");
        }
        return answers;
    }

    /// <summary>The same words whoever is asked, in each of them new.</summary>
    private static HttpRequestMessage Request(string endpoint)
    {
        var text = $"Say it for {endpoint}.";
        return endpoint switch
        {
            "POST /summarize" => GatewayCalls.Post("/summarize", $$"""{"text":"{{text}}"}"""),
            "POST /classify" => GatewayCalls.Post("/classify", $$"""{"text":"{{text}}"}"""),
            "POST /chat as JSON" => GatewayCalls.Post("/chat", $$"""{"message":"{{text}}","system":"Be brief.","temperature":0.5}""", "application/json"),
            "POST /chat" => GatewayCalls.Post("/chat", $$"""{"message":"{{text}}"}"""),
            "POST /chat-stream" => GatewayCalls.Post("/chat-stream", $$"""{"messages":[{"role":"user","content":"{{text}}"}]}"""),
            _ => new HttpRequestMessage(HttpMethod.Get, "/chat-stream?message=" + Uri.EscapeDataString(text)),
        };
    }

    private static string Headers(GatewayAnswer answer) => string.Join('\n', answer.Headers
        .Where(header => header.Key.ToLowerInvariant() is not ("date" or "x-request-id" or "x-stream-id" or "x-model" or "x-provider" or "x-cost-usd" or "server-timing" or "content-length"))
        .OrderBy(header => header.Key, StringComparer.OrdinalIgnoreCase)
        // Whether a stream has ended when its head goes out is a matter of luck.
        .Select(header => $"{header.Key}: {(answer.IsStream ? header.Value.Replace("; stored", "", StringComparison.Ordinal) : header.Value)}"));

    private static string Neutral(string body, Wire wire) => Own().Replace(body, "").Replace(wire.Model, "MODEL", StringComparison.Ordinal)
        .Replace(wire.KeyVariable, "KEY", StringComparison.Ordinal).Replace(wire == Wire.OpenAI ? ", server_error" : ", api_error", ", ERROR", StringComparison.Ordinal);

    [GeneratedRegex("\"(cost_usd|request_id)\":(\"[^\"]*\"|[0-9.E-]+),?|^id: [0-9a-f]+", RegexOptions.Multiline)]
    private static partial Regex Own();
}
