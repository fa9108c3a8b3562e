using System.Security.Cryptography;

namespace LlmGateway.Hosting;

/// <summary>
/// Gives each request its id, and each one event in the log. The route's pattern stands for the path, and the query is left out:
/// both may hold a prompt.
/// </summary>
internal sealed partial class RequestLogMiddleware(RequestDelegate next, TimeProvider timeProvider, ILogger<RequestLogMiddleware> logger)
{
    /// <summary>Nginx's word for a caller that left before its answer was there.</summary>
    public const int ClientClosedRequest = 499;

    private const int MaxRequestIdLength = 64;

    public async Task InvokeAsync(HttpContext context)
    {
        var facts = new RequestFacts(RequestId(context.Request), timeProvider.GetTimestamp());
        context.Features.Set(facts);
        context.Response.Headers[ResponseHeaders.RequestId] = facts.RequestId;
        try
        {
            await next(context);
        }
        finally
        {
            Log(context, facts);
        }
    }

    private void Log(HttpContext context, RequestFacts facts)
    {
        var status = context.RequestAborted.IsCancellationRequested && facts.ErrorCode is null ? ClientClosedRequest : context.Response.StatusCode;
        var level = status >= 500 ? LogLevel.Error : facts.ErrorCode is not null && status < 400 ? LogLevel.Warning : LogLevel.Information;
        if (!logger.IsEnabled(level)) return;
        var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText;
        Answered(
            level, Method(context.Request.Method), route, status, Math.Round(timeProvider.GetElapsedTime(facts.Started).TotalMilliseconds, 1), facts.RequestId, facts.ErrorCode,
            facts.Origin?.Model, facts.Origin?.Provider, facts.Origin?.Attempts, facts.Usage?.InputTokens, facts.Usage?.OutputTokens, facts.CostUsd);
    }

    /// <summary>The caller's own id where it is one that a log can bear, so that both sides' logs meet.</summary>
    private static string RequestId(HttpRequest request)
    {
        var given = request.Headers[ResponseHeaders.RequestId];
        if (given.Count == 1 && given[0] is { Length: > 0 and <= MaxRequestIdLength } id && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
            return id;
        Span<byte> random = stackalloc byte[12];
        RandomNumberGenerator.Fill(random);
        return Convert.ToHexStringLower(random);
    }

    private static string Method(string method) =>
        HttpMethods.GetCanonicalizedValue(method) is { } known && known.All(char.IsAsciiLetterUpper) && known.Length <= 7 ? known : "OTHER";

    [LoggerMessage(EventId = 1, EventName = "Request", Message = "{Method} {Route} {Status} in {ElapsedMs} ms, request {RequestId}")]
    private partial void Answered(
        LogLevel level, string method, string? route, int status, double elapsedMs, string requestId, string? errorCode, string? model, string? provider, int? attempts,
        int? inputTokens, int? outputTokens, decimal? costUsd);
}
