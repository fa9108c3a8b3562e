using System.Net;
using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace LlmGateway.Tests.Hosting;

public class HealthTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    public async Task IsHealthyWithoutAskingAnybody(string path)
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Status = 500 };

        var response = await WaitForAsync(gateway, path, HttpStatusCode.OK);

        Assert.Equal("""{"status":"Healthy"}""", await response.Content.ReadAsStringAsync());
        Assert.Equal("application/json", response.Content.Headers.ContentType!.MediaType);
        Assert.True(response.Headers.Contains("x-request-id"));
        Assert.Equal(0, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task IsAliveButNotReadyWhileItStops()
    {
        await using var gateway = await GatewayHost.StartAsync();
        await WaitForAsync(gateway, "/health/ready", HttpStatusCode.OK);

        gateway.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();

        var ready = await WaitForAsync(gateway, "/health/ready", HttpStatusCode.ServiceUnavailable);
        Assert.Equal("""{"status":"Unhealthy"}""", await ready.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.OK, (await gateway.Client.GetAsync("/health/live")).StatusCode);
    }

    [Fact]
    public async Task AnswersWhenThereIsNoRoomForWork()
    {
        await using var gateway = await GatewayHost.StartAsync("Http:MaxConcurrentRequests=1");
        var gate = new FakeGate();
        gateway.Upstream.Script = new FakeScript { Gate = gate };
        var held = gateway.SummarizeAsync();
        await gate.Reached.WaitAsync(Patience);

        Assert.Equal(HttpStatusCode.OK, (await gateway.Client.GetAsync("/health/live")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Client.GetAsync("/openapi/v1.json")).StatusCode);

        gate.Open();
        Assert.Equal(HttpStatusCode.OK, (await held).StatusCode);
    }

    [Theory]
    [InlineData("http://127.0.0.1:{0}")]
    [InlineData("http://*:{0}")]
    [InlineData("http://+:{0};http://127.0.0.1:1")]
    [InlineData("http://0.0.0.0:{0}")]
    [InlineData("http://[::]:{0}")]
    public async Task IsAProbeOfItself(string urls)
    {
        await using var gateway = await GatewayHost.StartAsync();

        var alive = await GatewayRun.ToEndAsync(["healthcheck"], ("ASPNETCORE_URLS", string.Format(null, urls, gateway.Address.Port)));
        var dead = await GatewayRun.ToEndAsync(["healthcheck"], ("ASPNETCORE_URLS", string.Format(null, urls, 1)));

        Assert.Equal((0, ""), (alive.ExitCode, alive.Error));
        Assert.Equal(1, dead.ExitCode);
        Assert.NotEqual("", dead.Error);
    }

    private static async Task<HttpResponseMessage> WaitForAsync(GatewayHost gateway, string path, HttpStatusCode status)
    {
        using var timeout = new CancellationTokenSource(Patience);
        while (true)
        {
            var response = await gateway.Client.GetAsync(path, timeout.Token);
            if (response.StatusCode == status) return response;
            await Task.Delay(10, timeout.Token);
        }
    }
}
