using LlmGateway.Hosting;
using LlmGateway.Llm.Embeddings;
using LlmGateway.Llm.Generations;
using LlmGateway.Llm.Generations.Redis;
using LlmGateway.Llm.Hedging;
using LlmGateway.Llm.Models;
using LlmGateway.Llm.Pacing;
using LlmGateway.Llm.Providers;
using LlmGateway.Llm.Providers.Anthropic;
using LlmGateway.Llm.Providers.Keys;
using LlmGateway.Llm.Providers.Offline;
using LlmGateway.Llm.Providers.OpenAI;
using LlmGateway.Llm.Resilience;
using LlmGateway.Llm.Routing;
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
        services.AddSingleton<StreamSessions>();
        services.AddSingleton<VectorStore>();
        services.AddOptions<EmbeddingsOptions>().Bind(configuration.GetSection("Embeddings"), binder => binder.ErrorOnUnknownConfiguration = true).Checked("Embeddings");
        services.AddSingleton<IValidateOptions<EmbeddingsOptions>>(provider => new ModelListed<EmbeddingsOptions>(provider, "Embeddings", options => options.Model, embeddings: true));
        services.AddRedis(configuration);
        services.AddSingleton<ProviderChoice>();
        services.AddSingleton(provider => Models(provider.GetRequiredService<LlmOptions>(), provider.GetRequiredService<ProviderChoice>()));
        services.AddSingleton<ProviderHandlerFactory>(ProviderTransport.CreateHandler);
        services.AddSingleton(Pipeline);
        return services;
    }

    private static void AddRedis(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<RedisOptions>().Bind(configuration.GetSection("Redis"), binder => binder.ErrorOnUnknownConfiguration = true)
            .Configure(options => options.Url = new[] { configuration["REDIS_URL"], configuration.GetConnectionString("Redis"), options.Url }
                .FirstOrDefault(url => !string.IsNullOrWhiteSpace(url)))
            .Configure<ProviderChoice>((options, choice) => options.Namespace = choice.IsOfflineInPart ? OfflineLlmClient.Name : OpenAIOptions.Provider)
            .Checked("Redis");
        services.AddSingleton<RedisConnection>();
        services.AddHostedService(provider => provider.GetRequiredService<RedisConnection>());
        services.AddSingleton<SharedCalls>();
        services.AddSingleton<SharedStreams>();
        services.AddHostedService(provider => provider.GetRequiredService<SharedStreams>());
        services.AddSingleton<RedisAnswers>();
        services.AddHostedService(provider => provider.GetRequiredService<RedisAnswers>());
    }

    // Metering outermost, for it counts what the caller got; generations outside of retries, for ten callers share one retry loop, and
    // outside of the check of tools, for no broken answer is stored; resilience next to the provider, for only there an attempt is one.
    private static ILlmClient Pipeline(IServiceProvider services) =>
        new LlmClientBuilder(Routing(services))
            .Use(inner => new MeteringLlmClient(inner, services.GetRequiredService<ModelTable>()))
            .Use(inner => Generating(services, inner))
            .Use(inner => new EmbeddingLlmClient(
                inner, services.GetRequiredService<VectorStore>(), services.GetRequiredService<ModelTable>(), services.GetRequiredService<EmbeddingsOptions>()))
            .Use(inner => new ToolCheckLlmClient(inner, services.GetRequiredService<ILogger<ToolCheckLlmClient>>()))
            .Build();

    private static GeneratingLlmClient Generating(IServiceProvider services, ILlmClient inner)
    {
        var (store, options) = (services.GetRequiredService<AnswerStore>(), services.GetRequiredService<CacheOptions>());
        var timeProvider = services.GetRequiredService<TimeProvider>();
        var calls = new GenerationCalls(
            inner, store, services.GetRequiredService<SharedCalls>(), options, services.GetRequiredService<LlmOptions>().Resilience.MaxDuration, timeProvider,
            services.GetRequiredService<ILogger<GenerationCalls>>());
        services.GetRequiredService<Work>().CallsEnd.Register(calls.End);
        return new GeneratingLlmClient(inner, calls, store, options, timeProvider);
    }

    /// <summary>A model is offered where its provider, or one of those that stand in, can be asked.</summary>
    private static ModelTable Models(LlmOptions options, ProviderChoice choice) => new(options.Models.Select(model => model.Value with
    {
        Name = model.Key,
        Missing = model.Value.Fallbacks.Any(fallback => choice.Missing(options.Models[fallback].Provider) is null) ? null : choice.Missing(model.Value.Provider),
    }));

    private static RoutingLlmClient Routing(IServiceProvider services)
    {
        var options = services.GetRequiredService<LlmOptions>();
        var choice = services.GetRequiredService<ProviderChoice>();
        var timeProvider = services.GetRequiredService<TimeProvider>();
        return new RoutingLlmClient(
            services.GetRequiredService<ModelTable>(),
            options.AllProviders().Where(provider => choice.Missing(provider.Name) is null).ToDictionary(
                provider => provider.Name,
                provider => choice.IsOffline(provider.Name)
                    ? Guarded(services, OfflineLlmClient.Name, new OfflineLlmClient(options.Offline, timeProvider))
                    : Guarded(services, provider.Name, Keys(services, provider))),
            options.Resilience.TotalTimeout,
            timeProvider,
            services.GetRequiredService<ILogger<RoutingLlmClient>>());
    }

    private static ILlmClient Guarded(IServiceProvider services, string name, ILlmClient provider)
    {
        var timeProvider = services.GetRequiredService<TimeProvider>();
        var hedging = services.GetRequiredService<LlmOptions>().Hedging;
        var builder = new LlmClientBuilder(provider);
        // Outside of retries: a second call gets its own.
        if (hedging.Tasks.Count > 0 && name != OfflineLlmClient.Name)
            builder.Use(inner => new HedgingLlmClient(inner, hedging, timeProvider, services.GetRequiredService<ILogger<HedgingLlmClient>>()));
        return builder
            .Use(inner => new ResilientLlmClient(
                inner, name, services.GetRequiredService<LlmOptions>().Resilience, timeProvider, services.GetRequiredService<ILogger<ResilientLlmClient>>()))
            .Use(inner => new UpstreamLogLlmClient(inner, name, services.GetRequiredService<ModelTable>(), timeProvider, services.GetRequiredService<Serilog.ILogger>()))
            .Build();
    }

    private static KeyRingLlmClient Keys(IServiceProvider services, ProviderSetting provider)
    {
        var configuration = services.GetRequiredService<IConfiguration>();
        return new KeyRingLlmClient(
            provider.Name,
            () => provider.Keys(configuration),
            configuration.GetReloadToken,
            ClientFactory(services, provider),
            services.GetRequiredService<TimeProvider>(),
            services.GetRequiredService<ILogger<KeyRingLlmClient>>());
    }

    /// <summary>All keys of a provider share its connections. Nothing is made before the first request: an SDK costs the start more than all else.</summary>
    private static Func<string, ILlmClient> ClientFactory(IServiceProvider services, ProviderSetting provider)
    {
        var failures = new ProviderFailures(provider.Name, provider.KeyName);
        var models = services.GetRequiredService<ModelTable>();
        var timeProvider = services.GetRequiredService<TimeProvider>();
        var handlers = services.GetRequiredService<ProviderHandlerFactory>();
        var handler = new Lazy<HttpMessageHandler>(() => handlers(provider.Options));
        var pacing = services.GetRequiredService<LlmOptions>().Pacing;
        return provider.Options switch
        {
            AnthropicOptions => key => new AnthropicLlmClient(failures, provider.Options, key, models, timeProvider, handler.Value, Pacer()),
            CompatibleOptions compatible => key => new OpenAILlmClient(
                failures, provider.Options, key, models, timeProvider, handler.Value, new OpenAIDialect(compatible.MaxTokensField, Obfuscates: false), Pacer()),
            _ => key => new OpenAILlmClient(failures, provider.Options, key, models, timeProvider, handler.Value, OpenAIDialect.Own, Pacer()),
        };

        // Limits are the account's, and each key may have its own.
        Pacer? Pacer() => pacing.Enabled ? new Pacer(pacing, timeProvider) : null;
    }

    /// <summary>The variables that every program of the providers knows; an empty one counts as unset. Keys are read where they are used.</summary>
    private sealed class WellKnownVariables(IConfiguration configuration) : IConfigureOptions<LlmOptions>
    {
        public void Configure(LlmOptions options)
        {
            options.OpenAI.BaseUrl = Address(OpenAIOptions.AddressVariable) ?? options.OpenAI.BaseUrl;
            options.Anthropic.BaseUrl = Address(AnthropicOptions.AddressVariable) ?? options.Anthropic.BaseUrl;
        }

        private Uri? Address(string variable) =>
            configuration[variable] is not { Length: > 0 } address ? null
            : Uri.TryCreate(address, UriKind.Absolute, out var uri) ? uri
            : new Uri(address, UriKind.Relative);
    }

    private sealed class KeyRequired(IHostEnvironment environment, IConfiguration configuration) : IValidateOptions<LlmOptions>
    {
        public ValidateOptionsResult Validate(string? name, LlmOptions options) =>
            options.Provider == OfflineLlmClient.Name || environment.IsDevelopment() || options.AllProviders().Any(provider => provider.Keys(configuration).Count > 0)
                ? ValidateOptionsResult.Success
                : ValidateOptionsResult.Fail(
                    "OPENAI_API_KEY is not set, nor is another provider's key: set it, or set Llm__Provider=offline to be answered without a model, or ASPNETCORE_ENVIRONMENT=Development.");
    }
}
