using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Text;
using LlmGateway.Endpoints;
using LlmGateway.Endpoints.Summaries;
using LlmGateway.Tests.Hosts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace LlmGateway.Tests.Endpoints;

/// <summary>A body that came before is neither read nor parsed as it was the first time: nobody may be able to tell.</summary>
public class KnownBodyTests
{
    private const string Text = "The boats go down the river, and up again.";
    private const string Body = $$"""{"text":"{{Text}}"}""";
    private const string Message = $$"""{"message":"{{Text}}"}""";

    private static readonly string Head = string.Create(CultureInfo.InvariantCulture, $"POST /summarize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {Body.Length}\r\n\r\n");

    [Fact]
    public async Task IsKnownInWhateverPiecesItComes()
    {
        await using var gateway = await StartKnownAsync();
        using var client = await RawClient.ConnectAsync(gateway.Address);

        await client.SendPartsAsync(Head, Body[..10], Body[10..]);
        await AssertAnswerAsync(client);
        await client.SendPartsAsync(Head + Body + Head + Body, Head[..30], Head[30..] + Body);
        for (var i = 0; i < 3; i++)
            await AssertAnswerAsync(client);
        await client.SendPartsAsync(
            "POST /summarize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
            string.Create(CultureInfo.InvariantCulture, $"{Body.Length:x}\r\n{Body}\r\n0\r\n\r\n"));
        await AssertAnswerAsync(client);

        var other = Body.Replace("boats", "ships", StringComparison.Ordinal);
        for (var i = 0; i < 3; i++)
        {
            await client.SendPartsAsync(Head, other[..20], other[20..]);
            await AssertAnswerAsync(client, i == 0 ? "MISS" : "HIT");
        }
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

        foreach (var (encoding, status) in new[] { ("gzip", HttpStatusCode.BadRequest), ("zstd", HttpStatusCode.UnsupportedMediaType) })
        {
            var lying = GatewayCalls.Json(Body);
            lying.Headers.ContentEncoding.Add(encoding);
            using var refused = await gateway.Client.PostAsync("/summarize", lying);
            Assert.Equal(status, refused.StatusCode);
        }

        using var longer = await gateway.Client.PostAsync("/summarize", GatewayCalls.Json(Body + " "));
        Assert.Equal("HIT", Assert.Single(longer.Headers.GetValues("x-cache")));
        using var broken = await gateway.Client.PostAsync("/summarize", GatewayCalls.Json(Body + "}"));
        Assert.Equal(HttpStatusCode.BadRequest, broken.StatusCode);
        using var otherPlace = await gateway.Client.PostAsync("/classify", GatewayCalls.Json(Body));
        Assert.Equal("MISS", Assert.Single(otherPlace.Headers.GetValues("x-cache")));
        Assert.Equal(2, gateway.Upstream.Calls);
    }

    /// <summary>What the query and the headers say is each request's own.</summary>
    [Theory]
    [InlineData("/summarize", Body)]
    [InlineData("/classify", Body)]
    [InlineData("/chat", Message)]
    [InlineData("/chat-stream", Message)]
    public async Task OnlyTheBodyIsRemembered(string path, string body)
    {
        await using var gateway = await GatewayHost.StartAsync();
        var requestIds = new List<string>();
        for (var i = 0; i < 3; i++)
        {
            var stored = await AskAsync(gateway, path, body);
            Assert.Equal(i == 0 ? "MISS" : "HIT", stored["x-cache"]);
            if (i == 0) requestIds.Add(stored["x-request-id"]!);
        }
        for (var i = 0; i < 2; i++)
        {
            var fresh = await AskAsync(gateway, path + "?fresh=1", body);
            Assert.Equal("BYPASS", fresh["x-cache"]);
            requestIds.Add(fresh["x-request-id"]!);
            var stored = await AskAsync(gateway, path, body);
            Assert.Equal("HIT", stored["x-cache"]);
            Assert.DoesNotContain(stored["x-request-id"], requestIds);
            var wrong = await AskAsync(gateway, path + "?fresh=maybe", body);
            Assert.Equal(HttpStatusCode.BadRequest, wrong.Status);
            Assert.Contains("\"fresh\"", wrong.Text, StringComparison.Ordinal);
        }
        Assert.Equal(requestIds, gateway.Upstream.Requests.Select(call => call.Headers["x-client-request-id"]));
    }

    /// <summary>Else all of this would be true of a table that nobody looks into.</summary>
    [Fact]
    public async Task IsKeptWithWhatWasMadeOfIt()
    {
        var last = new LastEndpoint();
        await using var gateway = await GatewayHost.StartAsync(builder => builder.Services.AddSingleton<IStartupFilter>(last));
        await MakeKnownAsync(gateway);
        var known = last.Endpoint!.Metadata.GetRequiredMetadata<ParsedBodies<JsonBody<SummarizeRequest>>>().Find(Encoding.UTF8.GetBytes(Body));
        Assert.NotNull(known);
        Assert.Equal(Text, known.Value.Text?.Chars.ToString());
        var plan = await known.PreparedOnceAsync<KnownBodyTests, SummaryPlan>(
            this, static (_, _, _) => throw new InvalidOperationException("It is prepared already."), CancellationToken.None);
        Assert.Equal(Text, plan.Single().Messages[^1].Content);
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
        await MakeKnownAsync(gateway);
        return gateway;
    }

    private static async Task MakeKnownAsync(GatewayHost gateway)
    {
        // What came once is not kept yet.
        for (var i = 0; i < 3; i++)
        {
            using var response = await gateway.Client.PostAsync("/summarize", GatewayCalls.Json(Body));
            Assert.Equal(i == 0 ? "MISS" : "HIT", Assert.Single(response.Headers.GetValues("x-cache")));
        }
    }

    private static async Task<GatewayAnswer> AskAsync(GatewayHost gateway, string path, string body) =>
        await GatewayAnswer.OfAsync(await gateway.PostAsync(path, body));

    private static async Task AssertAnswerAsync(RawClient client, string cache = "HIT")
    {
        await client.ReadHeadAsync();
        Assert.Equal(200, client.Status);
        Assert.Equal(cache, client["x-cache"]);
        Assert.Contains("\"summary\"", await client.ReadToEndAsync(), StringComparison.Ordinal);
    }

    /// <summary>Tells which endpoint has answered: the one that a service would find is another object.</summary>
    private sealed class LastEndpoint : IStartupFilter
    {
        public Endpoint? Endpoint { get; private set; }

        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use(async (HttpContext context, RequestDelegate proceed) =>
            {
                await proceed(context);
                Endpoint = context.GetEndpoint();
            });
            next(app);
        };
    }
}
