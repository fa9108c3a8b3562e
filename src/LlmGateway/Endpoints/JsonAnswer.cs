using System.Reflection;
using System.Text.Json;
using LlmGateway.Llm;
using Microsoft.AspNetCore.Http.Metadata;

namespace LlmGateway.Endpoints;

/// <summary>A body of the gateway's own JSON, made once for each answer and kept with it: a stored answer is the bytes it was stored as.</summary>
internal sealed class JsonAnswer<T>(byte[] json) : IResult, IEndpointMetadataProvider
    where T : class
{
    public static JsonAnswer<T> Of(LlmResponse response, Func<LlmResponse, T> read) => Stored(response) ?? Of(response, read(response));

    public static JsonAnswer<T> Of(LlmResponse response, T body) => new(Render(response, body));

    /// <returns>Null where it is still to be made.</returns>
    public static JsonAnswer<T>? Stored(LlmResponse response) => response.Rendering?.Body is { } json ? new(json) : null;

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.ContentType = "application/json";
        httpContext.Response.ContentLength = json.Length;
        await httpContext.Response.BodyWriter.WriteAsync(json, httpContext.RequestAborted);
    }

    public static void PopulateMetadata(MethodInfo method, EndpointBuilder builder) =>
        builder.Metadata.Add(new ProducesResponseTypeMetadata(StatusCodes.Status200OK, typeof(T), ["application/json"]));

    private static byte[] Render(LlmResponse response, T body)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(body, GatewayJson.Readable.GetTypeInfo(typeof(T))!);
        if (response.Rendering is { } rendering) rendering.Body = json;
        return json;
    }
}
