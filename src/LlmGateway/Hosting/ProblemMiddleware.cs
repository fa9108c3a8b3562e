using LlmGateway.Llm;

namespace LlmGateway.Hosting;

/// <summary>Every failure below becomes a problem body; none gets out as a bare status, a page or a cut connection.</summary>
internal sealed partial class ProblemMiddleware(RequestDelegate next, ILogger<ProblemMiddleware> logger)
{
    public async Task InvokeAsync(HttpContext context)
    {
        LlmException? failure;
        try
        {
            await next(context);
            failure = context.Response is { HasStarted: false, StatusCode: >= 400, ContentLength: null } response ? Problems.FromStatus(response.StatusCode) : null;
        }
        catch (Exception exception)
        {
            failure = Failure(exception, context);
        }
        if (failure is not null && !context.RequestAborted.IsCancellationRequested) await TellAsync(context, failure);
    }

    private static async Task TellAsync(HttpContext context, LlmException failure)
    {
        if (context.Response.HasStarted)
        {
            // Too late for a status: a cut connection is the only way left to say that the answer is not whole.
            RequestFacts.Of(context).ErrorCode = Problems.Of(failure.Kind).Code;
            context.Abort();
            return;
        }
        var requestId = context.Response.Headers[ResponseHeaders.RequestId];
        var allow = context.Response.Headers.Allow;
        context.Response.Clear();
        context.Response.Headers[ResponseHeaders.RequestId] = requestId;
        if (allow.Count > 0) context.Response.Headers.Allow = allow;
        await ProblemBody.WriteAsync(context, failure);
    }

    /// <returns>Null where the caller has gone: whatever broke on the way out, nobody is left to be told. The request's own log line says 499.</returns>
    private LlmException? Failure(Exception exception, HttpContext context)
    {
        switch (exception)
        {
            case LlmException known:
                return known;
            case BadHttpRequestException bad:
                return Problems.FromStatus(bad.StatusCode);
            case var _ when context.RequestAborted.IsCancellationRequested:
                return null;
            default:
                // An exception's message may quote what it choked on: its type and its place are enough to find it.
                Unexpected(exception.GetType().FullName, exception.StackTrace, RequestFacts.Of(context).RequestId);
                return Problems.FromStatus(StatusCodes.Status500InternalServerError);
        }
    }

    [LoggerMessage(EventId = 2, EventName = "UnexpectedFailure", Level = LogLevel.Error, Message = "Unexpected {Exception}, request {RequestId} {StackTrace}")]
    private partial void Unexpected(string? exception, string? stackTrace, string requestId);
}
