using LlmGateway.Endpoints;
using LlmGateway.Hosting;
using LlmGateway.Llm;

namespace LlmGateway;

/// <summary>The gateway as a process, and as a whole application for whoever hosts it.</summary>
public static class Program
{
    public static async Task<int> Main(string[] args)
    {
        if (args is ["healthcheck"]) return await HealthCheck.RunAsync();
        Startup.CompleteInline();
        return await Startup.RunAsync(() => Build(args));
    }

    /// <param name="args">Settings as <c>--Section:Name=value</c>.</param>
    /// <param name="configure">Adds to, or replaces, what the gateway registers.</param>
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? configure = null)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            Args = args,
            // Not the directory it happens to be started from: the settings lie beside the program.
            ContentRootPath = AppContext.BaseDirectory,
        });
        builder.AddGateway();
        builder.Services.AddLlmClient(builder.Configuration);
        configure?.Invoke(builder);

        var app = builder.Build();
        app.UseGateway();
        app.MapGateway();
        return app;
    }
}
