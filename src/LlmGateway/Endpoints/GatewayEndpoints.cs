using System.Diagnostics.CodeAnalysis;
using LlmGateway.Hosting;

namespace LlmGateway.Endpoints;

internal static class GatewayEndpoints
{
    public static void MapGateway(this WebApplication app)
    {
        var work = app.MapGroup("").WithMetadata(CountsAsWork.Metadata);
        Summarize.Map(work);
        Chat.Map(work);
        Tickets.Map(work);
        Classify.Map(work);
        Embeddings.Map(work);
        Streams.Map(app);
        app.MapPlayground();
        app.MapHealth();
        app.MapOpenApi("/openapi/v1.json");
    }

    /// <summary>
    /// An endpoint with its services. A handler that takes them as parameters has each looked up for every request, in a scope that is made for it.
    /// Not before the first: wrong settings are told together.
    /// </summary>
    public static Lazy<T> Handler<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] T>(this IEndpointRouteBuilder endpoints)
        where T : class => new(endpoints.ServiceProvider.GetRequiredService<T>);

    /// <summary>Tells the OpenAPI document how a request to a model fails.</summary>
    public static RouteHandlerBuilder ProducesProblems(this RouteHandlerBuilder endpoint) => endpoint.ProducesProblems(400, 403, 408, 413, 415, 422, 429, 500, 502, 503, 504);

    /// <summary>Tells the OpenAPI document how failures look.</summary>
    public static RouteHandlerBuilder ProducesProblems(this RouteHandlerBuilder endpoint, params ReadOnlySpan<int> statuses)
    {
        foreach (var status in statuses)
            endpoint.Produces<ProblemBody>(status, "application/problem+json");
        return endpoint;
    }
}
