using LlmGateway.Hosting;
using LlmGateway.Llm.Generations.Redis;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LlmGateway.Endpoints;

/// <param name="Status"><c>Healthy</c>, <c>Degraded</c> (works, without Redis), or <c>Unhealthy</c>.</param>
public sealed record HealthResponse(string Status);

/// <summary><c>GET /health/live</c>: the process answers. <c>GET /health/ready</c>: it takes work.</summary>
internal static class Health
{
    public static void MapHealth(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/health/live", Live).WithName("live").WithSummary("Whether the process answers.").WithTags("Health");
        endpoints.MapGet("/health/ready", Ready).WithName("ready").WithSummary("Whether the process takes requests.")
            .Produces<HealthResponse>(StatusCodes.Status503ServiceUnavailable, "application/json").WithTags("Health");
    }

    private static Ok<HealthResponse> Live() => TypedResults.Ok(new HealthResponse("Healthy"));

    private static Results<Ok<HealthResponse>, JsonHttpResult<HealthResponse>> Ready(Readiness readiness, RedisConnection redis) => readiness.IsReady
        ? TypedResults.Ok(new HealthResponse(redis.IsConfigured && !redis.IsConnected ? "Degraded" : "Healthy"))
        : TypedResults.Json(new HealthResponse("Unhealthy"), GatewayJson.Default.HealthResponse, statusCode: StatusCodes.Status503ServiceUnavailable);
}
