namespace LlmGateway.Endpoints;

/// <summary>How long an endpoint's bodies may be.</summary>
/// <param name="Bytes">Decompressed.</param>
internal sealed record BodyLimit(long Bytes);

internal static class BodyLimits
{
    /// <summary>Instead of the limit that all others have.</summary>
    public static RouteHandlerBuilder WithBodyLimit(this RouteHandlerBuilder endpoint, Func<IServiceProvider, long> bytes)
    {
        endpoint.Add(builder => builder.Metadata.Add(new BodyLimit(bytes(builder.ApplicationServices))));
        return endpoint;
    }
}
