using LlmGateway.Llm.Resilience;

namespace LlmGateway.Llm.Providers.Anthropic;

/// <summary>
/// Turns an answer that is a failure into an <see cref="LlmException"/> before the SDK sees it: the SDK's own exceptions keep neither the
/// headers, and with them the wait that is asked for, nor a body of theirs apart from the connection's failures.
/// </summary>
internal sealed class AnthropicFailureHandler(ProviderFailures failures, TimeProvider timeProvider, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    private const int MaxErrorBytes = 64 * 1024;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await base.SendAsync(request, cancellationToken);
        if (response.StatusCode == System.Net.HttpStatusCode.OK) return response;
        using (response)
        {
            var status = (int)response.StatusCode;
            await using var content = await response.Content.ReadAsStreamAsync(cancellationToken);
            using var body = await BoundedBuffer.ReadAsync(content, MaxErrorBytes, cancellationToken);
            var error = AnthropicError.Parse(body.Memory.Span);
            throw failures.FromStatus(
                error?.Kind(status) ?? AnthropicError.OfStatus(status, null), status, error?.Named ?? "",
                RetryAfterHeader.Parse(Header(response, "retry-after-ms"), Header(response, "retry-after"), timeProvider));
        }
    }

    private static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.NonValidated.TryGetValues(name, out var values) ? values.ToString() : null;
}
