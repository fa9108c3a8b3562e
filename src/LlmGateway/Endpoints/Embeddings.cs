using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;
using LlmGateway.Hosting;
using LlmGateway.Llm;
using LlmGateway.Llm.Embeddings;
using LlmGateway.Llm.Models;

namespace LlmGateway.Endpoints;

/// <param name="Input">A text, or several.</param>
/// <param name="Model">An embedding model of the table; the configured one unless told.</param>
/// <param name="Dimensions">The length of each vector; the model's own unless told.</param>
public sealed record EmbeddingsRequest(
    [property: Required, JsonConverter(typeof(Embeddings.TextsConverter))] IReadOnlyList<string?>? Input, string? Model, int? Dimensions);

/// <param name="Embeddings">One vector for each text, in their order.</param>
/// <param name="Model">Who made them.</param>
/// <param name="Dimensions">The length of each.</param>
public sealed record EmbeddingsResponse(IReadOnlyList<IReadOnlyList<float>> Embeddings, string Model, int Dimensions);

/// <summary><c>POST /embeddings</c>: texts in, vectors out.</summary>
internal sealed class Embeddings(
    ILlmClient client, ModelTable models, EmbeddingsOptions options, VectorStore store, ProviderChoice choice, TimeProvider timeProvider)
{
    public static void Map(IEndpointRouteBuilder endpoints)
    {
        var handler = endpoints.Handler<Embeddings>();
        endpoints.MapPost("/embeddings", (JsonBody<EmbeddingsRequest> body, HttpContext context, CancellationToken cancellationToken) =>
                handler.Value.HandleAsync(body.Value, context, cancellationToken))
            .WithName("embed")
            .WithSummary("Turns texts into vectors.")
            .Produces<EmbeddingsResponse>(StatusCodes.Status200OK, "application/json")
            .WithFreshAndDryRun()
            .ProducesProblems()
            .WithTags("LlmGateway");
    }

    private async Task<IResult> HandleAsync(EmbeddingsRequest asked, HttpContext context, CancellationToken cancellationToken)
    {
        Check(asked);
        var model = models.GetEmbedding(asked.Model ?? options.Model);
        CheckDimensions(asked.Dimensions, model);
        var request = new EmbeddingRequest
        {
            Model = model.Name,
            Inputs = asked.Input!.OfType<string>().ToList(),
            Dimensions = asked.Dimensions,
            Fresh = Query.Flag(context.Request, "fresh"),
            RequestId = RequestFacts.Of(context).RequestId,
        };
        if (DryRun.IsAsked(context))
        {
            var plan = await EmbeddingPlan.MakeAsync(request, model, store, options, cancellationToken);
            var calls = plan.AllCalls(options);
            var cost = choice.IsOffline(model.Provider) ? 0 : model.Cost(new LlmUsage(plan.MissingTokens, 0));
            return Results.Json(
                new DryRunResponse(plan.Tokens.Sum(), 0, calls, calls, cost, calls - plan.Batches.Count), GatewayJson.Readable.DryRunResponse);
        }
        var response = await client.EmbedAsync(request, cancellationToken);
        AnswerHeaders.Set(context, response, timeProvider);
        return new VectorsAnswer(response);
    }

    private void Check(EmbeddingsRequest request)
    {
        var validation = new Validation();
        validation.Require(request.Input is not null, "input", "This field is required.");
        if (request.Input is { } input)
        {
            validation.Require(input.Count >= 1 && input.Count <= options.MaxInputs, "input", $"Give 1 to {options.MaxInputs} texts.");
            for (var i = 0; i < input.Count && input.Count <= options.MaxInputs && !validation.IsFull; i++)
            {
                if (input[i] is null) validation.Require(false, $"input[{i}]", "This field takes a text in quotes.");
                else if (input[i]!.Length == 0) validation.Require(false, EmbeddingRequest.Field(i, input.Count), "This field is empty.");
            }
        }
        validation.Throw();
    }

    private static void CheckDimensions(int? dimensions, ModelInfo model)
    {
        if (dimensions is null || (dimensions >= 1 && dimensions <= (model.Dimensions ?? int.MaxValue))) return;
        var most = model.Dimensions is { } known ? $"from 1 to {known}" : "of 1 or more";
        throw Validation.Failure(new() { ["dimensions"] = [$"This field takes a whole number {most}."] });
    }

    /// <summary>Thousands of vectors are tens of megabytes: they are written one by one.</summary>
    private sealed class VectorsAnswer(EmbeddingResponse response) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.ContentType = "application/json";
            var output = httpContext.Response.BodyWriter;
            await using var json = new Utf8JsonWriter(output);
            json.WriteStartObject();
            json.WriteStartArray("embeddings"u8);
            foreach (var vector in response.Vectors)
            {
                json.WriteStartArray();
                foreach (var number in vector.Span)
                    json.WriteNumberValue(number);
                json.WriteEndArray();
                json.Flush();
                if ((await output.FlushAsync(httpContext.RequestAborted)).IsCompleted) return;
            }
            json.WriteEndArray();
            json.WriteString("model"u8, response.Origin.Model);
            json.WriteNumber("dimensions"u8, response.Vectors[0].Length);
            json.WriteEndObject();
        }
    }

    /// <summary>A text, or an array of texts; null stands for what is none.</summary>
    internal sealed class TextsConverter : JsonConverter<IReadOnlyList<string?>?>
    {
        public override IReadOnlyList<string?>? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            if (reader.TokenType == JsonTokenType.String) return [reader.GetString()];
            if (reader.TokenType != JsonTokenType.StartArray) throw new JsonException();
            var texts = new List<string?>();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                texts.Add(reader.TokenType == JsonTokenType.String ? reader.GetString() : null);
                reader.Skip();
            }
            return texts;
        }

        public override void Write(Utf8JsonWriter writer, IReadOnlyList<string?>? value, JsonSerializerOptions options)
        {
            writer.WriteStartArray();
            foreach (var text in value ?? [])
                writer.WriteStringValue(text);
            writer.WriteEndArray();
        }
    }
}
