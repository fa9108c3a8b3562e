using System.ComponentModel.DataAnnotations;
using LlmGateway.Endpoints.Summaries;
using LlmGateway.Hosting;
using LlmGateway.Llm.Models;
using LlmGateway.Llm.Tokens;

namespace LlmGateway.Endpoints;

/// <param name="Text">What is to be summarized.</param>
/// <param name="Model">A model of the table; the configured one unless told.</param>
/// <param name="MaxTokens">Tokens of the summary, at most.</param>
/// <param name="LongInput">
/// What is done with a long text. <c>auto</c>: it is read in slices if it is very long, and only its beginning is read otherwise; <c>truncate</c>: only its
/// beginning is read; <c>map_reduce</c>: all of it is read, in slices where it is longer than one.
/// </param>
public sealed record SummarizeRequest(
    [property: Required] LongText? Text, string? Model, int? MaxTokens, string? LongInput) : IHasLongText
{
    internal static readonly string[] LongInputs = ["auto", "truncate", "map_reduce"];
}

/// <param name="Summary">Two or three sentences.</param>
/// <param name="Model">Who wrote it.</param>
/// <param name="Truncated">Whether only the beginning of the text was read.</param>
/// <param name="InputTokens">Tokens of the whole text, in the model's own encoding.</param>
/// <param name="Chunks">Slices in which the text was read.</param>
public sealed record SummarizeResponse(string Summary, string Model, bool Truncated, int InputTokens, int Chunks);

/// <summary><c>POST /summarize</c>: a text in, two or three sentences out.</summary>
internal sealed class Summarize(
    Summarizer summarizer, SummaryStream stream, SummaryDryRun dryRun, ModelTable models, SummarizeOptions options, TimeProvider timeProvider)
{
    public static void Map(IEndpointRouteBuilder endpoints)
    {
        var handler = endpoints.Handler<Summarize>();
        endpoints.MapPost("/summarize", (JsonBody<SummarizeRequest> body, HttpContext context, CancellationToken cancellationToken) =>
                handler.Value.HandleAsync(body, context, cancellationToken))
            .WithName("summarize")
            .WithSummary("Summarizes a text in two or three sentences, however long it is.")
            .Produces<SummarizeResponse>(StatusCodes.Status200OK, "application/json")
            .WithStream()
            .WithFreshAndDryRun()
            .WithBodyLimit(services => services.GetRequiredService<SummarizeOptions>().MaxBodyBytes)
            .ProducesProblems()
            .WithTags("LlmGateway");
    }

    private async Task<IResult> HandleAsync(JsonBody<SummarizeRequest> body, HttpContext context, CancellationToken cancellationToken)
    {
        using var text = body.Value.Text;
        var fresh = Query.Flag(context.Request, "fresh");
        var prepared = await body.PreparedOnceAsync(this, static (endpoint, request, token) => endpoint.PrepareAsync(request, token), cancellationToken);
        var plan = prepared with { Fresh = fresh, RequestId = RequestFacts.Of(context).RequestId };
        if (DryRun.IsAsked(context)) return await dryRun.AnswerAsync(plan, cancellationToken);
        if (Accept.PrefersStream(context.Request)) return await StreamAsync(context, plan, cancellationToken);
        var response = await summarizer.CompleteAsync(plan, cancellationToken);
        AnswerHeaders.Set(context, response, timeProvider);
        return JsonAnswer<SummarizeResponse>.Stored(response) ?? JsonAnswer<SummarizeResponse>.Of(response, await BodyAsync(response, plan, cancellationToken));
    }

    private async Task<IResult> StreamAsync(HttpContext context, SummaryPlan plan, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(context, plan, response => BodyAsync(response, plan, cancellationToken), cancellationToken);
        return Results.Empty;
    }

    private ValueTask<SummaryPlan> PrepareAsync(SummarizeRequest request, CancellationToken cancellationToken)
    {
        Check(request);
        return summarizer.PlanAsync(
            request.Text!.Chars, models.GetChat(request.Model ?? options.Model), request.LongInput, request.MaxTokens ?? options.MaxOutputTokens, cancellationToken);
    }

    private static async ValueTask<SummarizeResponse> BodyAsync(Llm.LlmResponse response, SummaryPlan plan, CancellationToken cancellationToken)
    {
        var counter = await TokenCounters.GetAsync(plan.Model.Encoding, cancellationToken);
        return new SummarizeResponse(
            response.Text,
            response.Origin.Model,
            plan.IsTruncated,
            plan.InputTokens ?? await counter.CountAsync(plan.Text, cancellationToken),
            plan.Chunks);
    }

    private void Check(SummarizeRequest request)
    {
        var validation = new Validation();
        validation.Text(request.Text?.Chars, "text");
        validation.MaxTokens(request.MaxTokens, options.MaxOutputTokensLimit);
        validation.OneOf(request.LongInput, SummarizeRequest.LongInputs, "long_input");
        validation.Throw();
    }
}
