using System.Net;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Endpoints;

/// <summary>The page and its files, as they are sent; what they do is for the tests in a browser.</summary>
public class PlaygroundTests(SharedGateway shared) : IClassFixture<SharedGateway>
{
    private readonly HttpClient _client = shared.Gateway.Client;

    [Theory]
    [InlineData("/", "text/html", "<!doctype html>")]
    [InlineData("/playground.css", "text/css", ":root")]
    [InlineData("/playground.js", "text/javascript", "import {")]
    [InlineData("/client.js", "text/javascript", "export function createClient")]
    [InlineData("/client.d.ts", "text/plain", "export interface Client")]
    public async Task IsServedWithItsTypeAndAStrictPolicy(string path, string type, string text)
    {
        using var response = await _client.GetAsync(path);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal((type, "utf-8"), (response.Content.Headers.ContentType!.MediaType, response.Content.Headers.ContentType.CharSet));
        Assert.Contains(text, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        var policy = response.Headers.GetValues("content-security-policy").Single();
        Assert.StartsWith("default-src 'none'; script-src 'self';", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.Equal("nosniff", response.Headers.GetValues("x-content-type-options").Single());
    }

    [Fact]
    public async Task IsNotSentAgainToWhoHasIt()
    {
        using var first = await _client.GetAsync("/client.js");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/client.js");
        request.Headers.IfNoneMatch.Add(first.Headers.ETag!);

        using var again = await _client.SendAsync(request);
        using var head = await _client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/"));

        Assert.Equal(HttpStatusCode.NotModified, again.StatusCode);
        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        Assert.True(head.Content.Headers.ContentLength > 1000);
    }

    /// <summary>Behind a proxy it lies below a path of the proxy's choice.</summary>
    [Fact]
    public async Task NamesNoPathFromTheRoot()
    {
        foreach (var path in new[] { "/", "/playground.js", "/client.js", "/playground.css" })
        {
            var text = await _client.GetStringAsync(path);
            Assert.DoesNotMatch("""(href|src|from|fetch|URL)\s*[=(]?\s*['"`]/""", text);
        }
    }
}
