using Serilog.Events;

namespace LlmGateway.Hosting;

internal enum LogFormat
{
    Auto,
    Text,
    Json,
}

/// <summary>How the gateway writes its log to standard output.</summary>
internal sealed class LogOptions : ISettings
{
    public LogEventLevel Level { get; set; } = LogEventLevel.Information;

    /// <summary>By default text in Development, JSON elsewhere.</summary>
    public LogFormat Format { get; set; }

    /// <summary>The longest an event waits to be written together with others.</summary>
    public TimeSpan FlushInterval { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Events that may wait; where nobody reads the output, those beyond are dropped.</summary>
    public int QueueLimit { get; set; } = 10_000;

    public IEnumerable<string> Problems()
    {
        if (FlushInterval < TimeSpan.FromMilliseconds(1) || FlushInterval > TimeSpan.FromMinutes(1)) yield return "FlushInterval: give 00:00:00.001 to 00:01:00.";
        if (QueueLimit < 1) yield return "QueueLimit: give 1 or more.";
    }
}
