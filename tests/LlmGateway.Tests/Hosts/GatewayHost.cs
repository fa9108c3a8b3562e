using LlmGateway.FakeOpenAI;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;

namespace LlmGateway.Tests.Hosts;

/// <summary>The real program on a real socket, in this process, with a scripted upstream unless told otherwise.</summary>
internal sealed class GatewayHost : IAsyncDisposable
{
    public const string Key = "sk-test-0123456789abcdef";

    private readonly WebApplication _app;

    private GatewayHost(WebApplication app, FakeOpenAIServer upstream, CapturedLog log)
    {
        _app = app;
        Upstream = upstream;
        Log = log;
        Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        Client = new HttpClient { BaseAddress = Address };
    }

    public FakeOpenAIServer Upstream { get; }

    /// <summary>Everything that was logged, rendered with all its properties.</summary>
    public CapturedLog Log { get; }

    public Uri Address { get; }

    public HttpClient Client { get; }

    public IServiceProvider Services => _app.Services;

    /// <param name="settings"><c>Section:Name=value</c>.</param>
    public static Task<GatewayHost> StartAsync(params string[] settings) => StartAsync((Action<WebApplicationBuilder>?)null, settings);

    /// <param name="wire">Who answers where the caller names no model.</param>
    /// <param name="settings"><c>Section:Name=value</c>.</param>
    public static Task<GatewayHost> StartAsync(Wire wire, params string[] settings) => StartAsync((Action<WebApplicationBuilder>?)null, [.. wire.Settings, .. settings]);

    /// <param name="configure">Replaces services: a clock, say.</param>
    /// <param name="settings"><c>Section:Name=value</c>.</param>
    public static async Task<GatewayHost> StartAsync(Action<WebApplicationBuilder>? configure, params string[] settings)
    {
        var upstream = await FakeOpenAIServer.StartAsync();
        var log = new CapturedLog();
        string[] args =
        [
            "--environment=Production",
            "--urls=http://127.0.0.1:0",
            $"--OPENAI_API_KEY={Key}",
            $"--OPENAI_BASE_URL={upstream.BaseAddress}",
            $"--ANTHROPIC_API_KEY={Key}",
            $"--ANTHROPIC_BASE_URL={upstream.AnthropicAddress}",
            "--Llm:Resilience:BaseDelay=00:00:00.001",
            "--Llm:Resilience:MaxDelay=00:00:00.002",
            .. settings.Select(setting => "--" + setting),
        ];
        var app = Program.Build(args, builder =>
        {
            log.Capture(builder);
            configure?.Invoke(builder);
        });
        await app.StartAsync();
        return new GatewayHost(app, upstream, log);
    }

    /// <summary>As SIGTERM does.</summary>
    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
        await Upstream.DisposeAsync();
    }
}
