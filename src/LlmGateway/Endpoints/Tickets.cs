using LlmGateway.Hosting;
using LlmGateway.Llm.Models;

namespace LlmGateway.Endpoints;

/// <param name="Ticket">The secret itself.</param>
/// <param name="Url">What <c>new EventSource(url)</c> opens, once.</param>
/// <param name="ExpiresIn">Seconds.</param>
public sealed record TicketResponse(string Ticket, string Url, int ExpiresIn);

/// <summary><c>POST /chat-stream/tickets</c>: takes what EventSource cannot send, and gives an address that it can open.</summary>
internal sealed class Tickets(ModelTable models, ChatOptions options, TicketStore store, DryRun dryRun)
{
    public static void Map(IEndpointRouteBuilder endpoints)
    {
        var handler = endpoints.Handler<Tickets>();
        endpoints.MapPost("/chat-stream/tickets", (JsonBody<ChatRequest> body, HttpContext context, CancellationToken cancellationToken) =>
                handler.Value.HandleAsync(body.Value, context, cancellationToken))
            .WithName("createTicket")
            .WithSummary("Takes a prompt, and gives a URL with which EventSource can stream the reply, once.")
            .WithFreshAndDryRun()
            .WithQuery("resume", Microsoft.OpenApi.JsonSchemaType.Boolean, "1 keeps the call running for a while when the client has gone.")
            .Produces<TicketResponse>(StatusCodes.Status201Created)
            .ProducesProblems(400, 403, 408, 413, 415, 429, 500, 503)
            .WithTags("LlmGateway");
    }

    private async Task<IResult> HandleAsync(ChatRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        var fresh = Query.Flag(context.Request, "fresh");
        // What is wrong with it is said here: an EventSource could not tell anybody.
        var fitted = await request.FitAsync(options, models, cancellationToken);
        if (DryRun.IsAsked(context)) return await dryRun.AnswerAsync(fitted.Request.AskedIn(context, fresh), models.GetChat(fitted.Request.Model), cancellationToken);
        var prompt = new TicketPrompt(request, fresh, Query.Flag(context.Request, "resume"));
        var ticket = await store.IssueAsync(prompt, cancellationToken);
        context.Response.Headers.CacheControl = "no-store";
        return Results.Json(
            new TicketResponse(ticket, Url(context.Request, ticket), (int)store.TimeToLive.TotalSeconds), GatewayJson.Readable.TicketResponse, statusCode: StatusCodes.Status201Created);
    }

    /// <summary>A page of another origin would resolve a path against its own.</summary>
    private static string Url(HttpRequest request, string ticket)
    {
        var path = $"{request.PathBase}/chat-stream?ticket={ticket}";
        return request.Headers.Origin.Count > 0 && !CorsMiddleware.IsSameOrigin(request) ? $"{CorsMiddleware.Scheme(request)}://{request.Host}{path}" : path;
    }
}
