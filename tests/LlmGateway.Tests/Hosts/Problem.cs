using System.Globalization;
using System.Text.Json;

namespace LlmGateway.Tests.Hosts;

/// <summary>The rules that every error answer obeys.</summary>
internal static class Problem
{
    private static readonly string[] Fields =
        ["type", "title", "status", "detail", "code", "retryable", "retry_after_ms", "request_id", "errors"];

    /// <returns>The body, for what is special to one problem.</returns>
    public static async Task<JsonElement> AssertAsync(HttpResponseMessage response, int status, string code, bool retryable = false)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(status == (int)response.StatusCode, $"Expected {status} {code}, got {(int)response.StatusCode}: {text}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.ToString());
        Assert.NotNull(response.Content.Headers.ContentLength);
        Assert.True(response.Headers.CacheControl?.NoStore);
        var body = JsonElement.Parse(text);
        Assert.All(body.EnumerateObject(), property => Assert.Contains(property.Name, Fields));
        Assert.Equal(code, body.GetProperty("code").GetString());
        Assert.Equal(status, body.GetProperty("status").GetInt32());
        Assert.Equal(retryable, body.GetProperty("retryable").GetBoolean());
        Assert.EndsWith(code, body.GetProperty("type").GetString(), StringComparison.Ordinal);
        Assert.True(Uri.TryCreate(body.GetProperty("type").GetString(), UriKind.Absolute, out _));
        Assert.NotEqual("", body.GetProperty("title").GetString());
        Assert.NotEqual("", body.GetProperty("detail").GetString());
        Assert.Equal(Assert.Single(response.Headers.GetValues("x-request-id")), body.GetProperty("request_id").GetString());
        AssertRetryAfter(response, body, status);
        return body;
    }

    /// <summary>The fields that <c>errors</c> names.</summary>
    public static IEnumerable<string> FieldsOf(JsonElement body) => body.GetProperty("errors").EnumerateObject().Select(error => error.Name);

    private static void AssertRetryAfter(HttpResponseMessage response, JsonElement body, int status)
    {
        var told = response.Headers.TryGetValues("retry-after", out var values);
        Assert.Equal(status is 429 or 503, told);
        if (!told) return;
        var seconds = long.Parse(Assert.Single(values!), NumberStyles.None, CultureInfo.InvariantCulture);
        var milliseconds = body.GetProperty("retry_after_ms").GetInt64();
        Assert.InRange(seconds, 1, long.MaxValue);
        Assert.InRange(milliseconds, 0, seconds * 1000);
    }
}
