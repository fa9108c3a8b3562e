using LlmGateway.Hosting;

namespace LlmGateway.Endpoints;

/// <summary>Tickets, with which EventSource streams what it cannot send.</summary>
internal sealed class TicketOptions : ISettings
{
    /// <summary>How long a ticket can be used.</summary>
    public TimeSpan TimeToLive { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Bytes of prompts that wait for their tickets in this process.</summary>
    public long MaxBytes { get; set; } = 64 * 1024 * 1024;

    public IEnumerable<string> Problems()
    {
        if (TimeToLive < TimeSpan.FromSeconds(1) || TimeToLive > TimeSpan.FromHours(1)) yield return "TimeToLive: give 00:00:01 to 01:00:00.";
        if (MaxBytes < 0) yield return "MaxBytes: give 0 or more.";
    }
}
