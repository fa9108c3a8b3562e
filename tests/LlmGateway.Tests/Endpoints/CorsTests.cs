using System.Net;
using LlmGateway.Tests.Hosts;
using Problem = LlmGateway.Tests.Hosts.Problem;

namespace LlmGateway.Tests.Endpoints;

/// <summary>Which pages may call, and that nobody pays for those that may not.</summary>
public class CorsTests
{
    private const string App = "https://app.example.com";

    private static readonly string[] Settings = ["Cors:Origins:0=" + App, "Cors:Origins:1=http://localhost:5173"];

    public static TheoryData<string> Endpoints => [.. GatewayCalls.Endpoints, "POST /chat-stream/tickets"];

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task AConfiguredOriginMayReadTheAnswerAndItsHeaders(string endpoint)
    {
        await using var gateway = await GatewayHost.StartAsync(Settings);

        using var response = await gateway.Client.SendAsync(From(App, Request(endpoint)));

        Assert.True(response.IsSuccessStatusCode);
        AssertAllowed(response, App);
    }

    /// <summary>As people write a list in a variable.</summary>
    [Theory]
    [InlineData("Cors:Origins=" + App)]
    [InlineData("Cors:Origins=http://localhost:5173, " + App)]
    [InlineData("Cors:Origins=" + App, "Cors:Origins:0=http://localhost:5173")]
    public async Task OriginsMayStandInOneText(params string[] settings)
    {
        await using var gateway = await GatewayHost.StartAsync(settings);

        using var response = await gateway.Client.SendAsync(From(App, new HttpRequestMessage(HttpMethod.Get, "/health/live")));

        AssertAllowed(response, App);
    }

    [Fact]
    public async Task AnErrorCanBeReadToo()
    {
        await using var gateway = await GatewayHost.StartAsync(Settings);

        using var response = await gateway.Client.SendAsync(From(App, GatewayCalls.Post("/summarize", "{}")));
        using var nowhere = await gateway.Client.SendAsync(From("http://localhost:5173", new HttpRequestMessage(HttpMethod.Get, "/nowhere")));

        await Problem.AssertAsync(response, 400, "invalid_request");
        AssertAllowed(response, App);
        await Problem.AssertAsync(nowhere, 404, "not_found");
        AssertAllowed(nowhere, "http://localhost:5173");
    }

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task AnyOtherOriginIsRefusedBeforeAnybodyIsAsked(string endpoint)
    {
        await using var gateway = await GatewayHost.StartAsync(Settings);
        await using var closed = await GatewayHost.StartAsync();

        foreach (var origin in new[] { "https://evil.example", App + ".evil.example", "http://app.example.com", App + ":444", "https://APP.example.com", "null", "", App + "/" })
        {
            using var response = await gateway.Client.SendAsync(From(origin, Request(endpoint)));
            await Problem.AssertAsync(response, 403, "origin_not_allowed");
            Assert.DoesNotContain(response.Headers, header => header.Key.StartsWith("access-control", StringComparison.OrdinalIgnoreCase));
        }
        using var refused = await closed.Client.SendAsync(From(App, Request(endpoint)));

        await Problem.AssertAsync(refused, 403, "origin_not_allowed");
        Assert.Equal((0, 0), (gateway.Upstream.Calls, closed.Upstream.Calls));
    }

    /// <summary>An image, a frame, a form: no script reads the answer, but it would be paid for.</summary>
    [Theory]
    [InlineData("cross-site", 403)]
    [InlineData("same-site", 403)]
    [InlineData("same-origin", 200)]
    [InlineData("none", 200)]
    public async Task ARequestThatAnotherSitesPageMakesWithoutItsOriginIsRefused(string site, int status)
    {
        await using var gateway = await GatewayHost.StartAsync(Settings);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/chat-stream?message=hi");
        request.Headers.Add("Sec-Fetch-Site", site);

        using var response = await gateway.Client.SendAsync(request);
        using var health = new HttpRequestMessage(HttpMethod.Get, "/health/live");
        health.Headers.Add("Sec-Fetch-Site", site);
        using var alive = await gateway.Client.SendAsync(health);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(HttpStatusCode.OK, alive.StatusCode);
        Assert.Equal(status == 200 ? 1 : 0, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task ThePagesOfTheGatewayItselfMayCallAlways()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var own = gateway.Address.GetLeftPart(UriPartial.Authority);

        using var direct = await gateway.Client.SendAsync(From(own, Request("POST /chat")));
        using var behindAProxy = Request("POST /chat");
        behindAProxy.Headers.Host = "app.example.com";
        behindAProxy.Headers.Add("X-Forwarded-Proto", "https");
        using var proxied = await gateway.Client.SendAsync(From(App, behindAProxy));
        using var said = Request("POST /chat");
        said.Headers.Add("Sec-Fetch-Site", "same-origin");
        using var trusted = await gateway.Client.SendAsync(From(App, said));
        using var otherPort = await gateway.Client.SendAsync(From("http://127.0.0.1:1", Request("POST /chat")));

        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.OK], new[] { direct, proxied, trusted }.Select(response => response.StatusCode));
        Assert.False(direct.Headers.Contains("access-control-allow-origin"));
        await Problem.AssertAsync(otherPort, 403, "origin_not_allowed");
    }

    [Theory]
    [InlineData("POST", "/chat-stream")]
    [InlineData("POST", "/summarize")]
    [InlineData("DELETE", "/streams/0123")]
    [InlineData("GET", "/chat-stream")]
    public async Task APreflightIsToldWhatIsAllowed(string method, string path)
    {
        await using var gateway = await GatewayHost.StartAsync(Settings);

        using var allowed = await gateway.Client.SendAsync(Preflight(App, method, path));
        using var refused = await gateway.Client.SendAsync(Preflight("https://evil.example", method, path));

        Assert.Equal(HttpStatusCode.NoContent, allowed.StatusCode);
        AssertAllowed(allowed, App);
        Assert.Contains(method, List(allowed, "access-control-allow-methods"));
        Assert.Equal(["authorization", "content-type", "idempotency-key", "last-event-id", "x-request-id"], List(allowed, "access-control-allow-headers").Order());
        await Problem.AssertAsync(refused, 403, "origin_not_allowed");
        Assert.Equal(0, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task ATicketsUrlIsWholeForAPageElsewhere()
    {
        await using var gateway = await GatewayHost.StartAsync(Settings);
        var own = gateway.Address.GetLeftPart(UriPartial.Authority);

        using var elsewhere = await gateway.Client.SendAsync(From(App, Request("POST /chat-stream/tickets")));
        using var here = await gateway.Client.SendAsync(From(own, Request("POST /chat-stream/tickets")));

        Assert.StartsWith(own + "/chat-stream?ticket=", await UrlAsync(elsewhere), StringComparison.Ordinal);
        Assert.StartsWith("/chat-stream?ticket=", await UrlAsync(here), StringComparison.Ordinal);
    }

    private static async Task<string> UrlAsync(HttpResponseMessage response) =>
        System.Text.Json.JsonElement.Parse(await response.Content.ReadAsStringAsync()).GetProperty("url").GetString()!;

    private static void AssertAllowed(HttpResponseMessage response, string origin)
    {
        Assert.Equal([origin], response.Headers.GetValues("access-control-allow-origin"));
        Assert.Equal(["true"], response.Headers.GetValues("access-control-allow-credentials"));
        Assert.Contains("origin", List(response, "vary"));
        Assert.Equal(
            [
                "age", "cache-status", "retry-after", "server-timing", "x-attempts", "x-cache", "x-cost-saved-usd", "x-cost-usd", "x-max-tokens", "x-messages-dropped",
                "x-model", "x-provider", "x-request-id",
                "x-stream-id", "x-tokens-input", "x-tokens-output",
            ],
            List(response, "access-control-expose-headers").Order(StringComparer.Ordinal));
    }

    private static string[] List(HttpResponseMessage response, string header) =>
        [.. response.Headers.GetValues(header).SelectMany(value => value.Split(',', StringSplitOptions.TrimEntries))];

    private static HttpRequestMessage Request(string endpoint) => endpoint == "POST /chat-stream/tickets"
        ? GatewayCalls.Post("/chat-stream/tickets", """{"message":"hi"}""")
        : GatewayCalls.NewRequest(endpoint);

    private static HttpRequestMessage From(string origin, HttpRequestMessage request)
    {
        request.Headers.TryAddWithoutValidation("Origin", origin);
        return request;
    }

    private static HttpRequestMessage Preflight(string origin, string method, string path)
    {
        var request = From(origin, new HttpRequestMessage(HttpMethod.Options, path));
        request.Headers.Add("Access-Control-Request-Method", method);
        request.Headers.Add("Access-Control-Request-Headers", "content-type");
        return request;
    }
}
