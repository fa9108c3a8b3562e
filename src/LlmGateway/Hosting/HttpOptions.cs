namespace LlmGateway.Hosting;

/// <summary>What the gateway takes from its callers.</summary>
internal sealed class HttpOptions : ISettings
{
    /// <summary>Bytes of a request's body, decompressed.</summary>
    public long MaxBodyBytes { get; set; } = 8 * 1024 * 1024;

    /// <summary>Requests under way at once; those beyond get 429 <c>rate_limited</c>.</summary>
    public int MaxConcurrentRequests { get; set; } = 5000;

    public IEnumerable<string> Problems()
    {
        if (MaxBodyBytes is < 1024 or > 1024 * 1024 * 1024) yield return "MaxBodyBytes: give 1024 to 1073741824.";
        if (MaxConcurrentRequests < 1) yield return "MaxConcurrentRequests: give 1 or more.";
    }
}
