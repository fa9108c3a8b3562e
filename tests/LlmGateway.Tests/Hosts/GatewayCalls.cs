using System.Net.Http.Headers;
using System.Text;

namespace LlmGateway.Tests.Hosts;

/// <summary>What callers send.</summary>
internal static class GatewayCalls
{
    private static int _texts;

    /// <summary>A text that no other request has, and no cache knows.</summary>
    public static string NewText() => $"The boats go down the river, number {Interlocked.Increment(ref _texts)}.";

    public static HttpContent Json(string json) => new StringContent(json, Encoding.UTF8, "application/json");

    /// <summary>Bytes with a content-type that is sent as it stands.</summary>
    public static HttpContent Bytes(byte[] bytes, string? contentType = "application/json")
    {
        var content = new ByteArrayContent(bytes);
        if (contentType is not null) content.Headers.TryAddWithoutValidation("content-type", contentType);
        return content;
    }

    public static HttpRequestMessage Post(string path, string json, string? accept = null) => Post(path, Json(json), accept);

    public static HttpRequestMessage Post(string path, HttpContent content, string? accept = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = content };
        if (accept is not null) request.Headers.Accept.Add(MediaTypeWithQualityHeaderValue.Parse(accept));
        return request;
    }

    public static Task<HttpResponseMessage> PostAsync(this GatewayHost gateway, string path, string json) => gateway.Client.SendAsync(Post(path, json));

    public static Task<HttpResponseMessage> SummarizeAsync(this GatewayHost gateway, string? text = null) =>
        gateway.PostAsync("/summarize", $$"""{"text":"{{text ?? NewText()}}"}""");

    public static Task<HttpResponseMessage> ClassifyAsync(this GatewayHost gateway, string? text = null) =>
        gateway.PostAsync("/classify", $$"""{"text":"{{text ?? NewText()}}"}""");

    /// <summary>Every way to make the gateway call a model, with a text that is new.</summary>
    public static HttpRequestMessage NewRequest(string endpoint) => Request(endpoint, NewText());

    /// <inheritdoc cref="NewRequest"/>
    /// <param name="endpoint">One of <see cref="Endpoints"/>.</param>
    /// <param name="text">May be one that was asked before.</param>
    public static HttpRequestMessage Request(string endpoint, string text) => endpoint switch
    {
        "POST /summarize" => Post("/summarize", $$"""{"text":"{{text}}"}"""),
        "POST /classify" => Post("/classify", $$"""{"text":"{{text}}"}"""),
        "POST /chat as JSON" => Post("/chat", $$"""{"message":"{{text}}"}""", "application/json"),
        "POST /chat" => Post("/chat", $$"""{"message":"{{text}}"}"""),
        "POST /chat-stream" => Post("/chat-stream", $$"""{"messages":[{"role":"user","content":"{{text}}"}]}"""),
        "GET /chat-stream" => new HttpRequestMessage(HttpMethod.Get, "/chat-stream?message=" + Uri.EscapeDataString(text)),
        _ => throw new ArgumentOutOfRangeException(nameof(endpoint), endpoint, "No such endpoint."),
    };

    public static readonly IReadOnlyList<string> JsonEndpoints = ["POST /summarize", "POST /classify"];

    public static readonly IReadOnlyList<string> StreamEndpoints = ["POST /chat as JSON", "POST /chat", "POST /chat-stream", "GET /chat-stream"];

    public static readonly IReadOnlyList<string> Endpoints = [.. JsonEndpoints, .. StreamEndpoints];
}
