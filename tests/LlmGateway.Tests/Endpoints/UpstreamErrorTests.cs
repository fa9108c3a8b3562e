using System.Net;
using System.Net.Sockets;
using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Endpoints;

/// <summary>Every way in which an upstream fails, at every endpoint that it can happen to: what the caller hears does not depend on whose it was.</summary>
public abstract class UpstreamErrorTests(Wire wire)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static TheoryData<string> AllEndpoints() => [.. GatewayCalls.Endpoints];

    [Theory]
    [MemberData(nameof(AllEndpoints))]
    public async Task TellsThatNobodyListensUpstream(string endpoint)
    {
        await using var gateway = await GatewayHost.StartAsync(wire, $"{wire.AddressVariable}=http://127.0.0.1:{FreePort()}/v1");

        using var response = await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint));

        await Problem.AssertAsync(response, 503, "upstream_unavailable", retryable: true);
        Assert.Equal("6", Assert.Single(response.Headers.GetValues("x-attempts")));
    }

    [Theory]
    [MemberData(nameof(AllEndpoints))]
    public async Task TellsThatTheDeadlinePassed(string endpoint)
    {
        await using var gateway = await GatewayHost.StartAsync(wire, "Llm:Resilience:TotalTimeout=00:00:00.3");
        gateway.Upstream.Script = new FakeScript { Fault = new FakeFault(FakeFaultKind.Stall, FakeFault.Head) };

        using var response = await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint));

        await Problem.AssertAsync(response, 504, "upstream_timeout", retryable: true);
        Assert.Equal(1, gateway.Upstream.Calls);
        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, Patience);
    }

    [Theory]
    [MemberData(nameof(AllEndpoints))]
    public async Task LeavesAnUpstreamAloneThatKeepsFailing(string endpoint)
    {
        await using var gateway = await GatewayHost.StartAsync(wire, "Llm:Resilience:MaxRetries=0", "Llm:Resilience:BreakerMinimumThroughput=2");
        gateway.Upstream.Script = new FakeScript { Status = 500 };
        for (var i = 0; i < 2; i++)
            await Problem.AssertAsync(await gateway.SummarizeAsync(), 503, "upstream_unavailable", retryable: true);

        using var response = await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint));

        await Problem.AssertAsync(response, 503, "upstream_unavailable", retryable: true);
        Assert.Equal(2, gateway.Upstream.Calls);
    }

    private protected async Task AssertToldAsync(UpstreamFailure failure)
    {
        await using var gateway = await GatewayHost.StartAsync(wire, [.. SharedGateway.Patient]);
        foreach (var endpoint in failure.Endpoints)
        {
            gateway.Upstream.Reset();
            gateway.Upstream.Script = failure.Script;

            using var response = await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint));

            await Problem.AssertAsync(response, failure.Status, failure.Code, failure.Retryable);
            Assert.Equal(failure.Calls, gateway.Upstream.Calls);
            Assert.Equal($"{failure.Calls}", Assert.Single(response.Headers.GetValues("x-attempts")));
            Assert.DoesNotContain(GatewayHost.Key, gateway.Log.Text, StringComparison.Ordinal);
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

public class OpenAIUpstreamErrorTests() : UpstreamErrorTests(Wire.OpenAI)
{
    public static TheoryData<string> Failures() => [.. UpstreamFailure.All.Keys];

    [Theory]
    [MemberData(nameof(Failures))]
    public Task TellsHowTheUpstreamFailed(string failure) => AssertToldAsync(UpstreamFailure.All[failure]);
}

public class AnthropicUpstreamErrorTests() : UpstreamErrorTests(Wire.Anthropic)
{
    public static TheoryData<string> Failures() => [.. UpstreamFailure.OfAnthropic.Keys];

    [Theory]
    [MemberData(nameof(Failures))]
    public Task TellsHowTheUpstreamFailed(string failure) => AssertToldAsync(UpstreamFailure.OfAnthropic[failure]);
}
