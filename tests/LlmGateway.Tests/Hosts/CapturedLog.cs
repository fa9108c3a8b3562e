using System.Collections.Concurrent;
using System.Globalization;
using LlmGateway.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting.Compact;

namespace LlmGateway.Tests.Hosts;

/// <summary>What a gateway logs: the events, and their text as it would stand on standard output.</summary>
internal sealed class CapturedLog : ILogEventSink
{
    private static readonly CompactJsonFormatter Formatter = new();
    private readonly ConcurrentQueue<LogEvent> _events = new();

    public IReadOnlyCollection<LogEvent> Events => _events;

    public string Text => string.Concat(_events.Select(Render));

    /// <summary>In place of the standard output; what is logged is the same.</summary>
    public void Capture(WebApplicationBuilder builder) => builder.Services.AddSingleton<ILogEventSink>(this).AddSingleton(new LogOutput(Stream.Null));

    public void Emit(LogEvent logEvent) => _events.Enqueue(logEvent);

    /// <summary>The events of one kind: <c>Request</c>, <c>UpstreamCall</c>, …</summary>
    public IReadOnlyList<LogEvent> Of(string eventName) =>
        [.. _events.Where(logged => logged.Properties.TryGetValue("EventId", out var id) && id.ToString().Contains($"\"{eventName}\"", StringComparison.Ordinal))];

    private static string Render(LogEvent logEvent)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        Formatter.Format(logEvent, text);
        return text.ToString();
    }
}
