using System.Text;
using System.Text.Json;
using LlmGateway.FakeOpenAI.Wire;

namespace LlmGateway.FakeOpenAI;

/// <summary>The routes: the provider's, each bound to its wire format, and the server's own.</summary>
internal static class FakeEndpoints
{
    private const string Models =
        """
        {"object":"list","data":[
        {"id":"gpt-4o-mini","object":"model","created":1721172741,"owned_by":"system"},
        {"id":"text-embedding-3-small","object":"model","created":1705948997,"owned_by":"system"}]}
        """;

    public static void Map(WebApplication app, FakeOpenAIServer server, CallLog log, TimeProvider time)
    {
        app.MapPost("/v1/chat/completions", context => HandleAsync(context, new OpenAIChat()));
        app.MapPost("/v1/messages", context => HandleAsync(context, new AnthropicMessages()));
        app.MapPost("/v1/embeddings", context => HandleAsync(context, new OpenAIEmbeddings()));
        app.MapGet("/v1/models", (HttpRequest request) => OpenAIFormat.HasToken(request.Headers)
            ? Results.Text(Models, "application/json")
            : Results.Text(OpenAIFormat.Describe(OpenAIFormat.Unauthorized), "application/json", 401));

        app.MapGet("/__stats", () => Results.Json(server.Stats, JsonSerializerOptions.Web));
        app.MapGet("/__requests", (int? last) => Results.Json(
            server.Requests.TakeLast(last ?? 20).Select(request => new
            {
                request.Number,
                request.Path,
                Outcome = request.Outcome?.ToString(),
                request.TokensSent,
                request.Body,
            }),
            JsonSerializerOptions.Web));
        app.MapPost("/__reset", server.Reset);

        async Task HandleAsync(HttpContext context, IWireFormat format)
        {
            var stopping = app.Lifetime.ApplicationStopping;
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
            await CallAsync(context, format, server, log, time, stopping, ended.Token);
        }
    }

    private static async Task CallAsync(
        HttpContext context, IWireFormat format, FakeOpenAIServer server, CallLog log, TimeProvider time,
        CancellationToken stopping, CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
        var body = await reader.ReadToEndAsync(cancellationToken);
        var json = Parse(body);
        var headers = context.Request.Headers.ToDictionary(
            header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        var request = log.Begin(context.Request.Path, headers, body, json);

        // Registered, not caught: whoever holds the answer up, the moment the client leaves is the moment it counts.
        using var aborted = context.RequestAborted.Register(() => log.End(request, FakeOutcome.Aborted));
        var script = new FakeScript();
        try
        {
            if (!format.IsAuthorized(context.Request.Headers))
                throw new WireException(OpenAIFormat.Unauthorized);
            if (json.ValueKind == JsonValueKind.Undefined)
                throw new WireException(OpenAIFormat.NotJson);
            var answer = Settle();
            if (server.RateLimit is { } limit)
                script = limit.Apply(script);
            await new Player(context, format, script, request, log, time).PlayAsync(answer, cancellationToken);
        }
        catch (WireException exception)
        {
            log.End(request, exception.Error.Status == 401 ? FakeOutcome.AuthFailure : FakeOutcome.BadRequest);
            context.Response.StatusCode = exception.Error.Status;
            context.Response.ContentType = "application/json";
            await context.Response.Body.WriteAsync(format.ErrorBody(exception.Error), cancellationToken);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException)
        {
            log.End(request, stopping.IsCancellationRequested ? FakeOutcome.Cut : FakeOutcome.Aborted);
            context.Abort();
        }
        finally
        {
            // A fault of this server's own; any other outcome stands already.
            log.End(request, FakeOutcome.Cut);
        }

        IAnswer Settle()
        {
            try
            {
                script = server.ScriptFor(request);
                return format.Answer(json, script, time.GetUtcNow());
            }
            catch (Exception exception) when (
                exception is FormatException or OverflowException or KeyNotFoundException or InvalidOperationException)
            {
                throw new WireException(new WireError(400, exception.Message, OpenAIFormat.InvalidRequest, "malformed"));
            }
        }
    }

    private static JsonElement Parse(string body)
    {
        try
        {
            return JsonSerializer.Deserialize<JsonElement>(body);
        }
        catch (JsonException)
        {
            return default;
        }
    }
}
