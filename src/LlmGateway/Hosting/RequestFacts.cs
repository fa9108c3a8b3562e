using LlmGateway.Llm;
using Microsoft.AspNetCore.Http.Features;

namespace LlmGateway.Hosting;

/// <summary>What is known of one request when its answer is done: the line in the log is made of it.</summary>
internal sealed class RequestFacts(string requestId, long started)
{
    public string RequestId { get; } = requestId;

    /// <summary>A timestamp of the <see cref="TimeProvider"/>.</summary>
    public long Started { get; } = started;

    public LlmOrigin? Origin { get; set; }

    public LlmUsage? Usage { get; set; }

    public decimal? CostUsd { get; set; }

    /// <summary>Where the answer came from.</summary>
    public CacheResult? Cache { get; set; }

    /// <inheritdoc cref="LlmOrigin.AttemptsFor"/>
    public int? Attempts => Origin?.AttemptsFor(Cache);

    public string? ErrorCode { get; set; }

    public static RequestFacts Of(HttpContext context) => context.Features.GetRequiredFeature<RequestFacts>();
}
