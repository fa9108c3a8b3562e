using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using LlmGateway.FakeOpenAI;
using LlmGateway.Hosting;
using LlmGateway.Tests.Hosts;
using Microsoft.Extensions.DependencyInjection;
using Serilog.Events;

namespace LlmGateway.Tests.Endpoints;

/// <summary>
/// Every way in which an upstream's stream can break. Its script tells a whole story of six pieces; what of it is told after the break is
/// told as broken, whoever asked.
/// </summary>
public abstract class BrokenStreamTests(Wire wire)
{
    private const string Secret = "the-prompt-of-the-caller";
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(10);
    private static readonly string[] Pieces = ["Once", " upon", " a", " time", " there", " was"];

    /// <summary>What breaks, which status and code say so, and whether to try again may help.</summary>
    public static TheoryData<string, int, string, bool> Breaks => new()
    {
        { "eof: fin inside the body", 503, "upstream_unavailable", true },
        { "eof: fin inside an event", 503, "upstream_unavailable", true },
        { "eof: proper end of the body", 502, "upstream_invalid_response", true },
        { "eof: proper end inside an event", 502, "upstream_invalid_response", true },
        { "reset", 503, "upstream_unavailable", true },
        { "reset inside an event", 503, "upstream_unavailable", true },
        { "an event that is no json", 502, "upstream_invalid_response", true },
        { "error: server_error", 503, "upstream_unavailable", true },
        { "error: rate_limit_exceeded", 429, "upstream_rate_limited", true },
        { "error: insufficient_quota", 502, "upstream_quota_exhausted", false },
        { "error: content_filter", 422, "content_filtered", false },
        { "silence", 504, "upstream_timeout", true },
    };

    [Theory]
    [MemberData(nameof(Breaks))]
    public async Task AfterTheFirstTokenAFrameTellsTheFailure(string how, int status, string code, bool retryable)
    {
        await using var gateway = await StartAsync();
        gateway.Upstream.Script = Break(how, after: 3);

        using var response = await gateway.Client.GetAsync($"/chat-stream?message={Secret}");
        var stream = await response.Content.ReadAsStringAsync();

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.True(status >= 400);
        Assert.Equal(code, EventText.Failure(stream, retryable, "Once upon a"));
        Assert.EndsWith("data: [DONE]\n\n", stream, StringComparison.Ordinal);
        Assert.Equal(1, gateway.Upstream.Calls);
        await AssertQuietAsync(gateway, "200", code);
    }

    [Theory]
    [MemberData(nameof(Breaks))]
    public async Task BeforeTheFirstTokenAStatusTellsIt(string how, int status, string code, bool retryable)
    {
        await using var gateway = await StartAsync();
        gateway.Upstream.Script = Break(how, after: 0);

        using var response = await gateway.Client.GetAsync($"/chat-stream?message={Secret}");

        await AssertProblemAsync(response, status, code, retryable);
        Assert.False(response.Headers.Contains("x-stream-id"));
        Assert.Equal(IsTransient(code) ? 2 : 1, gateway.Upstream.Calls);
        Assert.Equal(gateway.Upstream.Calls.ToString(CultureInfo.InvariantCulture), response.Headers.GetValues("x-attempts").Single());
        await AssertQuietAsync(gateway, status.ToString(CultureInfo.InvariantCulture), code);
    }

    [Theory]
    [MemberData(nameof(Breaks))]
    public async Task AJsonAnswerIsWholeOrAProblem(string how, int status, string code, bool retryable)
    {
        await using var gateway = await StartAsync();
        gateway.Upstream.Script = Break(how, after: 3);

        using var response = await PostJsonAsync(gateway);

        await AssertProblemAsync(response, status, code, retryable);
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData(200)]
    [InlineData(502)]
    public async Task APageIsNoStream(int status)
    {
        await using var gateway = await StartAsync();
        gateway.Upstream.Script = new FakeScript { Html = true, Status = status };

        using var stream = await gateway.Client.GetAsync($"/chat-stream?message={Secret}");
        using var json = await PostJsonAsync(gateway);

        foreach (var response in new[] { stream, json })
            await AssertProblemAsync(response, status == 200 ? 502 : 503, status == 200 ? "upstream_invalid_response" : "upstream_unavailable", retryable: true);
        Assert.Equal(status == 200 ? 2 : 4, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task AnEmptyAnswerIsNoStream()
    {
        await using var gateway = await StartAsync();
        gateway.Upstream.Script = new FakeScript { Fault = new FakeFault(FakeFaultKind.Close, FakeFault.Head) };

        using var response = await gateway.Client.GetAsync($"/chat-stream?message={Secret}");

        await AssertProblemAsync(response, 503, "upstream_unavailable", retryable: true);
    }

    [Fact]
    public async Task AFilterEndsWhatItInterrupts()
    {
        await using var gateway = await StartAsync();
        gateway.Upstream.Script = new FakeScript { Pieces = Pieces[..3], FinishReason = "content_filter" };

        var stream = await gateway.Client.GetStringAsync($"/chat-stream?message={Secret}");
        using var json = await PostJsonAsync(gateway);

        Assert.Equal("content_filtered", EventText.Failure(stream, retryable: false, "Once upon a"));
        await AssertProblemAsync(json, 422, "content_filtered", retryable: false);
        Assert.Equal(2, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task ARefusalIsNoReply()
    {
        await using var gateway = await StartAsync();
        gateway.Upstream.Script = new FakeScript { Refusal = "I will not say that." };

        using var stream = await gateway.Client.GetAsync($"/chat-stream?message={Secret}");
        using var json = await PostJsonAsync(gateway);

        foreach (var response in new[] { stream, json })
            await AssertProblemAsync(response, 422, "content_filtered", retryable: false);
        Assert.Equal(2, gateway.Upstream.Calls);
        await gateway.Upstream.WaitForAsync(upstream => upstream.Stats.InFlight == 0, Soon);
    }

    /// <summary>It is never silent for long, and never comes to its end.</summary>
    [Fact]
    public async Task AStreamThatDripsForEverIsNoReply()
    {
        await using var gateway = await StartAsync("Llm:Resilience:MaxDuration=00:00:03");
        gateway.Upstream.Script = new FakeScript { Pieces = [.. Enumerable.Repeat(".", 900)], Delay = TimeSpan.FromMilliseconds(50) };

        var stream = await gateway.Client.GetStringAsync($"/chat-stream?message={Secret}");
        using var json = await PostJsonAsync(gateway);

        Assert.Equal("upstream_timeout", EventText.Failure(stream, retryable: true, EventText.Text(EventText.Json(stream))));
        await AssertProblemAsync(json, 504, "upstream_timeout", retryable: true);
        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted >= 2, Soon);
    }

    [Fact]
    public async Task AStreamThatIsLongerThanAnAnswerMayBeIsNoReply()
    {
        await using var gateway = await StartAsync("Llm:OpenAI:MaxResponseBytes=1024", "Llm:Anthropic:MaxResponseBytes=1024");
        // 1,023 bytes, and one of two bytes.
        gateway.Upstream.Script = new FakeScript { Pieces = [new string('a', 1023), "é", "never told"] };

        var stream = await gateway.Client.GetStringAsync($"/chat-stream?message={Secret}");
        using var json = await PostJsonAsync(gateway);

        Assert.Equal("upstream_invalid_response", EventText.Failure(stream, retryable: true, new string('a', 1023)));
        await AssertProblemAsync(json, 502, "upstream_invalid_response", retryable: true);
        await gateway.Upstream.WaitForAsync(upstream => upstream.Stats.InFlight == 0, Soon);
    }

    private Task<GatewayHost> StartAsync(params string[] more) => GatewayHost.StartAsync(
        wire, [.. more, "Llm:Resilience:MaxRetries=1", "Llm:OpenAI:IdleTimeout=00:00:00.400", "Llm:Anthropic:IdleTimeout=00:00:00.400", "Llm:Resilience:BreakerMinimumThroughput=1000"]);

    private static FakeScript Break(string how, int after)
    {
        return how.Split(": ") switch
        {
            ["eof", "fin inside the body"] => With(FakeFaultKind.Close),
            ["eof", "fin inside an event"] => With(FakeFaultKind.Close, partial: true),
            ["eof", "proper end of the body"] => With(FakeFaultKind.End),
            ["eof", "proper end inside an event"] => With(FakeFaultKind.End, partial: true),
            ["reset"] => With(FakeFaultKind.Reset),
            ["reset inside an event"] => With(FakeFaultKind.Reset, partial: true),
            ["an event that is no json"] => With(FakeFaultKind.Garbage),
            ["error", var code] => With(FakeFaultKind.ErrorEvent) with { ErrorCode = code, ErrorMessage = $"No: {Secret} {GatewayHost.Key}" },
            ["silence"] => With(FakeFaultKind.Stall),
            _ => throw new ArgumentOutOfRangeException(nameof(how), how, "No such break."),
        };

        FakeScript With(FakeFaultKind kind, bool partial = false) => new() { Pieces = Pieces, Fault = new FakeFault(kind, after, partial) };
    }

    private static bool IsTransient(string code) => code is "upstream_unavailable" or "upstream_rate_limited" or "upstream_timeout";

    private static async Task<HttpResponseMessage> PostJsonAsync(GatewayHost gateway)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/chat") { Content = JsonContent.Create(new { message = Secret + "!" }) };
        request.Headers.Accept.ParseAdd("application/json");
        return await gateway.Client.SendAsync(request);
    }

    private static async Task AssertProblemAsync(HttpResponseMessage response, int status, string code, bool retryable)
    {
        var body = await response.Content.ReadAsStringAsync();
        Assert.Equal((status, "application/problem+json"), ((int)response.StatusCode, response.Content.Headers.ContentType!.ToString()));
        var problem = JsonDocument.Parse(body).RootElement;
        Assert.Equal(
            (status, code, retryable, response.Headers.GetValues("x-request-id").Single()),
            (problem.GetProperty("status").GetInt32(), problem.GetProperty("code").GetString(), problem.GetProperty("retryable").GetBoolean(), problem.GetProperty("request_id").GetString()));
        Assert.Equal(status is 429 or 503, response.Headers.RetryAfter is not null);
        Assert.DoesNotContain(Secret, body, StringComparison.Ordinal);
        Assert.DoesNotContain(GatewayHost.Key, body, StringComparison.Ordinal);
    }

    /// <summary>The failure is told in the log, once, and nothing of what was said; nothing is left behind.</summary>
    private static async Task AssertQuietAsync(GatewayHost gateway, string status, string code)
    {
        await Until.TrueAsync(() => gateway.Log.Of("Request").Count == 1, Soon);
        var request = Assert.Single(gateway.Log.Of("Request"));
        Assert.Equal((status, $"\"{code}\""), (request.Properties["Status"].ToString(), request.Properties["ErrorCode"].ToString()));
        Assert.DoesNotContain(gateway.Log.Events, logged => logged.Exception is not null || logged.Level == LogEventLevel.Fatal);
        Assert.Empty(gateway.Log.Of("UnexpectedFailure"));
        Assert.DoesNotContain(Secret, gateway.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(GatewayHost.Key, gateway.Log.Text, StringComparison.Ordinal);
        Assert.Equal(0, gateway.Services.GetRequiredService<Work>().UnderWay);
        await gateway.Upstream.WaitForAsync(upstream => upstream.Stats.InFlight == 0, Soon);
    }
}

public class OpenAIBrokenStreamTests() : BrokenStreamTests(Wire.OpenAI);

public class AnthropicBrokenStreamTests() : BrokenStreamTests(Wire.Anthropic);
