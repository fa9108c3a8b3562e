using Serilog.Events;
using ILogger = Serilog.ILogger;

namespace LlmGateway.Hosting;

/// <summary>
/// Gives each request its id, and each one event in the log. The route's pattern stands for the path, and the query is left out:
/// both may hold a prompt.
/// </summary>
internal sealed class RequestLogMiddleware(RequestDelegate next, TimeProvider timeProvider, ILogger logger)
{
    /// <summary>Nginx's word for a caller that left before its answer was there.</summary>
    public const int ClientClosedRequest = 499;

    private const int MaxRequestIdLength = 64;

    private const string Event = "Request";

    // What a line of text shows; in JSON each has all that is known.
    private static readonly EventKind Answered = new(1, Event, "{Method} {Route} {Status} in {ElapsedMs} ms, request {RequestId}");
    private static readonly EventKind AnsweredByModel = new(1, Event, "{Method} {Route} {Status} {Cache} in {ElapsedMs} ms for {CostUsd} USD, request {RequestId}");
    private static readonly EventKind Failed = new(1, Event, "{Method} {Route} {Status} {ErrorCode} in {ElapsedMs} ms, request {RequestId}");

    private readonly ILogger _logger = logger.ForContext<RequestLogMiddleware>();

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
        // A probe that is told to wait is no failure: those have a code.
        var level = status >= 500 && facts.ErrorCode is not null ? LogEventLevel.Error : facts.ErrorCode is not null && status < 400 ? LogEventLevel.Warning : LogEventLevel.Information;
        if (!_logger.IsEnabled(level)) return;
        var kind = facts.ErrorCode is not null ? Failed : facts is { Cache: not null, CostUsd: not null } ? AnsweredByModel : Answered;
        kind.Write(
            _logger,
            level,
            timeProvider.GetUtcNow(),
            ("Method", Method(context.Request.Method)),
            ("Route", (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "unknown"),
            ("Status", status),
            ("ElapsedMs", Math.Round(timeProvider.GetElapsedTime(facts.Started).TotalMilliseconds, 1)),
            ("RequestId", facts.RequestId),
            ("ErrorCode", facts.ErrorCode),
            ("Model", facts.Origin?.Model),
            ("Provider", facts.Origin?.Provider),
            ("Cache", facts.Cache?.Status.ToString()),
            ("Attempts", facts.Attempts),
            ("InputTokens", facts.Usage?.InputTokens),
            ("OutputTokens", facts.Usage?.OutputTokens),
            ("CostUsd", facts.CostUsd));
    }

    /// <summary>The caller's own id where it is one that a log can bear, so that both sides' logs meet.</summary>
    private static string RequestId(HttpRequest request)
    {
        var given = request.Headers[ResponseHeaders.RequestId];
        if (given.Count == 1 && given[0] is { Length: > 0 and <= MaxRequestIdLength } id && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
            return id;
        Span<byte> random = stackalloc byte[12];
        // It has to be different, not secret: the system's generator would cost more than the rest of this.
        Random.Shared.NextBytes(random);
        return Convert.ToHexStringLower(random);
    }

    private static string Method(string method) =>
        HttpMethods.GetCanonicalizedValue(method) is { } known && known.Length <= 7 && !known.AsSpan().ContainsAnyExceptInRange('A', 'Z') ? known : "OTHER";
}
