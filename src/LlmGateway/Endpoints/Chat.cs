using LlmGateway.Llm;
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
internal static class Chat
{
    public static void MapChat(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/chat-stream", StreamAsync)
            .WithSummary("Streams a reply to one message; for EventSource.")
            .Produces<string>(StatusCodes.Status200OK, ChatStream.MediaType)
            .WithQuery("message", JsonSchemaType.String, "What the user says.", required: true)
            .WithQuery("system", JsonSchemaType.String, "Told to the model before the message.")
            .WithQuery("model", JsonSchemaType.String, "A model of the table; the configured one unless told.")
            .WithQuery("max_tokens", JsonSchemaType.Integer, "Tokens of the reply, at most.")
            .WithQuery("temperature", JsonSchemaType.Number, "0 to 2.")
            .WithQuery("fresh", JsonSchemaType.Boolean, "1 asks the model even if the answer is stored.")
            .ProducesProblems()
            .WithTags("LlmGateway");
        foreach (var path in new[] { "/chat-stream", "/chat" })
        {
            endpoints.MapPost(path, PostAsync)
                .WithSummary("Replies to a conversation, as a stream or, with accept: application/json, in one piece.")
                .Produces<ChatResponse>(StatusCodes.Status200OK, "application/json", ChatStream.MediaType)
                .WithFreshAndDryRun()
                .ProducesProblems()
                .WithTags("LlmGateway");
        }
    }

    private static async Task StreamAsync(
        HttpContext context, ILlmClient client, ModelTable models, ChatOptions options, ChatStream stream, CancellationToken cancellationToken)
    {
        var fitted = await ChatRequest.FromQuery(context.Request.Query).FitAsync(options, models, context, cancellationToken);
        AnswerHeaders.SetFit(context, fitted);
        await stream.WriteAsync(context, client, fitted.Request, cancellationToken);
    }

    private static async Task<IResult> PostAsync(
        JsonBody<ChatRequest> body,
        HttpContext context,
        ILlmClient client,
        ModelTable models,
        ChatOptions options,
        ChatStream stream,
        DryRun dryRun,
        TimeProvider timeProvider,
        CancellationToken cancellationToken)
    {
        var fitted = await body.Value.FitAsync(options, models, context, cancellationToken);
        var request = fitted.Request;
        if (DryRun.IsAsked(context)) return await dryRun.AnswerAsync(request, models.GetChat(request.Model), cancellationToken);
        AnswerHeaders.SetFit(context, fitted);
        if (!Accept.PrefersJson(context.Request))
        {
            await stream.WriteAsync(context, client, request, cancellationToken);
            return Results.Empty;
        }
        var response = await client.CompleteAsync(request, cancellationToken);
        AnswerHeaders.Set(context, response, timeProvider);
        return JsonAnswer<ChatResponse>.Of(response, static response => new ChatResponse(response.Text, response.Origin.Model, response.FinishReason.Value));
    }
}
