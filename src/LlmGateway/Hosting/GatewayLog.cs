using System.Globalization;
using Serilog;
using Serilog.Events;
using Serilog.Formatting.Display;

namespace LlmGateway.Hosting;

internal static class GatewayLog
{
    private const string TextTemplate = "{Timestamp:HH:mm:ss.fff} {Level:u3} {Message:lj}{NewLine}{Exception}";

    /// <summary>Lines for people in Development, compact JSON elsewhere.</summary>
    public static void AddGatewayLog(this WebApplicationBuilder builder)
    {
        builder.Logging.ClearProviders();
        builder.Services.AddOptions<LogOptions>().Bind(builder.Configuration.GetSection("Log"), binder => binder.ErrorOnUnknownConfiguration = true).Checked("Log");
        builder.Services.AddSingleton(_ => new LogOutput(Console.OpenStandardOutput()));
        builder.Services.AddSerilog((services, logger) =>
        {
            var options = services.GetRequiredService<LogOptions>();
            logger
                .MinimumLevel.Is(options.Level)
                // The framework's own events are one for every step of every request, and hold addresses, queries included: prompts.
                .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
                .MinimumLevel.Override("System", LogEventLevel.Warning)
                // Where it may log anything at all, it puts each request's path into every event of the request.
                .MinimumLevel.Override("Microsoft.AspNetCore.Hosting.Diagnostics", LevelAlias.Off)
                .MinimumLevel.Override("Microsoft.Hosting.Lifetime", options.Level)
                .Filter.ByExcluding(IsToldOtherwise)
                .ReadFrom.Services(services)
                .WriteTo.Sink(new LogSink(Format(options, services), services.GetRequiredService<LogOutput>().Stream, options, TimeProvider.System));
        },
        // The static logger would belong to whichever gateway of a process was built last, and take the others' events.
        preserveStaticLogger: true);
    }

    /// <summary>A start that fails is told in one sentence: the host would add its own stack trace, and one of each service that it stops.</summary>
    private static bool IsToldOtherwise(LogEvent logEvent) =>
        logEvent.Exception is { } exception
        && (exception is OperationCanceledException || Startup.CannotListen(exception))
        && logEvent.Properties.TryGetValue("SourceContext", out var source)
        && source is ScalarValue { Value: "Microsoft.Extensions.Hosting.Internal.Host" };

    private static ILogFormat Format(LogOptions options, IServiceProvider services)
    {
        var text = options.Format == LogFormat.Text
            || (options.Format == LogFormat.Auto && services.GetRequiredService<IHostEnvironment>().IsDevelopment());
        return text ? new TextFormat(new MessageTemplateTextFormatter(TextTemplate, CultureInfo.InvariantCulture)) : new CompactJsonFormat();
    }
}

/// <summary>Where the log is written.</summary>
internal sealed record LogOutput(Stream Stream);
