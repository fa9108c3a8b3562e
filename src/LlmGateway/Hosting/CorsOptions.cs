namespace LlmGateway.Hosting;

/// <summary>Which pages may call from a browser.</summary>
internal sealed class CorsOptions : ISettings
{
    /// <summary>Exact origins, <c>https://app.example.com</c>; pages of the gateway's own origin need not be named.</summary>
    public List<string> Origins { get; set; } = [];

    public IEnumerable<string> Problems()
    {
        for (var i = 0; i < Origins.Count; i++)
        {
            // As browsers write it: what differs by a letter would never be met.
            if (!Uri.TryCreate(Origins[i], UriKind.Absolute, out var origin) || origin.Scheme is not ("http" or "https") || origin.UserInfo.Length > 0 || origin.GetLeftPart(UriPartial.Authority) != Origins[i])
                yield return $"Origins:{i}: give an exact origin like https://app.example.com: scheme, host, a port if it is not the scheme's own, nothing else.";
        }
    }
}
