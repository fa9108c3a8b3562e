using System.Globalization;
using Serilog;
using Serilog.Configuration;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Compact;
using Serilog.Formatting.Display;

namespace LlmGateway.Hosting;

internal static class GatewayLog
{
    /// <summary>Lines for people in Development, compact JSON elsewhere.</summary>
    public static void AddGatewayLog(this WebApplicationBuilder builder)
    {
        builder.Logging.ClearProviders();
        builder.Services.AddOptions<LogOptions>().Bind(builder.Configuration.GetSection("Log"), binder => binder.ErrorOnUnknownConfiguration = true).Checked("Log");
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
                // Off altogether, or each event would carry the request's path.
                .MinimumLevel.Override("Microsoft.AspNetCore.Hosting.Diagnostics", LevelAlias.Off)
                .ReadFrom.Services(services)
                .WriteTo.Sink(
                    new StandardOutputSink(Formatter(options, services.GetRequiredService<IHostEnvironment>())),
                    new BatchingOptions { BatchSizeLimit = 1000, BufferingTimeLimit = options.FlushInterval, QueueLimit = options.QueueLimit, EagerlyEmitFirstEvent = true });
        },
        // The static logger would belong to whichever gateway of a process was built last, and take the others' events.
        preserveStaticLogger: true);
    }

    private static ITextFormatter Formatter(LogOptions options, IHostEnvironment environment) => options.Format switch
    {
        LogFormat.Json => new CompactJsonFormatter(),
        LogFormat.Text => Text(),
        _ => environment.IsDevelopment() ? Text() : new CompactJsonFormatter(),
    };

    private static MessageTemplateTextFormatter Text() =>
        new("{Timestamp:HH:mm:ss.fff} {Level:u3} {Message:lj}{NewLine}{Exception}", CultureInfo.InvariantCulture);
}
