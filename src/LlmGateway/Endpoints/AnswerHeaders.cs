using System.Globalization;
using LlmGateway.Hosting;
using LlmGateway.Llm;

namespace LlmGateway.Endpoints;

/// <summary>What an answer's headers say of this request: its body says nothing of it, so that the same body serves every request.</summary>
internal static class AnswerHeaders
{
    public static void Set(HttpContext context, LlmResponse response, TimeProvider timeProvider)
    {
        var facts = RequestFacts.Of(context);
        facts.Origin = response.Origin;
        facts.Usage = response.Usage;
        facts.CostUsd = response.CostUsd;
        SetOrigin(context, response.Origin);
        var headers = context.Response.Headers;
        if (response.Usage is { } usage)
        {
            headers[ResponseHeaders.InputTokens] = usage.InputTokens.ToString(CultureInfo.InvariantCulture);
            headers[ResponseHeaders.OutputTokens] = usage.OutputTokens.ToString(CultureInfo.InvariantCulture);
        }
        if (response.CostUsd is { } cost) headers[ResponseHeaders.CostUsd] = cost.ToString(CultureInfo.InvariantCulture);
        var total = timeProvider.GetElapsedTime(facts.Started).TotalMilliseconds;
        headers[ResponseHeaders.ServerTiming] =
            string.Create(CultureInfo.InvariantCulture, $"upstream;dur={response.Origin.UpstreamTime.TotalMilliseconds:0.0}, total;dur={total:0.0}");
    }

    /// <summary>What is known before the answer's end: on a stream the rest is in its last frame.</summary>
    public static void SetOrigin(HttpContext context, LlmOrigin origin)
    {
        var headers = context.Response.Headers;
        headers[ResponseHeaders.Model] = origin.Model;
        headers[ResponseHeaders.Provider] = origin.Provider;
        headers[ResponseHeaders.Attempts] = origin.Attempts.ToString(CultureInfo.InvariantCulture);
    }
}
