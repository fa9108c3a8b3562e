using System.Globalization;
using Serilog;
using Serilog.Configuration;
using Serilog.Core;
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
                .ReadFrom.Services(services)
                .WriteTo.Sink(
                    Sink(options, services),
                    // A system call for each event would be a good part of what a cached answer costs.
                    new BatchingOptions { BatchSizeLimit = 1000, BufferingTimeLimit = options.FlushInterval, QueueLimit = options.QueueLimit, EagerlyEmitFirstEvent = true });
        },
        // The static logger would belong to whichever gateway of a process was built last, and take the others' events.
        preserveStaticLogger: true);
    }

    private static IBatchedLogEventSink Sink(LogOptions options, IServiceProvider services)
    {
        var output = services.GetRequiredService<LogOutput>().Stream;
        var text = options.Format == LogFormat.Text
            || (options.Format == LogFormat.Auto && services.GetRequiredService<IHostEnvironment>().IsDevelopment());
        return text ? new TextSink(output, new MessageTemplateTextFormatter(TextTemplate, CultureInfo.InvariantCulture)) : new CompactJsonSink(output);
    }
}

/// <summary>Where the log is written.</summary>
internal sealed record LogOutput(Stream Stream);
