using System.Runtime.CompilerServices;
using LlmGateway.FakeOpenAI;
using LlmGateway.Hosting;
using LlmGateway.Llm;
using LlmGateway.Tests.Hosts;
using Microsoft.Extensions.DependencyInjection;
using Serilog.Events;

namespace LlmGateway.Tests.Endpoints;

/// <summary>Clients that stay connected and take nothing, or take it slowly.</summary>
public class SlowReaderTests
{
    private const int TokenSize = 200 * 1024;
    private const int Tokens = 1000;
    private const int SmallReceiveBuffer = 8 * 1024;

    /// <summary>Sockets on both sides and the pipes between them. A kernel may let each socket grow to 32 MiB, so the bound is half of what there is to say.</summary>
    private const long Buffers = (long)TokenSize * Tokens / 2;

    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task WhoTakesNothingIsGivenUp()
    {
        await using var gateway = await GatewayHost.StartAsync("Streaming:WriteTimeout=00:00:01");
        // Slowly enough that what it may take until then is far from all of it, whatever the machine does.
        gateway.Upstream.Script = Large() with { Delay = TimeSpan.FromMilliseconds(5) };
        using var client = await ReadOneFrameAsync(gateway);

        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, Soon);

        Assert.InRange(gateway.Upstream.Stats.TokensSent * TokenSize, 0, Buffers);
        await Until.TrueAsync(() => gateway.Log.Of("Request").Count == 1, Soon);
        Assert.Equal("499", gateway.Log.Of("Request")[0].Properties["Status"].ToString());
        Assert.Equal(0, gateway.Services.GetRequiredService<Work>().UnderWay);
        await client.ReadUntilClosedAsync();
    }

    [Fact]
    public async Task WhoReadsOnInTimeGetsAllOfIt()
    {
        var time = new WatchedTime();
        var writeTimeout = TimeSpan.FromSeconds(30);
        await using var gateway = await GatewayHost.StartAsync(builder => builder.Services.AddSingleton<TimeProvider>(time));
        gateway.Upstream.Script = Large() with { Pieces = [.. Enumerable.Repeat(new string('x', TokenSize), 40)] };
        using var client = await ReadOneFrameAsync(gateway);

        await time.TimersAsync(writeTimeout);
        time.Advance(writeTimeout - TimeSpan.FromSeconds(1));
        client.ReceiveBuffer = 1024 * 1024;

        var events = EventText.Json(await client.ReadToEndAsync());
        Assert.Equal(40, events.Count);
        Assert.Equal("stop", events[^1].GetProperty("finish_reason").GetString());
        Assert.Equal(39 * TokenSize, EventText.Text(events).Length);
    }

    /// <summary>An upstream that is always ahead of the gateway: nothing ever has to be waited for, and still it must not pile up.</summary>
    [Fact]
    public async Task AnUpstreamThatNeverPausesIsNotReadAhead()
    {
        var pulled = 0L;
        var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var gateway = await GatewayHost.StartAsync(
            builder => builder.Services.AddSingleton<ILlmClient>(new StreamLlmClient(FloodAsync)), "Streaming:WriteTimeout=00:00:02");
        using var client = await ReadOneFrameAsync(gateway);

        await left.Task.WaitAsync(Soon);

        Assert.InRange(Interlocked.Read(ref pulled), 1, Buffers);
        await Until.TrueAsync(() => gateway.Log.Of("Request").Count == 1, Soon);
        Assert.Equal("499", gateway.Log.Of("Request")[0].Properties["Status"].ToString());
        Assert.DoesNotContain(gateway.Log.Events, logged => logged.Level > LogEventLevel.Information);

        async IAsyncEnumerable<LlmUpdate> FloodAsync([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await Task.CompletedTask;
            try
            {
                var token = StreamLlmClient.Token(new string('x', 1024));
                while (pulled < 200L * 1024 * 1024)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    Interlocked.Add(ref pulled, 1024);
                    yield return token;
                }
                yield return StreamLlmClient.End;
            }
            finally
            {
                left.SetResult();
            }
        }
    }

    private static FakeScript Large() => new() { Pieces = [.. Enumerable.Repeat(new string('x', TokenSize), Tokens)] };

    private static async Task<RawClient> ReadOneFrameAsync(GatewayHost gateway)
    {
        var client = await RawClient.ConnectAsync(gateway.Address, SmallReceiveBuffer);
        await client.SendAsync("/chat-stream?message=hi");
        await client.ReadHeadAsync();
        Assert.NotNull(await client.ReadFrameAsync());
        return client;
    }
}
