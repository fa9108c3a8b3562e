using System.Net;
using System.Threading.Channels;
using LlmGateway.FakeOpenAI;
using LlmGateway.Llm;
using LlmGateway.Tests.Hosts;
using Microsoft.Extensions.DependencyInjection;

namespace LlmGateway.Tests.Endpoints;

/// <summary>How long a stream may be silent, and what it says then.</summary>
public class KeepAliveTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan OpenAfter = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PingInterval = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(100);

    private readonly WatchedTime _time = new();

    [Fact]
    public async Task AFailureWithinTenSecondsIsAStatus()
    {
        await using var gateway = await StartAsync();
        var gate = new FakeGate(FakeFault.Head);
        gateway.Upstream.Script = new FakeScript { Gate = gate, Status = 400 };
        var answer = gateway.Client.GetAsync("/chat-stream?message=hi");
        await gate.Reached.WaitAsync(Soon);
        await _time.TimersAsync(OpenAfter);

        _time.Advance(OpenAfter - Moment);
        gate.Open();

        using var response = await answer;
        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        Assert.False(response.Headers.Contains("x-stream-id"));
    }

    [Fact]
    public async Task AFailureAfterTenSecondsIsAFrame()
    {
        await using var gateway = await StartAsync();
        var gate = new FakeGate(FakeFault.Head);
        gateway.Upstream.Script = new FakeScript { Gate = gate, Status = 400 };
        using var client = await OpenLateAsync(gateway, gate);

        gate.Open();

        Assert.Equal("upstream_rejected", EventText.Failure(await client.ReadToEndAsync(), retryable: false, ""));
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task AStreamThatOpenedLateIsAStreamLikeAnyOther()
    {
        await using var gateway = await StartAsync();
        var gate = new FakeGate(0);
        gateway.Upstream.Script = new FakeScript { Pieces = ["at", " last"], Gate = gate };
        using var client = await OpenLateAsync(gateway, gate);

        gate.Open();

        var events = EventText.Json(await RestAsync(client));
        Assert.Equal("at last", EventText.Text(events));
        Assert.Equal("stop", events[^1].GetProperty("finish_reason").GetString());
        Assert.Equal("gpt-4o-mini", events[^1].GetProperty("model").GetString());
    }

    [Fact]
    public async Task RetriesGoOnBehindAnOpenStream()
    {
        await using var gateway = await StartAsync();
        var gate = new FakeGate(FakeFault.Head);
        gateway.Upstream.Enqueue(new FakeScript { Gate = gate, Fault = new FakeFault(FakeFaultKind.Reset, FakeFault.Head) }, new FakeScript { Pieces = ["ok"] });
        using var client = await OpenLateAsync(gateway, gate);

        gate.Open();
        var rest = client.ReadToEndAsync();
        await Until.TrueAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromMilliseconds(2));
                return rest.IsCompleted;
            },
            Soon);

        Assert.Equal("ok", EventText.Text(EventText.Json(await rest)));
        Assert.Equal(2, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task PingsInEverySilenceBeforeTheFirstToken()
    {
        await using var gateway = await StartAsync();
        var gate = new FakeGate(0);
        gateway.Upstream.Script = new FakeScript { Pieces = ["hi"], Gate = gate };
        using var client = await OpenLateAsync(gateway, gate);

        await ExpectPingsAsync(client, 2);
        gate.Open();

        Assert.Equal("hi", EventText.Text(EventText.Json(await RestAsync(client))));
    }

    [Fact]
    public async Task PingsInEverySilenceBetweenTokens()
    {
        await using var gateway = await StartAsync();
        var gate = new FakeGate(2);
        gateway.Upstream.Script = new FakeScript { Pieces = ["a", "b", "c"], Gate = gate };
        using var client = await RawClient.ConnectAsync(gateway.Address);
        await client.SendAsync("/chat-stream?message=hi");
        await gate.Reached.WaitAsync(Soon);
        await client.ReadHeadAsync();
        await client.ReadFrameAsync();
        await client.ReadFrameAsync();

        await ExpectPingsAsync(client, 3);
        gate.Open();

        Assert.Equal("c", EventText.Text(EventText.Json(await RestAsync(client))));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(14)]
    public async Task CountsTheSilenceFromTheLastToken(int seconds)
    {
        var tokens = Channel.CreateUnbounded<LlmUpdate>();
        await using var gateway = await StartAsync(tokens.Reader);
        using var client = await RawClient.ConnectAsync(gateway.Address);
        await client.SendAsync("/chat-stream?message=hi");
        await tokens.Writer.WriteAsync(StreamLlmClient.Token("a"));
        await client.ReadHeadAsync();
        await client.ReadFrameAsync();
        _time.Advance(TimeSpan.FromSeconds(seconds));
        await tokens.Writer.WriteAsync(StreamLlmClient.Token("b"));
        await client.ReadFrameAsync();

        await ExpectPingsAsync(client, 2);
        await tokens.Writer.WriteAsync(StreamLlmClient.End);
        tokens.Writer.Complete();

        Assert.Equal("", EventText.Text(EventText.Json(await RestAsync(client))));
    }

    [Fact]
    public async Task PingsToNobodyWhoseTokensFlow()
    {
        var tokens = Channel.CreateUnbounded<LlmUpdate>();
        await using var gateway = await StartAsync(tokens.Reader);
        using var client = await RawClient.ConnectAsync(gateway.Address);
        await client.SendAsync("/chat-stream?message=hi");

        for (var i = 0; i < 6; i++)
        {
            await tokens.Writer.WriteAsync(StreamLlmClient.Token("."));
            if (i == 0) await client.ReadHeadAsync();
            Assert.Contains("""data: {"delta":"."}""", await client.ReadFrameAsync(), StringComparison.Ordinal);
            _time.Advance(PingInterval - Moment);
        }
        await tokens.Writer.WriteAsync(StreamLlmClient.End);
        tokens.Writer.Complete();

        Assert.DoesNotContain(": ping", await client.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AClientThatHasHadEnoughOfPingsEndsTheCall()
    {
        await using var gateway = await StartAsync();
        var gate = new FakeGate(0);
        gateway.Upstream.Script = new FakeScript { Gate = gate };
        using var client = await OpenLateAsync(gateway, gate);
        await ExpectPingsAsync(client, 1);

        client.Close();

        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, Soon);
        await Until.TrueAsync(() => gateway.Log.Of("Request").Count == 1, Soon);
        Assert.Equal("499", gateway.Log.Of("Request")[0].Properties["Status"].ToString());
    }

    private Task<GatewayHost> StartAsync() => GatewayHost.StartAsync(builder => builder.Services.AddSingleton<TimeProvider>(_time));

    private Task<GatewayHost> StartAsync(ChannelReader<LlmUpdate> tokens) => GatewayHost.StartAsync(builder =>
    {
        builder.Services.AddSingleton<TimeProvider>(_time);
        builder.Services.AddSingleton<ILlmClient>(new StreamLlmClient(tokens.ReadAllAsync));
    });

    /// <summary>A client whose upstream has said nothing for ten seconds.</summary>
    private async Task<RawClient> OpenLateAsync(GatewayHost gateway, FakeGate gate)
    {
        var client = await RawClient.ConnectAsync(gateway.Address);
        await client.SendAsync("/chat-stream?message=hi");
        await gate.Reached.WaitAsync(Soon);
        await _time.TimersAsync(OpenAfter);
        _time.Advance(OpenAfter);
        await client.ReadHeadAsync();
        Assert.Equal((200, "text/event-stream"), (client.Status, client["content-type"]));
        Assert.NotEmpty(client["x-stream-id"]);
        // Whoever loses the connection from here on, or stops the stream, can say which one it was.
        Assert.Equal("retry: 1000\ndata: {\"delta\":\"\"}\nid: " + client["x-stream-id"] + ":0", await client.ReadFrameAsync());
        return client;
    }

    /// <summary>One for each silence, and not a moment early: an early one would be a second one here, or be left for the end.</summary>
    private async Task ExpectPingsAsync(RawClient client, int count)
    {
        for (var i = 0; i < count; i++)
        {
            _time.Advance(PingInterval - Moment);
            _time.Advance(Moment);
            Assert.Equal(": ping", await client.ReadFrameAsync());
        }
    }

    /// <summary>The stream's rest, which holds no ping.</summary>
    private static async Task<string> RestAsync(RawClient client)
    {
        var rest = await client.ReadToEndAsync();
        Assert.DoesNotContain(": ping", rest, StringComparison.Ordinal);
        return rest;
    }
}
