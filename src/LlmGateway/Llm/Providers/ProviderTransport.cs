namespace LlmGateway.Llm.Providers;

/// <summary>Makes the end of the line to a provider; its keys share one, and with it the connections.</summary>
internal delegate HttpMessageHandler ProviderHandlerFactory(ProviderOptions options);

/// <summary>The connections to a provider.</summary>
internal static class ProviderTransport
{
    public static SocketsHttpHandler CreateHandler(ProviderOptions options) => new()
    {
        ConnectTimeout = options.ConnectTimeout,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        // An abandoned answer is drained before its connection is given back or closed: with the defaults, two seconds of tokens are paid for.
        ResponseDrainTimeout = TimeSpan.FromMilliseconds(50),
        MaxResponseDrainSize = 64 * 1024,
        // A redirect would carry the key to another host.
        AllowAutoRedirect = false,
        UseCookies = false,
        ActivityHeadersPropagator = null,
        ConnectCallback = ProviderConnection.ConnectAsync,
        PlaintextStreamFilter = ProviderConnection.Open,
    };

    public static HttpClient CreateHttpClient(HttpMessageHandler handler) => new(handler, disposeHandler: false)
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };
}
