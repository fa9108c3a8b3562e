using Serilog.Events;
using Serilog.Parsing;
using ILogger = Serilog.ILogger;

namespace LlmGateway.Hosting;

/// <summary>
/// A kind of event that every request writes, handed to Serilog directly: by way of Microsoft.Extensions.Logging it costs twice as much, and
/// looks the same.
/// </summary>
internal sealed class EventKind(int id, string name, string message)
{
    private readonly MessageTemplate _message = new MessageTemplateParser().Parse(message);

    private readonly StructureValue _id =
        new([new LogEventProperty("Id", new ScalarValue(id)), new LogEventProperty("Name", new ScalarValue(name))]);

    /// <param name="logger">Carries the source's name.</param>
    /// <param name="level">Checked by the caller already.</param>
    /// <param name="timestamp">When it happened.</param>
    /// <param name="properties">Names and values; those without a value are left out.</param>
    public void Write(ILogger logger, LogEventLevel level, DateTimeOffset timestamp, params ReadOnlySpan<(string Name, object? Value)> properties) =>
        logger.Write(Event(level, timestamp, properties));

    /// <inheritdoc cref="Write"/>
    public LogEvent Event(LogEventLevel level, DateTimeOffset timestamp, params ReadOnlySpan<(string Name, object? Value)> properties)
    {
        // With room for the id and the source, so that it never grows.
        var values = new Dictionary<string, LogEventPropertyValue>(properties.Length + 2);
        foreach (var (property, value) in properties)
        {
            if (value is not null) values[property] = new ScalarValue(value);
        }
        values["EventId"] = _id;
        return LogEvent.UnstableAssembleFromParts(timestamp, level, null, _message, values, default, default);
    }
}
