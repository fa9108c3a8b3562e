using System.Text.Json;
using LlmGateway.Tests.Hosts;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace LlmGateway.Tests.Endpoints;

/// <summary>The document says what the gateway does.</summary>
public class OpenApiTests(SharedGateway shared) : IClassFixture<SharedGateway>
{
    private readonly GatewayHost _gateway = shared.Gateway;

    [Fact]
    public async Task DescribesEveryRoute()
    {
        var document = await DocumentAsync();
        var described = document.GetProperty("paths").EnumerateObject()
            .SelectMany(path => path.Value.EnumerateObject().Select(operation => $"{operation.Name.ToUpperInvariant()} {path.Name}"));
        var routes = _gateway.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(endpoint => endpoint.RoutePattern.RawText != "/openapi/v1.json" && endpoint.Metadata.GetMetadata<IExcludeFromDescriptionMetadata>() is null)
            .SelectMany(endpoint => endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Select(method => $"{method} {endpoint.RoutePattern.RawText}"));

        Assert.Equal(routes.Order(), described.Order());
        Assert.StartsWith("3.", document.GetProperty("openapi").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/summarize", "text model max_tokens", "summary model truncated input_tokens chunks")]
    [InlineData("/classify", "text categories model", "category confidence model")]
    [InlineData("/chat", "message messages system model max_tokens temperature", "reply model finish_reason")]
    [InlineData("/chat-stream", "message messages system model max_tokens temperature", "reply model finish_reason")]
    [InlineData("/chat-stream/tickets", "message messages system model max_tokens temperature", "ticket url expires_in", "201")]
    public async Task NamesTheFieldsOfRequestsAndAnswers(string path, string fields, string answer, string status = "200")
    {
        var document = await DocumentAsync();
        var operation = document.GetProperty("paths").GetProperty(path).GetProperty("post");

        var request = Schema(document, operation.GetProperty("requestBody").GetProperty("content").GetProperty("application/json"));
        var response = Schema(document, operation.GetProperty("responses").GetProperty(status).GetProperty("content").GetProperty("application/json"));

        Assert.Superset(fields.Split(' ').ToHashSet(), PropertiesOf(request).ToHashSet());
        Assert.Superset(answer.Split(' ').ToHashSet(), PropertiesOf(response).ToHashSet());
        Assert.All(PropertiesOf(request).Concat(PropertiesOf(response)), name => Assert.Matches("^[a-z][a-z0-9_]*$", name));
        Assert.NotEqual("", operation.GetProperty("summary").GetString());
    }

    [Fact]
    public async Task GivesEachOperationANameOfItsOwn()
    {
        var document = await DocumentAsync();
        var names = document.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject())
            .Select(operation => operation.Value.GetProperty("operationId").GetString());

        Assert.Equal(
            ["chat", "classify", "createTicket", "embed", "live", "ready", "stopStream", "streamChat", "streamMessage", "summarize"], names.Order(StringComparer.Ordinal));
        Assert.Equal("LlmGateway", document.GetProperty("info").GetProperty("title").GetString());
    }

    [Theory]
    [InlineData("/summarize", "fresh dry_run")]
    [InlineData("/classify", "fresh dry_run")]
    [InlineData("/embeddings", "fresh dry_run")]
    [InlineData("/chat", "fresh dry_run resume Last-Event-ID")]
    [InlineData("/chat-stream", "fresh dry_run resume Last-Event-ID")]
    [InlineData("/chat-stream/tickets", "fresh dry_run resume")]
    public async Task NamesWhatAPostTakesBesidesItsBody(string path, string parameters)
    {
        var document = await DocumentAsync();

        Assert.Equal(parameters.Split(' '), document.GetProperty("paths").GetProperty(path).GetProperty("post").GetProperty("parameters").EnumerateArray()
            .Select(parameter => parameter.GetProperty("name").GetString()));
    }

    [Theory]
    [InlineData("/summarize", "post")]
    [InlineData("/classify", "post")]
    [InlineData("/embeddings", "post")]
    [InlineData("/chat", "post")]
    [InlineData("/chat-stream", "post")]
    [InlineData("/chat-stream", "get", "400 403 410 413 422 429 500 502 503 504")]
    [InlineData("/chat-stream/tickets", "post", "400 403 408 413 415 429 500 503")]
    [InlineData("/streams/{id}", "delete", "403 404 500 503")]
    public async Task TellsHowFailuresLook(string path, string method, string statuses = "400 403 408 413 415 422 429 500 502 503 504")
    {
        var document = await DocumentAsync();
        var responses = document.GetProperty("paths").GetProperty(path).GetProperty(method).GetProperty("responses");

        Assert.Equal(statuses.Split(' '), responses.EnumerateObject().Select(response => response.Name).Where(status => status[0] != '2').Order(StringComparer.Ordinal));
        foreach (var status in statuses.Split(' '))
        {
            var problem = Schema(document, responses.GetProperty(status).GetProperty("content").GetProperty("application/problem+json"));
            Assert.Superset(
                new HashSet<string> { "type", "title", "status", "detail", "code", "retryable", "retry_after_ms", "request_id", "errors" },
                PropertiesOf(problem).ToHashSet());
        }
    }

    [Theory]
    [InlineData("/chat-stream", "get")]
    [InlineData("/chat-stream", "post")]
    [InlineData("/chat", "post")]
    [InlineData("/summarize", "post")]
    public async Task TellsThatTheAnswerIsAStream(string path, string method)
    {
        var document = await DocumentAsync();

        var content = document.GetProperty("paths").GetProperty(path).GetProperty(method).GetProperty("responses").GetProperty("200").GetProperty("content");
        // Of text: the fields of the JSON answer are not those of the frames.
        Assert.Equal("string", content.GetProperty("text/event-stream").GetProperty("schema").GetProperty("type").GetString());
    }

    [Fact]
    public async Task NamesTheParametersOfTheStream()
    {
        var document = await DocumentAsync();
        var parameters = document.GetProperty("paths").GetProperty("/chat-stream").GetProperty("get").GetProperty("parameters").EnumerateArray().ToList();

        Assert.All(parameters, parameter => Assert.Equal(
            parameter.GetProperty("name").GetString() == "Last-Event-ID" ? "header" : "query", parameter.GetProperty("in").GetString()));
        Assert.Superset(
            new HashSet<string?> { "message", "system", "model", "max_tokens", "temperature", "fresh", "resume", "ticket", "Last-Event-ID" },
            parameters.Select(parameter => parameter.GetProperty("name").GetString()).ToHashSet());
    }

    [Fact]
    public async Task TakesACategoryAsANameOrAsAnObject()
    {
        var document = await DocumentAsync();
        var request = Schema(document, document.GetProperty("paths").GetProperty("/classify").GetProperty("post").GetProperty("requestBody")
            .GetProperty("content").GetProperty("application/json"));

        var forms = request.GetProperty("properties").GetProperty("categories").GetProperty("items").GetProperty("oneOf").EnumerateArray().ToList();

        Assert.Equal(["string", "object"], forms.Select(form => form.GetProperty("type").GetString()));
        Assert.Equal(["name", "description"], PropertiesOf(forms[1]));
    }

    [Theory]
    [InlineData("SummarizeRequest", "text")]
    [InlineData("ClassifyRequest", "text")]
    [InlineData("ChatRequest", "")]
    [InlineData("ChatMessage", "role content")]
    [InlineData("SummarizeResponse", "summary model truncated input_tokens chunks")]
    [InlineData("ProblemBody", "type title status detail code retryable request_id")]
    public async Task RequiresOnlyWhatMustBeThere(string schema, string required)
    {
        var document = await DocumentAsync();
        var described = document.GetProperty("components").GetProperty("schemas").GetProperty(schema);

        var names = described.TryGetProperty("required", out var listed) ? listed.EnumerateArray().Select(name => name.GetString()) : [];

        Assert.Equal(required.Split(' ', StringSplitOptions.RemoveEmptyEntries), names);
    }

    [Fact]
    public async Task PromisesNoNumbersInQuotes()
    {
        var document = await DocumentAsync();
        var properties = document.GetProperty("components").GetProperty("schemas").EnumerateObject()
            .Where(schema => schema.Value.TryGetProperty("properties", out _))
            .SelectMany(schema => schema.Value.GetProperty("properties").EnumerateObject());

        Assert.All(properties, property => Assert.False(
            property.Value.ToString() is var text && text.Contains("\"string\"", StringComparison.Ordinal) && (text.Contains("\"integer\"", StringComparison.Ordinal) || text.Contains("\"number\"", StringComparison.Ordinal)),
            property.Name));
    }

    [Fact]
    public async Task NamesTheRoles()
    {
        var document = await DocumentAsync();

        var role = document.GetProperty("components").GetProperty("schemas").GetProperty("LlmRole");

        Assert.Equal(["system", "user", "assistant"], role.GetProperty("enum").EnumerateArray().Select(name => name.GetString()));
    }

    private static JsonElement Schema(JsonElement document, JsonElement content)
    {
        var schema = content.GetProperty("schema");
        return schema.TryGetProperty("$ref", out var reference)
            ? document.GetProperty("components").GetProperty("schemas").GetProperty(reference.GetString()!.Split('/')[^1])
            : schema;
    }

    private static IEnumerable<string> PropertiesOf(JsonElement schema) => schema.GetProperty("properties").EnumerateObject().Select(property => property.Name);

    private async Task<JsonElement> DocumentAsync()
    {
        using var response = await _gateway.Client.GetAsync("/openapi/v1.json");
        Assert.Equal("application/json", response.Content.Headers.ContentType!.MediaType);
        return JsonElement.Parse(await response.Content.ReadAsStringAsync());
    }
}
