using System.ComponentModel.DataAnnotations;
using LlmGateway.Hosting;
using LlmGateway.Llm;
using LlmGateway.Llm.Models;
using LlmGateway.Llm.Tokens;

namespace LlmGateway.Endpoints;

/// <param name="Text">What is to be summarized.</param>
/// <param name="Model">A model of the table; the configured one unless told.</param>
/// <param name="MaxTokens">Tokens of the summary, at most.</param>
public sealed record SummarizeRequest([property: Required] string? Text, string? Model, int? MaxTokens);

/// <param name="Summary">Two or three sentences.</param>
/// <param name="Model">Who wrote it.</param>
/// <param name="Truncated">Whether only the beginning of the text was read.</param>
/// <param name="InputTokens">Tokens of the whole text, in the model's own encoding.</param>
/// <param name="Chunks">Pieces in which the text was read.</param>
public sealed record SummarizeResponse(string Summary, string Model, bool Truncated, int InputTokens, int Chunks);

/// <summary><c>POST /summarize</c>: a text in, two or three sentences out.</summary>
internal static class Summarize
{
    private const string Prompt = "Summarize the user's text in 2-3 sentences. Use the language of the text. Answer with the summary alone.";

    public static void MapSummarize(this IEndpointRouteBuilder endpoints) => endpoints
        .MapPost("/summarize", HandleAsync)
        .WithSummary("Summarizes a text in two or three sentences.")
        .ProducesProblems()
        .WithTags("LlmGateway");

    private static async Task<JsonAnswer<SummarizeResponse>> HandleAsync(
        JsonBody<SummarizeRequest> body,
        HttpContext context,
        ILlmClient client,
        ModelTable models,
        SummarizeOptions options,
        TimeProvider timeProvider,
        CancellationToken cancellationToken)
    {
        var request = body.Value;
        Check(request, options);
        var model = models.GetChat(request.Model ?? options.Model);
        var text = request.Text!;
        var counter = await TokenCounters.GetAsync(model.Encoding, cancellationToken);
        // Most texts are so short that there is nothing to be cut, and nothing to be counted before the answer is known to be new.
        var length = text.Length <= options.MaxInputTokens / TokenCounter.MaxTokensPerChar ? text.Length : counter.Cut(text, options.MaxInputTokens).Length;
        var truncated = length < text.Length;
        var response = await client.CompleteAsync(
            new LlmRequest(
                LlmTask.Summarize,
                model.Name,
                [new LlmMessage(LlmRole.System, Prompt), new LlmMessage(LlmRole.User, truncated ? text[..length] : text)],
                request.MaxTokens ?? options.MaxOutputTokens,
                Source: truncated ? text : null,
                Fresh: Query.Flag(context.Request, "fresh"),
                RequestId: RequestFacts.Of(context).RequestId),
            cancellationToken);
        AnswerHeaders.Set(context, response, timeProvider);
        return await JsonAnswer<SummarizeResponse>.OfAsync(response, async () => new SummarizeResponse(
            response.Text, response.Origin.Model, truncated, await counter.CountAsync(text.AsMemory(), cancellationToken), Chunks: 1));
    }

    private static void Check(SummarizeRequest request, SummarizeOptions options)
    {
        var validation = new Validation();
        validation.Text(request.Text, "text");
        validation.MaxTokens(request.MaxTokens, options.MaxOutputTokensLimit);
        validation.Throw();
    }
}
