using System.Collections.Concurrent;
using System.Net.Mime;
using System.Security.Cryptography;

namespace LlmGateway.Endpoints;

/// <summary><c>GET /</c>: a page to try the gateway with, and the client that it uses. The files are in the program itself, wherever it runs.</summary>
internal static class Playground
{
    /// <summary>The page runs nothing and asks nobody but the gateway; it is in nobody's frame.</summary>
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Head];

    private static readonly ConcurrentDictionary<string, (byte[] Bytes, string Tag)> Files = new();

    public static void MapPlayground(this IEndpointRouteBuilder endpoints)
    {
        Map(endpoints, "/", "index.html", MediaTypeNames.Text.Html);
        Map(endpoints, "/playground.css", "playground.css", MediaTypeNames.Text.Css);
        Map(endpoints, "/playground.js", "playground.js", MediaTypeNames.Text.JavaScript);
        Map(endpoints, "/client.js", "client.js", MediaTypeNames.Text.JavaScript);
        Map(endpoints, "/client.d.ts", "client.d.ts", MediaTypeNames.Text.Plain);
    }

    private static void Map(IEndpointRouteBuilder endpoints, string path, string file, string type) => endpoints
        .MapMethods(path, Methods, (HttpContext context) => Send(context, file, type))
        .ExcludeFromDescription();

    private static Task Send(HttpContext context, string file, string type)
    {
        var (bytes, tag) = Files.GetOrAdd(file, Read);
        var response = context.Response;
        response.Headers.ETag = tag;
        response.Headers.CacheControl = "no-cache";
        response.Headers.ContentSecurityPolicy = Policy;
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers["Referrer-Policy"] = "no-referrer";
        if (context.Request.Headers.IfNoneMatch == tag)
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }
        response.ContentType = type + "; charset=utf-8";
        response.ContentLength = bytes.Length;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(bytes, context.RequestAborted).AsTask();
    }

    private static (byte[] Bytes, string Tag) Read(string file)
    {
        using var resource = typeof(Playground).Assembly.GetManifestResourceStream("Playground/" + file)!;
        var bytes = new byte[resource.Length];
        resource.ReadExactly(bytes);
        return (bytes, $"\"{Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 8))}\"");
    }
}
