using System.Diagnostics;
using System.Net;
using System.Text.Json;
using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Hosting;

/// <summary>How a real process ends by SIGTERM.</summary>
[Collection(Quiet.Name)]
public class ShutdownTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);

    /// <summary>The server's own end, after the drain; and the end of the process, on a machine that has other things to do.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(2.5);

    [Fact]
    public async Task NothingUnderWayNothingToWaitFor()
    {
        await using var upstream = await FakeOpenAIServer.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync(upstream);
        using var idle = await RawClient.ConnectAsync(gateway.Address);
        await idle.SendAsync("/chat-stream?message=hi");
        await idle.ReadHeadAsync();
        await idle.ReadToEndAsync();
        using var silent = await RawClient.ConnectAsync(gateway.Address);

        var started = Stopwatch.GetTimestamp();
        await gateway.TerminateAsync();
        var code = await gateway.WaitForExitAsync(Soon);

        Assert.Equal(0, code);
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromSeconds(1));
        await idle.ReadUntilClosedAsync();
        await silent.ReadUntilClosedAsync();
    }

    [Fact]
    public async Task EveryStreamEndsWithAWord()
    {
        const int Streams = 100;
        var drain = TimeSpan.FromSeconds(5);
        await using var upstream = await FakeOpenAIServer.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync(upstream, $"Shutdown:DrainTimeout={drain}");
        var gate = new FakeGate();
        upstream.OnRequest = request => request.Body.Contains("endless", StringComparison.Ordinal)
            ? new FakeScript { Tokens = 1000, Delay = TimeSpan.FromMilliseconds(100) }
            : request.Body.Contains("in time", StringComparison.Ordinal) ? new FakeScript { Text = "done", Gate = gate }
            : new FakeScript { Fault = new FakeFault(FakeFaultKind.Stall, FakeFault.Head) };
        var streams = await Task.WhenAll(Enumerable.Range(0, Streams).Select(i => SendAsync(gateway, $"/chat-stream?message=endless{i}")));
        foreach (var stream in streams)
        {
            await stream.ReadHeadAsync();
            Assert.NotNull(await stream.ReadFrameAsync());
        }
        using var inTime = await SendAsync(gateway, "/summarize", """{"text":"in time"}""");
        using var never = await SendAsync(gateway, "/summarize", """{"text":"never"}""");
        using var unopened = await SendAsync(gateway, "/chat-stream?message=never");
        using var idle = await SendAsync(gateway, "/health/ready");
        await idle.ReadHeadAsync();
        Assert.Equal(200, idle.Status);
        await idle.ReadToEndAsync();
        await upstream.WaitForAsync(fake => fake.Stats.InFlight == Streams + 3, Soon);

        var started = Stopwatch.GetTimestamp();
        await gateway.TerminateAsync();
        await UnreadyAsync(idle);
        await idle.SendAsync("/chat-stream?message=new");
        await idle.ReadHeadAsync();
        Assert.Equal(503, idle.Status);
        Assert.NotEmpty(idle["retry-after"]);
        Assert.Equal("close", idle["connection"]);
        Assert.Equal("upstream_unavailable", JsonDocument.Parse(await idle.ReadToEndAsync()).RootElement.GetProperty("code").GetString());

        gate.Open();
        await inTime.ReadHeadAsync();
        Assert.Equal(200, inTime.Status);
        Assert.Contains("\"summary\":\"done\"", await inTime.ReadToEndAsync(), StringComparison.Ordinal);

        foreach (var stream in streams)
        {
            var rest = await stream.ReadToEndAsync();
            Assert.Equal("upstream_unavailable", EventText.Failure(rest, retryable: true, EventText.Text(EventText.Json(rest))));
        }
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, drain);
        await unopened.ReadHeadAsync();
        Assert.Equal(503, unopened.Status);
        await never.ReadHeadAsync();
        Assert.Equal(503, never.Status);
        Assert.Contains("shutting down", await never.ReadToEndAsync(), StringComparison.Ordinal);

        Assert.Equal(0, await gateway.WaitForExitAsync(Soon));
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, drain + Slack);
        await upstream.WaitForAsync(fake => fake.Stats.InFlight == 0, Soon);
        Assert.Equal(Streams + 2, upstream.Aborted);
        foreach (var line in new[] { "\"Name\":\"Draining\"", "\"Name\":\"Aborting\"" })
            Assert.Contains(line, gateway.Output, StringComparison.Ordinal);
        foreach (var stream in streams)
            stream.Dispose();
    }

    [Fact]
    public async Task AStreamThatComesToItsEndInTimeIsWhole()
    {
        await using var upstream = await FakeOpenAIServer.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync(upstream, "Shutdown:DrainTimeout=00:00:20");
        var gate = new FakeGate(2);
        upstream.Script = new FakeScript { Pieces = ["a", "b", "c"], Gate = gate };
        using var stream = await SendAsync(gateway, "/chat-stream?message=hi");
        await gate.Reached.WaitAsync(Soon);
        using var other = await SendAsync(gateway, "/health/ready");
        await other.ReadHeadAsync();
        await other.ReadToEndAsync();

        await gateway.TerminateAsync();
        await UnreadyAsync(other);
        gate.Open();

        await stream.ReadHeadAsync();
        var events = EventText.Json(await stream.ReadToEndAsync());
        Assert.Equal("abc", EventText.Text(events));
        Assert.Equal("stop", events[^1].GetProperty("finish_reason").GetString());
        var ended = Stopwatch.GetTimestamp();
        Assert.Equal(0, await gateway.WaitForExitAsync(Soon));
        Assert.InRange(Stopwatch.GetElapsedTime(ended), TimeSpan.Zero, TimeSpan.FromSeconds(1));
    }

    private static async Task<RawClient> SendAsync(GatewayProcess gateway, string target, string? json = null)
    {
        var client = await RawClient.ConnectAsync(gateway.Address);
        await client.SendAsync(target, json);
        return client;
    }

    /// <summary>Waits, on a connection that was open before, until the process says that it takes no more work.</summary>
    private static async Task UnreadyAsync(RawClient client)
    {
        var started = Stopwatch.GetTimestamp();
        do
        {
            await client.SendAsync("/health/ready");
            await client.ReadHeadAsync();
            await client.ReadToEndAsync();
        }
        while (client.Status == (int)HttpStatusCode.OK && Stopwatch.GetElapsedTime(started) < Soon);
        Assert.Equal((int)HttpStatusCode.ServiceUnavailable, client.Status);
    }
}
