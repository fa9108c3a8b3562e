using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Text;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Endpoints;

/// <summary>A body that came before is neither read nor parsed as it was the first time: nobody may be able to tell.</summary>
public class KnownBodyTests
{
    private const string Text = "The boats go down the river, and up again.";
    private const string Body = $$"""{"text":"{{Text}}"}""";

    private static readonly string Head = string.Create(CultureInfo.InvariantCulture, $"POST /summarize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {Body.Length}\r\n\r\n");

    [Fact]
    public async Task IsKnownInWhateverPiecesItComes()
    {
        await using var gateway = await StartKnownAsync();
        using var client = await RawClient.ConnectAsync(gateway.Address);

        await client.SendPartsAsync(Head, Body[..10], Body[10..]);
        await AssertHitAsync(client);
        await client.SendPartsAsync(Head + Body + Head + Body, Head[..30], Head[30..] + Body);
        for (var i = 0; i < 3; i++)
            await AssertHitAsync(client);
        await client.SendPartsAsync(
            "POST /summarize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
            string.Create(CultureInfo.InvariantCulture, $"{Body.Length:x}\r\n{Body}\r\n0\r\n\r\n"));
        await AssertHitAsync(client);
    }

    /// <summary>Compressed, the same bytes are another body; and one that begins as a known one does is not taken for it.</summary>
    [Fact]
    public async Task WhatIsNotTheSameIsReadAnew()
    {
        await using var gateway = await StartKnownAsync();
        using var compressed = new MemoryStream();
        await using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest))
            await gzip.WriteAsync(Encoding.UTF8.GetBytes(Body));
        var content = GatewayCalls.Bytes(compressed.ToArray());
        content.Headers.ContentEncoding.Add("gzip");
        using var hit = await gateway.Client.PostAsync("/summarize", content);
        Assert.Equal("HIT", Assert.Single(hit.Headers.GetValues("x-cache")));

        using var longer = await gateway.Client.PostAsync("/summarize", GatewayCalls.Json(Body + " "));
        Assert.Equal("HIT", Assert.Single(longer.Headers.GetValues("x-cache")));
        using var broken = await gateway.Client.PostAsync("/summarize", GatewayCalls.Json(Body + "}"));
        Assert.Equal(HttpStatusCode.BadRequest, broken.StatusCode);
        using var otherPlace = await gateway.Client.PostAsync("/classify", GatewayCalls.Json(Body));
        Assert.Equal("MISS", Assert.Single(otherPlace.Headers.GetValues("x-cache")));
        Assert.Equal(2, gateway.Upstream.Calls);
    }

    /// <summary>What the query and the headers say is each request's own.</summary>
    [Fact]
    public async Task OnlyTheBodyIsRemembered()
    {
        await using var gateway = await StartKnownAsync();
        var requestIds = new List<string>();
        for (var i = 0; i < 2; i++)
        {
            using var fresh = await gateway.Client.PostAsync("/summarize?fresh=1", GatewayCalls.Json(Body));
            Assert.Equal("BYPASS", Assert.Single(fresh.Headers.GetValues("x-cache")));
            requestIds.Add(Assert.Single(fresh.Headers.GetValues("x-request-id")));
            using var stored = await gateway.Client.PostAsync("/summarize", GatewayCalls.Json(Body));
            Assert.Equal("HIT", Assert.Single(stored.Headers.GetValues("x-cache")));
            using var wrong = await gateway.Client.PostAsync("/summarize?fresh=maybe", GatewayCalls.Json(Body));
            Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
        }
        Assert.Equal(3, gateway.Upstream.Calls);
        Assert.Equal(requestIds, gateway.Upstream.Requests.Skip(1).Select(call => call.Headers["X-Client-Request-Id"]));
    }

    [Fact]
    public async Task WhatOneGatewayMakesOfItIsNoOtherOnes()
    {
        await using var one = await StartKnownAsync("Summarize:MaxOutputTokens=150");
        await using var other = await StartKnownAsync("Summarize:MaxOutputTokens=50");
        Assert.Equal(150, Assert.Single(one.Upstream.Requests).Json.GetProperty("max_completion_tokens").GetInt32());
        Assert.Equal(50, Assert.Single(other.Upstream.Requests).Json.GetProperty("max_completion_tokens").GetInt32());
    }

    private static async Task<GatewayHost> StartKnownAsync(params string[] settings)
    {
        var gateway = await GatewayHost.StartAsync(settings);
        // What came once is not kept yet.
        for (var i = 0; i < 3; i++)
        {
            using var response = await gateway.Client.PostAsync("/summarize", GatewayCalls.Json(Body));
            Assert.Equal(i == 0 ? "MISS" : "HIT", Assert.Single(response.Headers.GetValues("x-cache")));
        }
        return gateway;
    }

    private static async Task AssertHitAsync(RawClient client)
    {
        await client.ReadHeadAsync();
        Assert.Equal(200, client.Status);
        Assert.Equal("HIT", client["x-cache"]);
        Assert.Contains("\"summary\"", await client.ReadToEndAsync(), StringComparison.Ordinal);
    }
}
