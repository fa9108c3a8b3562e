using LlmGateway.Llm;
using LlmGateway.Llm.Generations;
using LlmGateway.Llm.Models;
using Microsoft.OpenApi;

namespace LlmGateway.Endpoints;

/// <param name="Reply">The model's words.</param>
/// <param name="Model">Who spoke.</param>
/// <param name="FinishReason"><c>stop</c> for a whole reply, <c>length</c> for one cut short.</param>
public sealed record ChatResponse(string Reply, string Model, string FinishReason);

/// <summary>
/// <c>GET /chat-stream</c> for the browser's EventSource, <c>POST /chat-stream</c> and <c>POST /chat</c> for everybody else: a reply as a
/// stream, or, to a POST that accepts JSON, in one piece.
/// </summary>
internal sealed class Chat(
    ILlmClient client, ModelTable models, ChatOptions options, ChatStream stream, DryRun dryRun, Streams streams, StreamSessions known, TicketStore tickets, TimeProvider timeProvider)
{
    public static void Map(IEndpointRouteBuilder endpoints)
    {
        var handler = endpoints.Handler<Chat>();
        endpoints.MapGet("/chat-stream", (HttpContext context, CancellationToken cancellationToken) => handler.Value.StreamAsync(context, cancellationToken))
            .WithName("streamMessage")
            .WithSummary("Streams a reply to one message; for EventSource.")
            .Produces<string>(StatusCodes.Status200OK, ChatStream.MediaType)
            .WithQuery("message", JsonSchemaType.String, "What the user says; required without a ticket.")
            .WithQuery("system", JsonSchemaType.String, "Told to the model before the message.")
            .WithQuery("model", JsonSchemaType.String, "A model of the table; the configured one unless told.")
            .WithQuery("max_tokens", JsonSchemaType.Integer, "Tokens of the reply, at most.")
            .WithQuery("temperature", JsonSchemaType.Number, "0 to 2.")
            .WithQuery("fresh", JsonSchemaType.Boolean, "1 asks the model even if the answer is stored.")
            .WithQuery("resume", JsonSchemaType.Boolean, "1 keeps the call running for a while when the client has gone.")
            .WithQuery("ticket", JsonSchemaType.String, "Instead of the message: from POST /chat-stream/tickets, good for one stream.")
            .WithLastEventId()
            .Produces(StatusCodes.Status204NoContent)
            .ProducesProblems(400, 403, 410, 413, 422, 429, 500, 502, 503, 504)
            .WithTags("LlmGateway");
        foreach (var (path, name) in new[] { ("/chat-stream", "streamChat"), ("/chat", "chat") })
        {
            endpoints.MapPost(path, (JsonBody<ChatRequest> body, HttpContext context, CancellationToken cancellationToken) =>
                    handler.Value.PostAsync(body, context, cancellationToken))
                .WithName(name)
                .WithSummary("Replies to a conversation, as a stream or, with accept: application/json, in one piece.")
                .Produces<ChatResponse>(StatusCodes.Status200OK, "application/json")
                .WithStream()
                .WithFreshAndDryRun()
                .WithQuery("resume", JsonSchemaType.Boolean, "1 gives the frames ids, and keeps the call running for a while when the client has gone.")
                .WithLastEventId()
                .Produces(StatusCodes.Status204NoContent)
                .ProducesProblems()
                .WithTags("LlmGateway");
        }
    }

    private async Task<IResult> StreamAsync(HttpContext context, CancellationToken cancellationToken)
    {
        if (context.Request.Headers.TryGetValue(Streams.LastEventId, out var lastEventId)) return await ResumeAsync(context, lastEventId, cancellationToken);
        var query = context.Request.Query;
        var isFromBrowser = context.Request.Headers.Accept.ToString().Contains(ChatStream.MediaType, StringComparison.OrdinalIgnoreCase);
        var keepsRunning = Query.Flag(context.Request, "resume");
        ChatRequest asked;
        string? hash = null;
        var fresh = Query.Flag(context.Request, "fresh");
        if (query.ContainsKey("ticket"))
        {
            var ticket = ChatRequest.TicketFromQuery(query);
            hash = TicketStore.Hash(ticket);
            if (known.FindUnopened(hash) is { } unopened && unopened.TryResume())
            {
                // The browser lost the connection before it got a byte, and asks again by itself: for what it has asked for already.
                await stream.ResumeAsync(context, client, unopened, default, cancellationToken);
                return Results.Empty;
            }
            (asked, fresh, var resume) = await tickets.TakeAsync(ticket, cancellationToken);
            keepsRunning |= resume;
        }
        else
        {
            asked = ChatRequest.FromQuery(query);
        }
        var fitted = await asked.FitAsync(options, models, cancellationToken);
        AnswerHeaders.SetFit(context, fitted);
        var request = fitted.Request.AskedIn(context, fresh);
        await stream.WriteAsync(context, client, request with { Stream = known.Start(isResumable: true, isFromBrowser, keepsRunning, hash) }, cancellationToken);
        return Results.Empty;
    }

    /// <summary>Whatever the request says: who has a last id had a stream, and gets the rest of that one, or nothing. No call is ever made for it.</summary>
    private async Task<IResult> ResumeAsync(HttpContext context, string? lastEventId, CancellationToken cancellationToken)
    {
        if (await streams.ReturnAsync(lastEventId, cancellationToken) is not var (found, place)) return Results.NoContent();
        await stream.ResumeAsync(context, client, found, place, cancellationToken);
        return Results.Empty;
    }

    private async Task<IResult> PostAsync(JsonBody<ChatRequest> body, HttpContext context, CancellationToken cancellationToken)
    {
        var fresh = Query.Flag(context.Request, "fresh");
        var fitted = await body.PreparedOnceAsync(this, static (endpoint, request, token) => endpoint.PrepareAsync(request, token), cancellationToken);
        var request = fitted.Request.AskedIn(context, fresh);
        if (DryRun.IsAsked(context)) return await dryRun.AnswerAsync(request, models.GetChat(request.Model), cancellationToken);
        AnswerHeaders.SetFit(context, fitted);
        if (!Accept.PrefersJson(context.Request))
        {
            if (context.Request.Headers.TryGetValue(Streams.LastEventId, out var lastEventId)) return await ResumeAsync(context, lastEventId, cancellationToken);
            var keepsRunning = Query.Flag(context.Request, "resume");
            await stream.WriteAsync(context, client, request with { Stream = known.Start(isResumable: keepsRunning, keepsRunning: keepsRunning) }, cancellationToken);
            return Results.Empty;
        }
        var response = await client.CompleteAsync(request, cancellationToken);
        AnswerHeaders.Set(context, response, timeProvider);
        return JsonAnswer<ChatResponse>.Of(response, static response => new ChatResponse(response.Text, response.Origin.Model, response.FinishReason.Value));
    }

    private async ValueTask<FittedRequest> PrepareAsync(ChatRequest request, CancellationToken cancellationToken)
    {
        var fitted = await request.FitAsync(options, models, cancellationToken);
        return fitted with { Request = fitted.Request.WithKnownKey() };
    }
}
