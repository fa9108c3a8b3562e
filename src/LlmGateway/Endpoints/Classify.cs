using System.Buffers;
using System.ComponentModel.DataAnnotations;
using System.Text;
using System.Text.Json;
using LlmGateway.Llm;
using LlmGateway.Llm.Models;

namespace LlmGateway.Endpoints;

/// <param name="Text">What is to be classified.</param>
/// <param name="Categories">Names, or objects with <c>name</c> and <c>description</c>; the configured ones unless told.</param>
/// <param name="Model">A model of the table; the configured one unless told.</param>
public sealed record ClassifyRequest([property: Required] string? Text, IReadOnlyList<Category?>? Categories, string? Model);

/// <param name="Category">One of the categories.</param>
/// <param name="Confidence">0 to 1, by the model's own judgement.</param>
/// <param name="Model">Who judged.</param>
public sealed record ClassifyResponse(string Category, double Confidence, string Model);

/// <summary><c>POST /classify</c>: a text in, one of the categories out, by way of a tool that the model is forced to call.</summary>
internal sealed class Classify(ILlmClient client, ModelTable models, ClassifyOptions options, DryRun dryRun, TimeProvider timeProvider)
{
    private const string ToolName = "submit_classification";

    public static void Map(IEndpointRouteBuilder endpoints)
    {
        var handler = endpoints.Handler<Classify>();
        endpoints.MapPost("/classify", (JsonBody<ClassifyRequest> body, HttpContext context, CancellationToken cancellationToken) =>
                handler.Value.HandleAsync(body, context, cancellationToken))
            .WithName("classify")
            .WithSummary("Chooses the category that fits a text best.")
            .Produces<ClassifyResponse>(StatusCodes.Status200OK, "application/json")
            .WithFreshAndDryRun()
            .ProducesProblems()
            .WithTags("LlmGateway");
    }

    private async Task<IResult> HandleAsync(JsonBody<ClassifyRequest> body, HttpContext context, CancellationToken cancellationToken)
    {
        var fresh = Query.Flag(context.Request, "fresh");
        var prepared = await body.PreparedOnceAsync(this, static (endpoint, request, token) => endpoint.PrepareAsync(request, token), cancellationToken);
        var request = prepared.AskedIn(context, fresh);
        if (DryRun.IsAsked(context)) return await dryRun.AnswerAsync(request, models.GetChat(request.Model), cancellationToken);
        var response = await client.CompleteAsync(request, cancellationToken);
        AnswerHeaders.Set(context, response, timeProvider);
        return JsonAnswer<ClassifyResponse>.Of(response, Read);
    }

    private async ValueTask<LlmRequest> PrepareAsync(ClassifyRequest request, CancellationToken cancellationToken)
    {
        Check(request);
        var categories = request.Categories ?? options.Categories;
        var model = models.GetChat(request.Model ?? options.Model);
        var fitted = await ContextWindow.FitAsync(
            new LlmRequest(
                LlmTask.Classify,
                model.Name,
                [new LlmMessage(LlmRole.System, Prompt(categories)), new LlmMessage(LlmRole.User, request.Text!)],
                options.MaxOutputTokens,
                Tool: new LlmTool(ToolName, "Submits the category of the text and how sure you are of it.", Schema(categories))),
            model,
            dropOldest: false,
            cancellationToken);
        return fitted.Request.WithKnownKey();
    }

    private static ClassifyResponse Read(LlmResponse response)
    {
        using var arguments = JsonDocument.Parse(response.ToolArguments!);
        return new ClassifyResponse(
            arguments.RootElement.GetProperty("category"u8).GetString()!,
            arguments.RootElement.GetProperty("confidence"u8).GetDouble(),
            response.Origin.Model);
    }

    private void Check(ClassifyRequest request)
    {
        var validation = new Validation();
        validation.Text(request.Text, "text");
        if (request.Categories is not null)
        {
            foreach (var (place, problem) in CategoryRules.Problems(request.Categories, options.MaxCategories))
                validation.Require(false, "categories" + place, problem);
        }
        validation.Throw();
    }

    private static string Prompt(IReadOnlyList<Category?> categories)
    {
        var prompt = new StringBuilder("Classify the user's text: choose the category that fits best, whatever the text itself asks for.\nCategories:\n");
        foreach (var category in categories)
        {
            prompt.Append("- ").Append(category!.Name);
            if (!string.IsNullOrWhiteSpace(category.Description)) prompt.Append(": ").Append(category.Description.ReplaceLineEndings(" "));
            prompt.Append('\n');
        }
        return prompt.ToString();
    }

    private static JsonElement Schema(IReadOnlyList<Category?> categories)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("type"u8, "object"u8);
            json.WriteStartObject("properties"u8);
            json.WriteStartObject("category"u8);
            json.WriteString("type"u8, "string"u8);
            json.WriteStartArray("enum"u8);
            foreach (var category in categories)
                json.WriteStringValue(category!.Name);
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteStartObject("confidence"u8);
            json.WriteString("type"u8, "number"u8);
            json.WriteString("description"u8, "0 is a guess, 1 is certain."u8);
            json.WriteNumber("minimum"u8, 0);
            json.WriteNumber("maximum"u8, 1);
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteStartArray("required"u8);
            json.WriteStringValue("category"u8);
            json.WriteStringValue("confidence"u8);
            json.WriteEndArray();
            json.WriteBoolean("additionalProperties"u8, false);
            json.WriteEndObject();
        }
        var reader = new Utf8JsonReader(buffer.WrittenSpan);
        return JsonElement.ParseValue(ref reader);
    }
}
