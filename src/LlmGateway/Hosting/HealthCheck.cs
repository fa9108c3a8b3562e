namespace LlmGateway.Hosting;

/// <summary>The program as its own probe, for images without a shell: exits 0 if the gateway on this machine is alive, 1 otherwise.</summary>
internal static class HealthCheck
{
    public static async Task<int> RunAsync()
    {
        var configuration = new ConfigurationBuilder().AddEnvironmentVariables("ASPNETCORE_").Build();
        var url = (configuration["URLS"] ?? "http://127.0.0.1:8080").Split(';')[0];
        var address = new UriBuilder(url.Replace("*", "127.0.0.1", StringComparison.Ordinal).Replace("+", "127.0.0.1", StringComparison.Ordinal)) { Path = "/health/live" };
        if (address.Host is "0.0.0.0" or "[::]") address.Host = "127.0.0.1";
        try
        {
            using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(3) };
            using var response = await http.GetAsync(address.Uri);
            return response.IsSuccessStatusCode ? 0 : 1;
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return 1;
        }
    }
}
