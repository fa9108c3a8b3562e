using System.Net;
using LlmGateway.FakeOpenAI;
using LlmGateway.Llm.Generations;
using LlmGateway.Tests.Hosts;
using Microsoft.Extensions.DependencyInjection;
using Serilog.Events;

namespace LlmGateway.Tests.Endpoints;

/// <summary><c>DELETE /streams/{id}</c>.</summary>
public class StopTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(10);
    private static readonly string[] Words = ["one ", "two ", "three"];

    [Theory]
    [InlineData("GET", "")]
    [InlineData("GET", "&resume=1")]
    [InlineData("GET", "&fresh=1")]
    [InlineData("POST", "")]
    public async Task EndsTheStreamAndTheCall(string method, string more)
    {
        await using var gateway = await GatewayHost.StartAsync();
        using var client = await (method == "GET" ? HalfwayAsync(gateway, "?message=hi" + more) : HalfwayAsync(gateway, body: """{"message":"hi"}"""));

        using var stopped = await gateway.Client.DeleteAsync("/streams/" + client["x-stream-id"]);

        Assert.Equal(HttpStatusCode.NoContent, stopped.StatusCode);
        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, Soon);
        Assert.Equal("stream_stopped", EventText.Failure(await client.ReadToEndAsync(), retryable: false, text: "one two "));
        Assert.Equal(1, gateway.Upstream.Calls);
        // It was on purpose, and the reader was there to the end.
        await Until.TrueAsync(() => gateway.Log.Of("Request").Count == 2, Soon);
        Assert.All(gateway.Log.Events, logged => Assert.Equal(LogEventLevel.Information, logged.Level));
        Assert.Equal(["200", "204"], gateway.Log.Of("Request").Select(logged => logged.Properties["Status"].ToString()).Order());
        await Until.TrueAsync(() => gateway.Services.GetRequiredService<StreamSessions>().Count == 0, Soon);
    }

    [Fact]
    public async Task WhatWasStoppedIsNotTakenUpAgain()
    {
        await using var gateway = await GatewayHost.StartAsync();
        using var client = await HalfwayAsync(gateway, "?message=hi&resume=1");
        var last = EventText.Ids(await client.ReadFrameAsync() + "\n\n").Single();
        using (await gateway.Client.DeleteAsync("/streams/" + client["x-stream-id"])) { }

        using var request = new HttpRequestMessage(HttpMethod.Get, "/chat-stream?message=hi&resume=1");
        request.Headers.TryAddWithoutValidation("Last-Event-ID", last);
        using var returned = await gateway.Client.SendAsync(request);
        using var again = await gateway.Client.DeleteAsync("/streams/" + client["x-stream-id"]);

        Assert.Equal(HttpStatusCode.NoContent, returned.StatusCode);
        await Problem.AssertAsync(again, 404, "not_found");
        Assert.Equal(1, gateway.Upstream.Calls);
    }

    /// <summary>The client has gone, and the call goes on for it.</summary>
    [Fact]
    public async Task EndsACallThatWaitsForItsClient()
    {
        await using var gateway = await GatewayHost.StartAsync();
        using var client = await HalfwayAsync(gateway, "?message=hi&resume=1");
        client.Close();
        await Until.TrueAsync(() => gateway.Log.Of("Request").Count == 1, Soon);
        Assert.Equal(0, gateway.Upstream.Aborted);

        using var stopped = await gateway.Client.DeleteAsync("/streams/" + client["x-stream-id"]);

        Assert.Equal(HttpStatusCode.NoContent, stopped.StatusCode);
        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, Soon);
    }

    [Fact]
    public async Task LeavesTheCallToThoseWhoReadIt()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var gate = new FakeGate(2);
        using var client = await HalfwayAsync(gateway, "?message=hi", gate: gate);
        using var other = await RawClient.ConnectAsync(gateway.Address);
        await other.SendAsync("/chat-stream", """{"message":"hi"}""");
        await other.ReadHeadAsync();

        using (await gateway.Client.DeleteAsync("/streams/" + client["x-stream-id"])) { }
        Assert.Equal("stream_stopped", EventText.Failure(await client.ReadToEndAsync(), retryable: false, text: "one two "));
        gate.Open();

        Assert.Equal("one two three", EventText.Text(EventText.Json(await other.ReadToEndAsync())));
        Assert.Equal((1, 0), (gateway.Upstream.Calls, gateway.Upstream.Aborted));
    }

    /// <summary>It is kept for who lost the last of it; without ids nobody can come back, and it is not.</summary>
    [Theory]
    [InlineData("?message=hi", null, HttpStatusCode.NoContent)]
    [InlineData("", """{"message":"hi"}""", HttpStatusCode.NotFound)]
    public async Task AStreamThatHasEndedIsKnownAsLongAsItIsKept(string query, string? body, HttpStatusCode status)
    {
        await using var gateway = await GatewayHost.StartAsync();
        using var ended = await (body is null ? gateway.Client.GetAsync("/chat-stream" + query) : gateway.PostAsync("/chat-stream", body));
        var id = ended.Headers.GetValues("x-stream-id").Single();
        // The connection is over, but for its line in the log.
        await gateway.Log.WaitForAsync("Request", 1);

        using var stopped = await gateway.Client.DeleteAsync("/streams/" + id);
        using var again = await gateway.Client.DeleteAsync("/streams/" + id);

        Assert.Equal(status, stopped.StatusCode);
        await Problem.AssertAsync(again, 404, "not_found");
        Assert.Equal(0, gateway.Services.GetRequiredService<StreamSessions>().Count);
    }

    [Theory]
    [InlineData("nobody")]
    [InlineData("%20")]
    [InlineData("0123456789abcdef01234567")]
    public async Task AnUnknownStreamIsNotFound(string id)
    {
        await using var gateway = await GatewayHost.StartAsync();

        using var response = await gateway.Client.DeleteAsync("/streams/" + id);

        await Problem.AssertAsync(response, 404, "not_found");
    }

    /// <returns>A client whose stream has said two words, and says no more until the gate opens.</returns>
    private static async Task<RawClient> HalfwayAsync(GatewayHost gateway, string query = "", string? body = null, FakeGate? gate = null)
    {
        gate ??= new FakeGate(2);
        gateway.Upstream.Script = new FakeScript { Pieces = Words, Gate = gate };
        var client = await RawClient.ConnectAsync(gateway.Address);
        await client.SendAsync("/chat-stream" + query, body);
        await gate.Reached.WaitAsync(Soon);
        await client.ReadHeadAsync();
        return client;
    }
}
