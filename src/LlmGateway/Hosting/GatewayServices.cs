using System.Text.Json;
using System.Text.Json.Serialization;
using LlmGateway.Endpoints;
using LlmGateway.Endpoints.Summaries;
using LlmGateway.Llm.Models;
using Microsoft.Extensions.Options;

namespace LlmGateway.Hosting;

internal static class GatewayServices
{
    /// <summary>Everything but the models: the settings of the endpoints, the log, the health checks, the end.</summary>
    public static WebApplicationBuilder AddGateway(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<HttpOptions>().Bind(builder.Configuration.GetSection("Http"), Strict).Checked("Http");
        services.AddOptions<StreamingOptions>().Bind(builder.Configuration.GetSection("Streaming"), Strict).Checked("Streaming");
        services.AddOptions<TicketOptions>().Bind(builder.Configuration.GetSection("Ticket"), Strict).Checked("Ticket");
        services.AddOptions<CorsOptions>().Bind(builder.Configuration.GetSection("Cors"), Strict)
            // The binder passes over a list that is one text, and the origins in it would be refused without a word.
            .Configure(options => options.Origins.AddRange((builder.Configuration["Cors:Origins"] ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)))
            .Checked("Cors");
        services.AddOptions<ShutdownOptions>().Bind(builder.Configuration.GetSection("Shutdown"), Strict).Checked("Shutdown");
        services.AddOptions<SummarizeOptions>().Bind(builder.Configuration.GetSection("Summarize"), Strict).Checked("Summarize");
        services.AddOptions<ChatOptions>().Bind(builder.Configuration.GetSection("Chat"), Strict).Checked("Chat");
        services.AddOptions<ClassifyOptions>().Bind(builder.Configuration.GetSection("Classify"), Strict).Checked("Classify");
        services.AddSingleton<IValidateOptions<SummarizeOptions>>(provider => new ModelListed<SummarizeOptions>(provider, "Summarize", task => task.Model, embeddings: false));
        services.AddSingleton<IValidateOptions<ChatOptions>>(provider => new ModelListed<ChatOptions>(provider, "Chat", task => task.Model, embeddings: false));
        services.AddSingleton<IValidateOptions<ClassifyOptions>>(provider => new ModelListed<ClassifyOptions>(provider, "Classify", task => task.Model, embeddings: false));
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<Work>();
        services.AddHostedService(provider => provider.GetRequiredService<Work>());
        services.AddSingleton<Readiness>();
        services.AddHostedService(provider => provider.GetRequiredService<Readiness>());
        services.AddSingleton<Summarize>();
        services.AddSingleton<Chat>();
        services.AddSingleton<Tickets>();
        services.AddSingleton<Classify>();
        services.AddSingleton<Endpoints.Embeddings>();
        services.AddSingleton<ChatStream>();
        services.AddSingleton<Summarizer>();
        services.AddSingleton<SummaryStream>();
        services.AddSingleton<SummaryDryRun>();
        services.AddSingleton<DryRun>();
        services.AddSingleton<Streams>();
        services.AddSingleton<TicketStore>();
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, GatewayJson.Default);
        });
        services.AddOpenApi(OpenApiDetails.Describe);
        services.AddOptions<HostOptions>().Configure<ShutdownOptions>((host, shutdown) =>
            // The drain is over by then: what the server still has is cut.
            host.ShutdownTimeout = shutdown.DrainTimeout + TimeSpan.FromSeconds(1));
        builder.AddGatewayLog();
        builder.AddGatewayServer();
        return builder;

        static void Strict(BinderOptions binder) => binder.ErrorOnUnknownConfiguration = true;
    }

    private static void AddGatewayServer(this WebApplicationBuilder builder)
    {
        builder.WebHost.ConfigureKestrel((_, kestrel) =>
        {
            kestrel.AddServerHeader = false;
            // Whoever reads a body bounds it. The server's own limit counts the framing of chunks too, and resets the connection of a
            // caller who is still sending, and so never sees the 413; without it the rest is read and dropped for a few seconds.
            kestrel.Limits.MaxRequestBodySize = null;
        });
        var configuration = builder.Configuration;
        if (string.IsNullOrEmpty(configuration["urls"]) && string.IsNullOrEmpty(configuration["http_ports"]) && string.IsNullOrEmpty(configuration["https_ports"])
            && !configuration.GetSection("Kestrel:Endpoints").Exists())
            builder.WebHost.UseUrls("http://127.0.0.1:8080");
    }

    public static WebApplication UseGateway(this WebApplication app)
    {
        app.UseMiddleware<RequestLogMiddleware>();
        app.UseMiddleware<ProblemMiddleware>();
        app.UseRouting();
        app.UseMiddleware<CorsMiddleware>();
        app.UseMiddleware<WorkMiddleware>();
        return app;
    }
}
