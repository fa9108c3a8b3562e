using LlmGateway.Hosting;
using LlmGateway.Llm.Generations;
using LlmGateway.Llm.Generations.Redis;
using LlmGateway.Llm.Models;
using LlmGateway.Llm.Providers.Offline;
using LlmGateway.Llm.Providers.OpenAI;
using LlmGateway.Llm.Resilience;
using Microsoft.Extensions.Options;

namespace LlmGateway.Llm;

internal static class LlmServices
{
    /// <summary>The pipeline: its order stands here, and nowhere else.</summary>
    public static IServiceCollection AddLlmClient(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<LlmOptions>().Bind(configuration.GetSection("Llm"), binder => binder.ErrorOnUnknownConfiguration = true).Checked("Llm");
        services.AddSingleton<IConfigureOptions<LlmOptions>>(new WellKnownVariables(configuration));
        services.AddSingleton<IValidateOptions<LlmOptions>, KeyRequired>();
        services.AddOptions<CacheOptions>().Bind(configuration.GetSection("Cache"), binder => binder.ErrorOnUnknownConfiguration = true).Checked("Cache");
        services.AddSingleton<AnswerStore>();
        services.AddRedis(configuration);
        services.AddSingleton(provider => new ModelTable(provider.GetRequiredService<LlmOptions>().Models.Select(model => model.Value with { Name = model.Key })));
        services.AddSingleton<ProviderChoice>();
        services.AddSingleton<OpenAILlmClient>(provider => new OpenAILlmClient(
            provider.GetRequiredService<LlmOptions>().OpenAI, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<OfflineLlmClient>(provider => new OfflineLlmClient(
            provider.GetRequiredService<LlmOptions>().Offline, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(Pipeline);
        return services;
    }

    private static void AddRedis(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<RedisOptions>().Bind(configuration.GetSection("Redis"), binder => binder.ErrorOnUnknownConfiguration = true)
            .Configure(options => options.Url = new[] { configuration["REDIS_URL"], configuration.GetConnectionString("Redis"), options.Url }
                .FirstOrDefault(url => !string.IsNullOrWhiteSpace(url)))
            .Configure<ProviderChoice>((options, choice) => options.Namespace = choice.Offline ? OfflineLlmClient.Name : OpenAIFailures.Provider)
            .Checked("Redis");
        services.AddSingleton<RedisConnection>();
        services.AddHostedService(provider => provider.GetRequiredService<RedisConnection>());
        services.AddSingleton<SharedCalls>();
        services.AddSingleton<RedisAnswers>();
        services.AddHostedService(provider => provider.GetRequiredService<RedisAnswers>());
    }

    // Metering outermost, for it counts what the caller got; generations outside of retries, for ten callers share one retry loop, and
    // outside of the check of tools, for no broken answer is stored; resilience next to the provider, for only there an attempt is one.
    private static ILlmClient Pipeline(IServiceProvider services) =>
        new LlmClientBuilder(Routing(services))
            .Use(inner => new MeteringLlmClient(inner, services.GetRequiredService<ModelTable>()))
            .Use(inner => new GeneratingLlmClient(
                inner, services.GetRequiredService<AnswerStore>(), services.GetRequiredService<SharedCalls>(), services.GetRequiredService<CacheOptions>(),
                services.GetRequiredService<TimeProvider>(),
                services.GetRequiredService<ILogger<GeneratingLlmClient>>()))
            .Use(inner => new ToolCheckLlmClient(inner, services.GetRequiredService<ILogger<ToolCheckLlmClient>>()))
            .Build();

    private static RoutingLlmClient Routing(IServiceProvider services)
    {
        var choice = services.GetRequiredService<ProviderChoice>();
        return new RoutingLlmClient(services.GetRequiredService<ModelTable>(), choice.Offline
            ? new Dictionary<string, ILlmClient> { [OpenAIFailures.Provider] = Provider(services, OfflineLlmClient.Name, services.GetRequiredService<OfflineLlmClient>()) }
            : new Dictionary<string, ILlmClient> { [OpenAIFailures.Provider] = Provider(services, OpenAIFailures.Provider, services.GetRequiredService<OpenAILlmClient>()) });
    }

    private static ILlmClient Provider(IServiceProvider services, string name, ILlmClient provider)
    {
        var timeProvider = services.GetRequiredService<TimeProvider>();
        return new LlmClientBuilder(provider)
            .Use(inner => new ResilientLlmClient(
                inner, name, services.GetRequiredService<LlmOptions>().Resilience, timeProvider, services.GetRequiredService<ILogger<ResilientLlmClient>>()))
            .Use(inner => new UpstreamLogLlmClient(inner, name, timeProvider, services.GetRequiredService<Serilog.ILogger>()))
            .Build();
    }

    /// <summary>The variables that every OpenAI program knows; an empty one counts as unset.</summary>
    private sealed class WellKnownVariables(IConfiguration configuration) : IConfigureOptions<LlmOptions>
    {
        public void Configure(LlmOptions options)
        {
            if (configuration["OPENAI_API_KEY"] is { Length: > 0 } key) options.OpenAI.ApiKey = key.Trim();
            if (configuration["OPENAI_BASE_URL"] is not { Length: > 0 } address) return;
            options.OpenAI.BaseUrl = Uri.TryCreate(address, UriKind.Absolute, out var uri) ? uri : new Uri(address, UriKind.Relative);
        }
    }

    private sealed class KeyRequired(IHostEnvironment environment) : IValidateOptions<LlmOptions>
    {
        public ValidateOptionsResult Validate(string? name, LlmOptions options) =>
            options.Provider == OfflineLlmClient.Name || !string.IsNullOrWhiteSpace(options.OpenAI.ApiKey) || environment.IsDevelopment()
                ? ValidateOptionsResult.Success
                : ValidateOptionsResult.Fail(
                    "OPENAI_API_KEY is not set: set it, or set Llm__Provider=offline to be answered without a model, or ASPNETCORE_ENVIRONMENT=Development.");
    }
}
