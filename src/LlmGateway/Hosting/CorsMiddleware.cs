using LlmGateway.Llm;
using Microsoft.Extensions.Primitives;

namespace LlmGateway.Hosting;

/// <summary>
/// Lets pages of the configured origins, and of the gateway's own, call from a browser. All others are refused before anything is done for
/// them: a browser would hide the answer from them, but only after it was paid for.
/// </summary>
internal sealed class CorsMiddleware(RequestDelegate next, CorsOptions options)
{
    private const string Methods = "GET, POST, DELETE";
    private const string RequestHeaders = "last-event-id, authorization, content-type, idempotency-key, " + ResponseHeaders.RequestId;
    private const string PreflightSeconds = "7200";

    private static readonly string Exposed = string.Join(
        ", ", ResponseHeaders.RequestId, ResponseHeaders.StreamId, ResponseHeaders.Model, ResponseHeaders.Provider, ResponseHeaders.InputTokens, ResponseHeaders.OutputTokens,
        ResponseHeaders.CostUsd, ResponseHeaders.SavedUsd, ResponseHeaders.CacheStatus, ResponseHeaders.Cache, ResponseHeaders.Attempts, ResponseHeaders.ServerTiming,
        ResponseHeaders.MaxTokens, ResponseHeaders.MessagesDropped, "age", "retry-after");

    private readonly HashSet<string> _origins = [.. options.Origins];

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        var origin = request.Headers.Origin;
        if (origin.Count == 0)
        {
            // An image or a frame of another site's page says no origin, and its request would be paid for all the same.
            if (IsCrossSite(request) && context.GetEndpoint()?.Metadata.GetMetadata<CountsAsWork>() is not null) throw Refused();
            return next(context);
        }
        var isPreflight = HttpMethods.IsOptions(request.Method) && request.Headers.AccessControlRequestMethod.Count > 0;
        if (origin is [{ } known] && _origins.Contains(known))
        {
            // At the last moment: an error clears what was set before it, and its reader needs these too.
            context.Response.OnStarting(static state => Allow((HttpContext)state), context);
            return isPreflight ? PreflightAsync(context.Response) : next(context);
        }
        if (!IsSameOrigin(request)) throw Refused();
        return next(context);
    }

    /// <summary>By what the browser says, or by the address that the request came to; a page cannot set either.</summary>
    public static bool IsSameOrigin(HttpRequest request) =>
        request.Headers["Sec-Fetch-Site"] == "same-origin"
        || (request.Headers.Origin is [{ } origin] && Uri.TryCreate(origin, UriKind.Absolute, out var uri)
            && uri.Scheme.Equals(Scheme(request), StringComparison.OrdinalIgnoreCase)
            && HostString.FromUriComponent(uri) is var own && own.Host.Equals(request.Host.Host, StringComparison.OrdinalIgnoreCase)
            && uri.Port == (request.Host.Port ?? (uri.Scheme == "https" ? 443 : 80)));

    /// <summary>As the browser knows it, where a proxy in between ended the encryption.</summary>
    public static string Scheme(HttpRequest request) =>
        request.Headers["X-Forwarded-Proto"] is [{ } forwarded] && forwarded is "http" or "https" ? forwarded : request.Scheme;

    private static bool IsCrossSite(HttpRequest request) => request.Headers["Sec-Fetch-Site"] is ["cross-site" or "same-site"];

    private static Task PreflightAsync(HttpResponse response)
    {
        response.StatusCode = StatusCodes.Status204NoContent;
        response.Headers.AccessControlAllowMethods = Methods;
        response.Headers.AccessControlAllowHeaders = RequestHeaders;
        response.Headers.AccessControlMaxAge = PreflightSeconds;
        return Task.CompletedTask;
    }

    private static Task Allow(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.AccessControlAllowOrigin = context.Request.Headers.Origin;
        headers.AccessControlAllowCredentials = "true";
        headers.AccessControlExposeHeaders = Exposed;
        headers.Vary = StringValues.Concat(headers.Vary, "origin");
        return Task.CompletedTask;
    }

    private static LlmException Refused() => new(
        LlmErrorKind.OriginNotAllowed, "The gateway's configuration does not name the origin of this page. Whoever runs the gateway adds it as Cors__Origins__0.");
}
