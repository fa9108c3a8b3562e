using System.Globalization;
using System.Text.Json;
using LlmGateway.Endpoints;
using LlmGateway.Llm;

namespace LlmGateway.Hosting;

/// <summary>An <c>application/problem+json</c> body (RFC 9457).</summary>
/// <param name="Type">Names the kind of problem.</param>
/// <param name="Title">The kind in words.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Detail">What is wrong with this request, and what to do about it.</param>
/// <param name="Code">The kind, for programs.</param>
/// <param name="Retryable">Whether the same request may succeed later.</param>
/// <param name="RetryAfterMs">When it may, in milliseconds.</param>
/// <param name="RequestId">Also in the header <c>x-request-id</c> and in the log.</param>
/// <param name="Errors">What is wrong with which field.</param>
public sealed record ProblemBody(
    string Type,
    string Title,
    int Status,
    string Detail,
    string Code,
    bool Retryable,
    long? RetryAfterMs,
    string RequestId,
    IReadOnlyDictionary<string, string[]>? Errors)
{
    internal static async Task WriteAsync(HttpContext context, LlmException exception)
    {
        var problem = Problems.Of(exception.Kind);
        var facts = RequestFacts.Of(context);
        facts.ErrorCode = problem.Code;
        var response = context.Response;
        response.StatusCode = problem.Status;
        var retryAfter = RetryAfter(problem, exception);
        if (problem.Status is 429 or 503)
            response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling((retryAfter ?? TimeSpan.Zero).TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        if (exception.Attempts > 0) response.Headers[ResponseHeaders.Attempts] = exception.Attempts.ToString(CultureInfo.InvariantCulture);
        response.Headers.CacheControl = "no-store";
        var body = new ProblemBody(
            "urn:llm-gateway:problem:" + problem.Code, problem.Title, problem.Status, exception.Message, problem.Code, problem.Retryable,
            (long?)retryAfter?.TotalMilliseconds, facts.RequestId, exception.Errors);
        var json = JsonSerializer.SerializeToUtf8Bytes(body, GatewayJson.Readable.ProblemBody);
        response.ContentType = "application/problem+json";
        response.ContentLength = json.Length;
        if (!HttpMethods.IsHead(context.Request.Method)) await response.Body.WriteAsync(json, context.RequestAborted);
    }

    private static TimeSpan? RetryAfter(Problem problem, LlmException exception) =>
        exception.RetryAfter ?? (problem.Status is 429 or 503 ? TimeSpan.FromSeconds(1) : null);
}
