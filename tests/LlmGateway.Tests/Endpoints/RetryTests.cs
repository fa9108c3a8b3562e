using System.Globalization;
using System.Net;
using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Endpoints;

/// <summary>What is tried again, how often, and when.</summary>
public abstract class RetryTests(Wire wire)
{
    public static TheoryData<string> Endpoints() => [.. GatewayCalls.Endpoints];

    public static TheoryData<string> Transient() => [.. UpstreamFailure.All.Where(failure => failure.Value.Calls > 1).Select(failure => failure.Key)];

    [Theory]
    [MemberData(nameof(Transient))]
    public async Task AnswersWhenTheLastRetrySucceeds(string failure)
    {
        await using var gateway = await GatewayHost.StartAsync(wire, [.. SharedGateway.Patient]);
        foreach (var endpoint in UpstreamFailure.All[failure].Endpoints)
        {
            gateway.Upstream.Reset();
            gateway.Upstream.Script = UpstreamFailure.All[failure].Script with { FailFirst = 5 };

            using var response = await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint));

            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal("6", Assert.Single(response.Headers.GetValues("x-attempts")));
            Assert.Equal(6, gateway.Upstream.Calls);
            Assert.Single(gateway.Upstream.Requests.Select(request => request.Body).Distinct());
        }
    }

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task StopsAsSoonAsACallSucceeds(string endpoint)
    {
        await using var gateway = await GatewayHost.StartAsync(wire);
        gateway.Upstream.Enqueue(new FakeScript { Status = 503 }, new FakeScript { Status = 429 });

        using var response = await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("3", Assert.Single(response.Headers.GetValues("x-attempts")));
        Assert.Equal(3, gateway.Upstream.Calls);
    }

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task RetriesACallThatTakesTooLong(string endpoint)
    {
        await using var gateway = await GatewayHost.StartAsync(wire, "Llm:Resilience:AttemptTimeout=00:00:00.4", "Llm:Resilience:TotalTimeout=00:00:20");
        gateway.Upstream.Script = new FakeScript { Fault = new FakeFault(FakeFaultKind.Stall, FakeFault.Head), FailFirst = 1 };

        using var response = await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(2, gateway.Upstream.Calls);
        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task GivesUpWhenEveryCallTakesTooLong()
    {
        await using var gateway = await GatewayHost.StartAsync(wire, "Llm:Resilience:AttemptTimeout=00:00:00.05");
        gateway.Upstream.Script = new FakeScript { Fault = new FakeFault(FakeFaultKind.Stall, FakeFault.Head) };

        using var response = await gateway.SummarizeAsync();

        await Problem.AssertAsync(response, 504, "upstream_timeout", retryable: true);
        Assert.Equal("6", Assert.Single(response.Headers.GetValues("x-attempts")));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public async Task RetriesAsOftenAsItIsTold(int retries)
    {
        await using var gateway = await GatewayHost.StartAsync(wire, $"Llm:Resilience:MaxRetries={retries}");
        gateway.Upstream.Script = new FakeScript { Status = 500 };

        using var response = await gateway.SummarizeAsync();

        await Problem.AssertAsync(response, 503, "upstream_unavailable", retryable: true);
        Assert.Equal(1 + retries, gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData(FakeFaultKind.Reset, "upstream_unavailable")]
    [InlineData(FakeFaultKind.Close, "upstream_unavailable")]
    [InlineData(FakeFaultKind.End, "upstream_invalid_response")]
    [InlineData(FakeFaultKind.ErrorEvent, "upstream_unavailable")]
    [InlineData(FakeFaultKind.Garbage, "upstream_invalid_response")]
    public async Task NeverRetriesAfterTheFirstToken(FakeFaultKind kind, string code)
    {
        await using var gateway = await GatewayHost.StartAsync(wire);
        foreach (var endpoint in GatewayCalls.StreamEndpoints)
        {
            gateway.Upstream.Reset();
            gateway.Upstream.Script = new FakeScript { Fault = new FakeFault(kind, 3) };

            using var response = await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint));
            var body = await response.Content.ReadAsStringAsync();

            Assert.Contains($"\"code\":\"{code}\"", body, StringComparison.Ordinal);
            Assert.Equal(1, gateway.Upstream.Calls);
            if (endpoint == "POST /chat as JSON")
            {
                await Problem.AssertAsync(response, code == "upstream_unavailable" ? 503 : 502, code, retryable: true);
                continue;
            }
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.EndsWith("data: [DONE]\n\n", body, StringComparison.Ordinal);
            Assert.DoesNotContain("finish_reason", body, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(429, "1", null, 1000)]
    [InlineData(503, "1", null, 1000)]
    [InlineData(500, null, "400", 400)]
    [InlineData(408, null, "400", 400)]
    [InlineData(429, "3600", "400", 400)]
    public async Task WaitsAsLongAsTheUpstreamAsks(int status, string? retryAfter, string? retryAfterMs, int milliseconds)
    {
        await using var gateway = await GatewayHost.StartAsync(wire);
        gateway.Upstream.Enqueue(new FakeScript { Status = status, RetryAfter = retryAfter, RetryAfterMs = retryAfterMs });

        using var response = await gateway.SummarizeAsync();

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        AssertWaited(gateway, milliseconds);
    }

    [Fact]
    public async Task WaitsUntilTheDateThatTheUpstreamNames()
    {
        await using var gateway = await GatewayHost.StartAsync(wire);
        gateway.Upstream.Enqueue(new FakeScript { Status = 503, RetryAfterDate = TimeSpan.FromSeconds(2.2) });

        using var response = await gateway.SummarizeAsync();

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        // A date has whole seconds: up to one is lost.
        AssertWaited(gateway, 1200);
    }

    [Theory]
    [InlineData(429, "upstream_rate_limited")]
    [InlineData(503, "upstream_unavailable")]
    public async Task PassesAWaitOnThatDoesNotFitTheDeadline(int status, string code)
    {
        await using var gateway = await GatewayHost.StartAsync(wire, [.. SharedGateway.Patient]);
        foreach (var endpoint in GatewayCalls.Endpoints)
        {
            await AssertPassedOnAsync(gateway, endpoint, new FakeScript { Status = status, RetryAfter = "3600" }, code, 3_600_000);
            await AssertPassedOnAsync(gateway, endpoint, new FakeScript { Status = status, RetryAfterMs = "150500" }, code, 150_500);
        }
    }

    [Fact]
    public async Task PassesADateOnThatDoesNotFitTheDeadline()
    {
        await using var gateway = await GatewayHost.StartAsync(wire);
        gateway.Upstream.Script = new FakeScript { Status = 429, RetryAfterDate = TimeSpan.FromMinutes(10) };

        using var response = await gateway.SummarizeAsync();

        var problem = await Problem.AssertAsync(response, 429, "upstream_rate_limited", retryable: true);
        Assert.InRange(problem.GetProperty("retry_after_ms").GetInt64(), 570_000, 600_000);
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData("soon")]
    [InlineData("-5")]
    [InlineData("NaN")]
    [InlineData("Thu, 01 Jan 1970 00:00:00 GMT")]
    public async Task RetriesByItsOwnPaceWhereTheUpstreamAsksForNothingSensible(string retryAfter)
    {
        await using var gateway = await GatewayHost.StartAsync(wire);
        gateway.Upstream.Script = new FakeScript { Status = 429, RetryAfter = retryAfter };

        using var response = await gateway.SummarizeAsync();

        await Problem.AssertAsync(response, 429, "upstream_rate_limited", retryable: true);
        Assert.Equal(6, gateway.Upstream.Calls);
    }

    private static async Task AssertPassedOnAsync(GatewayHost gateway, string endpoint, FakeScript script, string code, long milliseconds)
    {
        gateway.Upstream.Reset();
        gateway.Upstream.Script = script;

        using var response = await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint));

        var problem = await Problem.AssertAsync(response, script.Status, code, retryable: true);
        Assert.Equal(milliseconds, problem.GetProperty("retry_after_ms").GetInt64());
        Assert.Equal(((milliseconds + 999) / 1000).ToString(CultureInfo.InvariantCulture), Assert.Single(response.Headers.GetValues("retry-after")));
        Assert.Equal("1", Assert.Single(response.Headers.GetValues("x-attempts")));
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    private static void AssertWaited(GatewayHost gateway, int milliseconds)
    {
        var calls = gateway.Upstream.Requests;
        Assert.Equal(2, calls.Count);
        // The upstream's clock and the timer's may differ by a tick.
        Assert.InRange((calls[1].ArrivedAt - calls[0].EndedAt!.Value).TotalMilliseconds, milliseconds - 20, milliseconds + 15_000);
    }
}

public class OpenAIRetryTests() : RetryTests(Wire.OpenAI);

public class AnthropicRetryTests() : RetryTests(Wire.Anthropic);
