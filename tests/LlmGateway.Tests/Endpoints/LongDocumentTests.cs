using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using LlmGateway.FakeOpenAI;
using LlmGateway.Llm.Tokens;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Endpoints;

/// <summary>Texts that are summarized in slices. The slices are small here, but for one document of a million tokens.</summary>
public partial class LongDocumentTests
{
    private static readonly string[] Small =
    [
        "Summarize:MapReduceAbove=1000", "Summarize:SliceTokens=1000", "Summarize:SliceOutputTokens=100",
    ];

    // Slices are filled by 92 % on the average: these make 20.
    private static readonly string Document = LongText.Of(18_300);

    private static readonly JsonSerializerOptions Readable = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task SummarizesEverySliceAndThenTheirSummaries()
    {
        await using var gateway = await GatewayHost.StartAsync(Small);
        gateway.Upstream.OnRequest = request => new FakeScript { Text = PartOf(request) is ( > 0 and var part, _) ? $"Said in part {part}." : "All of it." };

        var answer = await SummarizeAsync(gateway, Document);

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        var body = JsonElement.Parse(answer.Text);
        Assert.Equal(["summary", "model", "truncated", "input_tokens", "chunks"], body.EnumerateObject().Select(property => property.Name));
        Assert.Equal("All of it.", body.GetProperty("summary").GetString());
        Assert.False(body.GetProperty("truncated").GetBoolean());
        Assert.Equal(TokenCounters.Get(TokenCounters.O200kBase).Count(Document), body.GetProperty("input_tokens").GetInt32());
        var chunks = body.GetProperty("chunks").GetInt32();
        Assert.Equal(chunks + 1, gateway.Upstream.Calls);

        var slices = gateway.Upstream.Requests.Where(request => PartOf(request).Part > 0).OrderBy(request => PartOf(request).Part).ToList();
        Assert.Equal(Enumerable.Range(1, chunks).Select(part => (part, chunks)), slices.Select(PartOf));
        Assert.Equal(Document, string.Concat(slices.Select(UserText)));
        Assert.All(slices, slice => Assert.InRange(TokenCounters.Get(TokenCounters.O200kBase).Count(UserText(slice)), 1, 1000));
        Assert.All(slices, slice => Assert.Equal(100, slice.Json.GetProperty("max_completion_tokens").GetInt32()));
        var last = gateway.Upstream.Requests[^1];
        Assert.Equal(200, last.Json.GetProperty("max_completion_tokens").GetInt32());
        Assert.Contains("2-3 sentences", last.Json.GetProperty("messages")[0].GetProperty("content").GetString(), StringComparison.Ordinal);
        Assert.Equal(
            string.Concat(Enumerable.Range(1, chunks).Select(part => $"[Part {part} of {chunks}]\nSaid in part {part}.\n\n")), UserText(last));
    }

    [Fact]
    public async Task TellsWhatAllCallsTookTogether()
    {
        await using var gateway = await GatewayHost.StartAsync(Small);
        gateway.Upstream.Script = new FakeScript { PromptTokens = 1000, CompletionTokens = 10 };

        var answer = await SummarizeAsync(gateway, Document);

        var calls = gateway.Upstream.Calls;
        Assert.Equal($"{calls * 1000}", answer["x-tokens-input"]);
        Assert.Equal($"{calls * 10}", answer["x-tokens-output"]);
        Assert.Equal(calls * 0.000156m, answer.CostUsd);
        Assert.Null(answer.SavedUsd);
        Assert.Equal($"{calls}", answer["x-attempts"]);
        Assert.Equal(("MISS", "LlmGateway; fwd=miss; stored"), (answer["x-cache"], answer["cache-status"]));
        Assert.Contains("upstream;dur=", answer["server-timing"], StringComparison.Ordinal);
        var logged = Assert.Single(await gateway.Log.WaitForAsync("Request", 1));
        Assert.Equal($"{calls}", logged.Properties["Attempts"].ToString());
        Assert.Equal($"{calls * 1000}", logged.Properties["InputTokens"].ToString());
    }

    [Fact]
    public async Task TheSecondRunIsFree()
    {
        await using var gateway = await GatewayHost.StartAsync(Small);
        var first = await SummarizeAsync(gateway, Document);
        var calls = gateway.Upstream.Calls;

        var second = await SummarizeAsync(gateway, Document);

        Assert.Equal(calls, gateway.Upstream.Calls);
        Assert.Equal(first.Body, second.Body);
        Assert.Equal((0m, first.CostUsd), (second.CostUsd, second.SavedUsd));
        Assert.Equal(("HIT", "0"), (second["x-cache"], second["x-attempts"]));
        Assert.StartsWith("LlmGateway; hit; ttl=", second["cache-status"], StringComparison.Ordinal);
        Assert.Equal(first["x-tokens-input"], second["x-tokens-input"]);
    }

    [Fact]
    public async Task AFreshRunAsksForEverythingAnew()
    {
        await using var gateway = await GatewayHost.StartAsync(Small);
        await SummarizeAsync(gateway, Document);
        var calls = gateway.Upstream.Calls;

        var fresh = await SummarizeAsync(gateway, Document, "/summarize?fresh=1");

        Assert.Equal(2 * calls, gateway.Upstream.Calls);
        Assert.Equal("BYPASS", fresh["x-cache"]);
    }

    [Fact]
    public async Task AnotherLengthOfTheSummaryPaysForTheSummaryAlone()
    {
        await using var gateway = await GatewayHost.StartAsync(Small);
        await SummarizeAsync(gateway, Document);
        var calls = gateway.Upstream.Calls;

        using var response = await gateway.PostAsync("/summarize", JsonSerializer.Serialize(new { text = Document, max_tokens = 30 }));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(calls + 1, gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(10)]
    [InlineData(19)]
    public async Task AnEditedParagraphPaysForItsSliceAlone(int slice)
    {
        await using var gateway = await GatewayHost.StartAsync(Small);
        gateway.Upstream.OnRequest = request => new FakeScript { Text = $"Summary of {UserText(request).Length} chars." };
        await SummarizeAsync(gateway, Document);
        var slices = gateway.Upstream.Requests.Where(request => PartOf(request).Part > 0).OrderBy(request => PartOf(request).Part).Select(UserText).ToList();
        var calls = gateway.Upstream.Calls;
        var at = slices.Take(slice).Sum(text => text.Length) + (slices[slice].Length / 2);
        at = Document.IndexOf("In ", at, StringComparison.Ordinal);

        var edited = await SummarizeAsync(gateway, Document.Insert(at, "But nobody had read it. "));

        Assert.Equal("MISS", edited["x-cache"]);
        // The slice, perhaps its neighbour, and the summary of all.
        Assert.InRange(gateway.Upstream.Calls - calls, 2, 3);
        Assert.Equal($"{gateway.Upstream.Calls - calls}", edited["x-attempts"]);
        Assert.True(edited.CostUsd > 0 && edited.SavedUsd > 5 * edited.CostUsd, $"cost {edited.CostUsd}, saved {edited.SavedUsd}");
    }

    [Fact]
    public async Task ATextThatGrewByASliceStillHasItsOtherSlices()
    {
        await using var gateway = await GatewayHost.StartAsync(Small);
        await SummarizeAsync(gateway, Document);
        var calls = gateway.Upstream.Calls;

        await SummarizeAsync(gateway, LongText.Of(2_000, seed: 2) + Document);

        Assert.InRange(gateway.Upstream.Calls - calls, 3, 7);
    }

    [Fact]
    public async Task TellsItsProgressInOrder()
    {
        await using var gateway = await GatewayHost.StartAsync(Small);

        var answer = await StreamAsync(gateway, Document);

        Assert.True(answer.IsStream);
        Assert.Contains("no-transform", answer["cache-control"], StringComparison.Ordinal);
        var frames = answer.Frames;
        var body = frames[^1];
        var chunks = body.GetProperty("chunks").GetInt32();
        Assert.Equal(
            [.. Enumerable.Range(1, chunks).Select(done => ("map", done, chunks)), ("reduce", 1, 1)],
            frames.SkipLast(1).Select(frame => (frame.GetProperty("stage").GetString()!, frame.GetProperty("done").GetInt32(), frame.GetProperty("total").GetInt32())));
        Assert.All(frames.SkipLast(2), frame => Assert.Equal(3, frame.EnumerateObject().Count()));
        Assert.Equal(["stage", "done", "total", "usage", "cost_usd"], frames[^2].EnumerateObject().Select(property => property.Name));
        var json = await SummarizeAsync(gateway, Document);
        Assert.Equal(JsonElement.Parse(json.Text).ToString(), body.ToString());
        Assert.Equal(json.SavedUsd, frames[^2].GetProperty("cost_usd").GetDecimal());
    }

    [Fact]
    public async Task TellsTheProgressOfAShortTextToo()
    {
        await using var gateway = await GatewayHost.StartAsync();

        var answer = await StreamAsync(gateway, "The boats go down the river.");

        Assert.Equal(2, answer.Frames.Count);
        Assert.Equal("map 1 1", $"{answer.Frames[0].GetProperty("stage")} {answer.Frames[0].GetProperty("done")} {answer.Frames[0].GetProperty("total")}");
        Assert.Equal(1, answer.Frames[1].GetProperty("chunks").GetInt32());
        Assert.Equal(("MISS", "openai", "1"), (answer["x-cache"], answer["x-provider"], answer["x-attempts"]));
    }

    [Theory]
    [InlineData("text/event-stream", true)]
    [InlineData("text/event-stream, application/json;q=0.5", true)]
    [InlineData("application/json, text/event-stream;q=0.5", false)]
    [InlineData("*/*", false)]
    public async Task AnswersInTheFormThatIsAskedFor(string accept, bool stream)
    {
        await using var gateway = await GatewayHost.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/summarize") { Content = GatewayCalls.Json("""{"text":"The boats."}""") };
        request.Headers.TryAddWithoutValidation("accept", accept);

        var answer = await GatewayAnswer.OfAsync(await gateway.Client.SendAsync(request));

        Assert.Equal(stream, answer.IsStream);
    }

    [Fact]
    public async Task AFailureBeforeTheFirstSliceIsAStatus()
    {
        await using var gateway = await GatewayHost.StartAsync(Small);
        gateway.Upstream.Script = new FakeScript { Status = 401 };

        using var response = await gateway.Client.SendAsync(GatewayCalls.Post("/summarize", Json(Document), "text/event-stream"));

        var problem = await Problem.AssertAsync(response, 502, "upstream_auth");
        Assert.Matches(@"^Slice \d+ of \d+: ", problem.GetProperty("detail").GetString());
    }

    [Fact]
    public async Task AFailureAfterItIsAFrame()
    {
        await using var gateway = await GatewayHost.StartAsync(Small);
        gateway.Upstream.OnRequest = request => PartOf(request).Part == 0 ? new FakeScript { Status = 400 } : null;

        var answer = await StreamAsync(gateway, Document);

        var error = answer.Frames[^1];
        Assert.Equal(["error"], error.EnumerateObject().Select(property => property.Name));
        Assert.Equal("upstream_rejected", error.GetProperty("error").GetProperty("code").GetString());
        Assert.Matches(@"^The summary of all \d+ slices: ", error.GetProperty("error").GetProperty("message").GetString());
        Assert.All(answer.Frames.SkipLast(1), frame => Assert.Equal("map", frame.GetProperty("stage").GetString()));
        Assert.Equal("upstream_rejected", Assert.Single(gateway.Log.Of("Request")).Properties["ErrorCode"].ToString().Trim('"'));
        Assert.Single(gateway.Log.Of("SummaryStreamBroken"));
    }

    [Fact]
    public async Task OneSliceThatFailsForGoodFailsTheWholeAndTheRestStaysStored()
    {
        await using var gateway = await GatewayHost.StartAsync([.. Small, .. SharedGateway.Patient]);
        var failing = true;
        gateway.Upstream.OnRequest = request => failing && PartOf(request).Part == 13 ? new FakeScript { Status = 500 } : null;

        using var response = await gateway.Client.SendAsync(GatewayCalls.Post("/summarize", Json(Document)));

        var problem = await Problem.AssertAsync(response, 503, "upstream_unavailable", retryable: true);
        Assert.StartsWith("Slice 13 of 20: ", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        await gateway.Upstream.WaitForAsync(upstream => upstream.InFlight == 0, Patience);
        var stored = gateway.Upstream.Completed;
        Assert.Equal(6, gateway.Upstream.Failed);
        Assert.InRange(stored, 5, 19);

        failing = false;
        var before = gateway.Upstream.Calls;
        var second = await SummarizeAsync(gateway, Document);

        Assert.Equal(HttpStatusCode.OK, second.Status);
        // Of the eight under way when the slice failed, seven may have been sent and not been read any more.
        Assert.InRange(gateway.Upstream.Calls - before, 21 - stored, 21 - stored + 7);
    }

    [Fact]
    public async Task AFailureAbortsTheSlicesThatStillRun()
    {
        await using var gateway = await GatewayHost.StartAsync(Small);
        gateway.Upstream.OnRequest = request => PartOf(request).Part == 3
            ? new FakeScript { Status = 400, Latency = TimeSpan.FromMilliseconds(300) }
            : new FakeScript { Fault = new FakeFault(FakeFaultKind.Stall, FakeFault.Head) };

        using var response = await gateway.Client.SendAsync(GatewayCalls.Post("/summarize", Json(Document)));

        await Problem.AssertAsync(response, 502, "upstream_rejected");
        await gateway.Upstream.WaitForAsync(upstream => upstream.InFlight == 0, Patience);
        Assert.Equal((8, 1, 7), (gateway.Upstream.Calls, gateway.Upstream.Failed, gateway.Upstream.Aborted));
    }

    [Fact]
    public async Task AClientThatLeavesAtTheFifthSliceAbortsAllThatRun()
    {
        await using var gateway = await GatewayHost.StartAsync(Small);
        var calls = 0;
        gateway.Upstream.OnRequest = _ => Interlocked.Increment(ref calls) <= 5
            ? null
            : new FakeScript { Fault = new FakeFault(FakeFaultKind.Stall, FakeFault.Head) };
        using var client = await RawClient.ConnectAsync(gateway.Address);
        await client.SendAsync("/summarize", Json(Document), "Accept: text/event-stream");
        await client.ReadHeadAsync();
        for (var done = 1; done <= 5; done++)
            Assert.Contains($"\"done\":{done},", await client.ReadFrameAsync(), StringComparison.Ordinal);
        await gateway.Upstream.WaitForAsync(upstream => upstream.InFlight == 8, Patience);

        client.Close();

        await gateway.Upstream.WaitForAsync(upstream => upstream.InFlight == 0, Patience);
        Assert.Equal((13, 5, 8), (gateway.Upstream.Calls, gateway.Upstream.Completed, gateway.Upstream.Aborted));
        await Until.TrueAsync(() => gateway.Log.Of("Request").Count == 1, Patience);
        Assert.Equal("499", gateway.Log.Of("Request")[0].Properties["Status"].ToString());
        Assert.Equal(13, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task SitsOutAStormOf429()
    {
        await using var gateway = await GatewayHost.StartAsync([.. Small, .. SharedGateway.Patient]);
        gateway.Upstream.OnRequest = request => PartOf(request).Part is >= 7 and <= 14 ? new FakeScript { Status = 429, RetryAfterMs = "2", FailFirst = 3 } : null;

        var answer = await SummarizeAsync(gateway, Document);

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal((21 + (8 * 3), 8 * 3, 21), (gateway.Upstream.Calls, gateway.Upstream.Failed, gateway.Upstream.Completed));
        Assert.Equal($"{21 + (8 * 3)}", answer["x-attempts"]);
        Assert.InRange(gateway.Upstream.MaxInFlight, 1, 8);
    }

    [Fact]
    public async Task HasADeadlineThatGrowsWithTheSlices()
    {
        await using var gateway = await GatewayHost.StartAsync([.. Small, "Summarize:RoundTimeout=00:00:00.100"]);
        gateway.Upstream.OnRequest = request => PartOf(request).Part == 20 ? new FakeScript { Fault = new FakeFault(FakeFaultKind.Stall, FakeFault.Head) } : null;

        using var response = await gateway.Client.SendAsync(GatewayCalls.Post("/summarize", Json(Document)));

        var problem = await Problem.AssertAsync(response, 504, "upstream_timeout", retryable: true);
        // Three rounds of slices, one of at most three summaries of summaries, one of the last.
        Assert.Contains("within 0.5 s", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        await gateway.Upstream.WaitForAsync(upstream => upstream.InFlight == 0, Patience);
        Assert.Equal(1, gateway.Upstream.Aborted);
    }

    [Fact]
    public async Task SummarizesSummariesUntilOneCallCanReadThemAll()
    {
        await using var gateway = await GatewayHost.StartAsync(Small);
        var words = string.Join(' ', Enumerable.Range(0, 80).Select(i => i.ToString(CultureInfo.InvariantCulture)));
        gateway.Upstream.OnRequest = request => new FakeScript { Text = PartOf(request).Part > 0 ? words : "Short." };

        var frames = (await StreamAsync(gateway, Document)).Frames;

        var reduces = frames.Where(frame => frame.TryGetProperty("stage", out var stage) && stage.GetString() == "reduce")
            .Select(frame => $"{frame.GetProperty("done")}/{frame.GetProperty("total")}").ToList();
        Assert.Equal("1/1", reduces[^1]);
        Assert.InRange(reduces.Count, 3, 5);
        Assert.Equal(20 + reduces.Count, gateway.Upstream.Calls);
        var last = UserText(gateway.Upstream.Requests[^1]);
        Assert.StartsWith("[Parts 1 to ", last, StringComparison.Ordinal);
        Assert.Contains("to 20 of 20]", last, StringComparison.Ordinal);
        Assert.All(gateway.Upstream.Requests, request => Assert.InRange(TokenCounters.Get(TokenCounters.O200kBase).Count(UserText(request)), 1, 1000));
    }

    [Fact]
    public async Task GivesUpOnAModelWhoseSummariesAreNotShorter()
    {
        await using var gateway = await GatewayHost.StartAsync([.. Small, "Summarize:SliceOutputTokens=125"]);
        var endless = string.Concat(Enumerable.Repeat("word ", 1100));
        gateway.Upstream.OnRequest = _ => new FakeScript { Pieces = [endless] };

        using var response = await gateway.Client.SendAsync(GatewayCalls.Post("/summarize", Json(Document)));

        await Problem.AssertAsync(response, 502, "upstream_invalid_response", retryable: true);
        Assert.Equal(20, gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData("truncate", 8000, 1, true)]
    [InlineData("map_reduce", 850, 1, false)]
    [InlineData("map_reduce", 2000, 3, false)]
    [InlineData("auto", 850, 1, false)]
    [InlineData(null, 3000, 4, false)]
    public async Task DoesWithALongTextWhatIsAskedFor(string? longInput, int tokens, int chunks, bool truncated)
    {
        await using var gateway = await GatewayHost.StartAsync([.. Small, "Summarize:MaxInputTokens=950"]);

        using var response = await gateway.PostAsync("/summarize", JsonSerializer.Serialize(new { text = LongText.Of(tokens), long_input = longInput }));

        var body = JsonElement.Parse(await response.Content.ReadAsStringAsync());
        Assert.Equal((chunks, truncated), (body.GetProperty("chunks").GetInt32(), body.GetProperty("truncated").GetBoolean()));
        Assert.Equal(chunks == 1 ? 1 : chunks + 1, gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData("\"always\"")]
    [InlineData("\"\"")]
    [InlineData("7")]
    public async Task RefusesAnotherWayToDealWithALongText(string longInput)
    {
        await using var gateway = await GatewayHost.StartAsync();

        using var response = await gateway.PostAsync("/summarize", $$"""{"text":"Boats.","long_input":{{longInput}}}""");

        Assert.Equal(["long_input"], Problem.FieldsOf(await Problem.AssertAsync(response, 400, "invalid_request")));
    }

    [Theory]
    [InlineData("Summarize:MaxSlices=19")]
    [InlineData("Summarize:SliceTokens=200", "Summarize:SliceOutputTokens=25", "Summarize:MaxSlices=10000", "Summarize:MapReduceAbove=200")]
    public async Task RefusesATextThatTakesTooManySlices(params string[] settings)
    {
        await using var gateway = await GatewayHost.StartAsync([.. Small, .. settings]);

        using var response = await gateway.Client.SendAsync(GatewayCalls.Post("/summarize", Json(settings.Length > 1 ? LongText.Of(30_000) : Document)));

        await Problem.AssertAsync(response, 413, "context_length_exceeded");
        Assert.Equal(0, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task ReadsALongTextAsItCame()
    {
        await using var gateway = await GatewayHost.StartAsync("Summarize:MapReduceAbove=50000");
        var text = string.Concat(Enumerable.Range(0, 30_000).Select(i => $"{i} größer, 更大, 🚣‍♀️ \"quoted\" \\ / \r\n\t\b\f\0\u2028 <b>\n\n"));
        var plain = JsonSerializer.Serialize(new { text }, Readable);
        var escaped = JsonSerializer.Serialize(new { text });
        var halves = plain.Replace("<b>", "\\ud83d<b>\\uDE00", StringComparison.Ordinal);

        foreach (var (json, expected) in new[] { (plain, text), (escaped, text), (halves, text.Replace("<b>", "\uFFFD<b>\uFFFD", StringComparison.Ordinal)) })
        {
            gateway.Upstream.Reset();
            Assert.True(json.Length > 1024 * 1024);
            using var response = await gateway.PostAsync("/summarize?fresh=1", json);

            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            var slices = gateway.Upstream.Requests.Where(request => PartOf(request).Part > 0).OrderBy(request => PartOf(request).Part).Select(UserText);
            Assert.Equal(expected, string.Concat(slices));
        }
    }

    [Theory]
    [InlineData("\\ud83", 0)]
    [InlineData("\\x", 0)]
    [InlineData("", 0xFF)]
    [InlineData("", 0xC3)]
    public async Task RefusesALongTextThatIsMalformed(string end, byte last)
    {
        await using var gateway = await GatewayHost.StartAsync();
        var json = System.Text.Encoding.UTF8.GetBytes($$"""{"text":"\n{{new string('a', 2 * 1024 * 1024)}}{{end}}?"}""");
        if (last > 0) json[^3] = last;

        using var response = await gateway.Client.SendAsync(GatewayCalls.Post("/summarize", GatewayCalls.Bytes(json)));

        await Problem.AssertAsync(response, 400, "invalid_request");
    }

    [Fact]
    public async Task TakesFarLessThanSixTimesTheMemoryOfTheBody()
    {
        if (!OperatingSystem.IsLinux()) return;
        await using var upstream = await FakeOpenAIServer.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync(upstream);
        using var client = new HttpClient { BaseAddress = gateway.Address };
        var small = await PeakAsync(LongText.Of(1_000));

        var document = LongText.Of(200_000);
        var body = string.Concat(Enumerable.Range(0, 24 * 1024 * 1024 / document.Length).Select(i => document + i));
        var large = await PeakAsync(body);

        Assert.InRange(large - small, body.Length, 6L * body.Length);

        async Task<long> PeakAsync(string text)
        {
            using var response = await client.PostAsync("/summarize?dry_run=1", GatewayCalls.Json(Json(text)));
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            var peak = (await File.ReadAllLinesAsync($"/proc/{gateway.Id}/status")).Single(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
            return long.Parse(peak.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) * 1024;
        }
    }

    [Fact]
    public async Task ALongTextInAMalformedBodyLeavesNothingInMemory()
    {
        if (!OperatingSystem.IsLinux()) return;
        await using var upstream = await FakeOpenAIServer.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync(upstream);
        using var client = new HttpClient { BaseAddress = gateway.Address };
        var text = string.Concat(Enumerable.Repeat("a long text ", 512 * 1024));
        var malformed = $$"""{"text":"{{text}}","max_tokens":"many"}""";
        await RefusedAsync();
        var first = await ResidentAsync();

        for (var i = 0; i < 20; i++)
            await RefusedAsync();

        // Each of them took two bytes a char. A few times that is the allocator's own, and the collector's.
        Assert.InRange(await ResidentAsync() - first, long.MinValue, 12L * text.Length);

        async Task RefusedAsync()
        {
            using var response = await client.PostAsync("/summarize", GatewayCalls.Json(malformed));
            await Problem.AssertAsync(response, 400, "invalid_request");
        }

        async Task<long> ResidentAsync()
        {
            var line = (await File.ReadAllLinesAsync($"/proc/{gateway.Id}/status")).Single(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
            return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) * 1024;
        }
    }

    [Fact]
    public async Task TheSamePartIsSummarizedOnceForAllWhoAskAtOnce()
    {
        await using var gateway = await GatewayHost.StartAsync(Small);
        gateway.Upstream.Script = new FakeScript { Latency = TimeSpan.FromMilliseconds(50) };

        var answers = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => SummarizeAsync(gateway, Document)));

        Assert.Equal(21, gateway.Upstream.Calls);
        Assert.All(answers, answer => Assert.Equal(answers[0].Body, answer.Body));
        var whole = answers[0].CostUsd + (answers[0].SavedUsd ?? 0);
        Assert.Equal(whole, answers.Sum(answer => answer.CostUsd));
        Assert.All(answers, answer => Assert.Equal(whole, answer.CostUsd + (answer.SavedUsd ?? 0)));
    }

    [Fact]
    public async Task SummarizesAMillionTokensEightSlicesAtATime()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Latency = TimeSpan.FromMilliseconds(100) };

        var answer = await SummarizeAsync(gateway, LongText.Of(1_000_000));

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        var chunks = JsonElement.Parse(answer.Text).GetProperty("chunks").GetInt32();
        Assert.InRange(chunks, 20, 24);
        Assert.Equal(chunks + 1, gateway.Upstream.Calls);
        Assert.Equal(8, gateway.Upstream.MaxInFlight);
    }

    private static string Json(string text) => JsonSerializer.Serialize(new { text });

    private static async Task<GatewayAnswer> SummarizeAsync(GatewayHost gateway, string text, string path = "/summarize") =>
        await GatewayAnswer.OfAsync(await gateway.PostAsync(path, Json(text)));

    private static async Task<GatewayAnswer> StreamAsync(GatewayHost gateway, string text) =>
        await GatewayAnswer.OfAsync(await gateway.Client.SendAsync(GatewayCalls.Post("/summarize", Json(text), "text/event-stream")));

    /// <returns>Zeros where the request is not about a part.</returns>
    private static (int Part, int Of) PartOf(FakeRequest request)
    {
        var match = PartOfText().Match(request.Json.GetProperty("messages")[1].GetProperty("content").GetString()!);
        return match.Success ? (Number("part"), Number("of")) : default;

        int Number(string group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);
    }

    private static string UserText(FakeRequest request) => request.Json.GetProperty("messages").EnumerateArray().Last().GetProperty("content").GetString()!;

    [GeneratedRegex(@"^This is part (?<part>\d+) of (?<of>\d+)\.$")]
    private static partial Regex PartOfText();
}
