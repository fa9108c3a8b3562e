using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using LlmGateway.Llm;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace LlmGateway.Endpoints;

/// <summary>What the OpenAPI document cannot find out by itself: the parameters that a handler reads on its own, JSON with
/// two forms, and what may be left out.</summary>
internal static class OpenApiDetails
{
    /// <param name="endpoint">Reads the parameter from the query.</param>
    /// <param name="name">As callers write it.</param>
    /// <param name="type">What its text stands for.</param>
    /// <param name="description">For the reader of the document.</param>
    /// <param name="required">Whether the request is wrong without it.</param>
    public static RouteHandlerBuilder WithQuery(this RouteHandlerBuilder endpoint, string name, JsonSchemaType type, string description, bool required = false) =>
        endpoint.AddOpenApiOperationTransformer((operation, _, _) =>
        {
            operation.Parameters ??= [];
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = name,
                In = ParameterLocation.Query,
                Required = required,
                Description = description,
                Schema = new OpenApiSchema { Type = type },
            });
            return Task.CompletedTask;
        });

    /// <summary>What every endpoint that takes a body knows.</summary>
    public static RouteHandlerBuilder WithFreshAndDryRun(this RouteHandlerBuilder endpoint) => endpoint
        .WithQuery("fresh", JsonSchemaType.Boolean, "1 asks the model even if the answer is stored.")
        .WithQuery(
            "dry_run",
            JsonSchemaType.Boolean,
            "1 asks no model, and answers { input_tokens, max_output_tokens, chunks, calls, max_cost_usd, cached }: what the request would take.");

    /// <summary>The same answer as a stream, to whoever accepts one: its frames are no JSON body.</summary>
    public static RouteHandlerBuilder WithStream(this RouteHandlerBuilder endpoint) => endpoint.AddOpenApiOperationTransformer((operation, _, _) =>
    {
        if (operation.Responses?["200"] is OpenApiResponse { Content: { } content })
        {
            content[ChatStream.MediaType] = new OpenApiMediaType
            {
                Schema = new OpenApiSchema { Type = JsonSchemaType.String, Description = "Frames, each a line data: with JSON and an empty line; data: [DONE] is the last." },
            };
        }
        return Task.CompletedTask;
    });

    /// <summary>The header with which EventSource comes back.</summary>
    public static RouteHandlerBuilder WithLastEventId(this RouteHandlerBuilder endpoint) => endpoint.AddOpenApiOperationTransformer((operation, _, _) =>
    {
        operation.Parameters ??= [];
        operation.Parameters.Add(new OpenApiParameter
        {
            Name = Streams.LastEventId,
            In = ParameterLocation.Header,
            Description = "The id of the last frame: the rest of that stream is sent, or 204 if there is none.",
            Schema = new OpenApiSchema { Type = JsonSchemaType.String },
        });
        return Task.CompletedTask;
    });

    public static void Describe(OpenApiOptions options) => options.AddDocumentTransformer((document, _, _) =>
    {
        // The framework's own has the document's name in it.
        document.Info.Title = "LlmGateway";
        return Task.CompletedTask;
    }).AddSchemaTransformer((schema, context, _) =>
    {
        if (context.JsonPropertyInfo is null) RequireWhatMustBeThere(schema, context.JsonTypeInfo);
        if (context.JsonTypeInfo.Type == typeof(ClassifyRequest) && schema.Properties?["categories"] is OpenApiSchema categories) categories.Items = Categories();
        // What a converter reads is unknown.
        if (context.JsonTypeInfo.Type == typeof(LongText)) schema.Type = JsonSchemaType.String;
        if (context.JsonTypeInfo.Type == typeof(SummarizeRequest)) Choices(schema, "long_input", SummarizeRequest.LongInputs);
        if (context.JsonTypeInfo.Type == typeof(EmbeddingsRequest) && schema.Properties is { } properties) properties["input"] = TextOrTexts();
        if (context.JsonTypeInfo.Type == typeof(ChatRequest)) Choices(schema, "overflow", ChatRequest.Overflows);
        if ((Nullable.GetUnderlyingType(context.JsonTypeInfo.Type) ?? context.JsonTypeInfo.Type) == typeof(LlmRole))
        {
            schema.Type = JsonSchemaType.String;
            schema.Enum = [.. Enum.GetNames<LlmRole>().Select(name => JsonValue.Create(name.ToLowerInvariant()))];
        }
        return Task.CompletedTask;
    });

    /// <summary>A record's parameters all count as required, for its constructor has them all.</summary>
    private static void RequireWhatMustBeThere(OpenApiSchema schema, JsonTypeInfo type)
    {
        foreach (var property in type.Properties)
        {
            if (property.IsGetNullable && property.AttributeProvider?.IsDefined(typeof(RequiredAttribute), inherit: true) != true) schema.Required?.Remove(property.Name);
        }
    }

    private static void Choices(OpenApiSchema schema, string property, IEnumerable<string> choices)
    {
        if (schema.Properties?[property] is OpenApiSchema field) field.Enum = [.. choices.Select(choice => JsonValue.Create(choice))];
    }

    private static OpenApiSchema TextOrTexts() => new()
    {
        OneOf =
        [
            new OpenApiSchema { Type = JsonSchemaType.String },
            new OpenApiSchema { Type = JsonSchemaType.Array, Items = new OpenApiSchema { Type = JsonSchemaType.String } },
        ],
    };

    private static OpenApiSchema Categories() => new()
    {
        OneOf =
        [
            new OpenApiSchema { Type = JsonSchemaType.String },
            new OpenApiSchema
            {
                Type = JsonSchemaType.Object,
                Required = new HashSet<string> { "name" },
                Properties = new Dictionary<string, IOpenApiSchema>
                {
                    ["name"] = new OpenApiSchema { Type = JsonSchemaType.String },
                    ["description"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "Told to the model: what belongs there." },
                },
            },
        ],
    };
}
