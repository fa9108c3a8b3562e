using System.Net;
using System.Text;
using System.Text.Json;

namespace LlmGateway.Tests.Hosts;

/// <summary>A whole answer over HTTP, as its caller has it in the end.</summary>
internal sealed record GatewayAnswer(HttpStatusCode Status, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);

    public bool IsStream => Headers["content-type"] == "text/event-stream";

    /// <summary>The frames of a stream but the last one, <c>[DONE]</c>, without which it is not whole.</summary>
    public IReadOnlyList<JsonElement> Frames
    {
        get
        {
            return EventText.Json(Text);
        }
    }

    /// <summary>What was said, streamed or not.</summary>
    public string Reply => IsStream
        ? string.Concat(Frames.Select(frame => frame.GetProperty("delta").GetString()))
        : JsonElement.Parse(Text).GetProperty("reply").GetString()!;

    public decimal? CostUsd => Usd("x-cost-usd", "cost_usd");

    public decimal? SavedUsd => Usd("x-cost-saved-usd", "cost_saved_usd");

    public string? this[string header] => Headers.GetValueOrDefault(header);

    public static async Task<GatewayAnswer> OfAsync(HttpResponseMessage response)
    {
        using (response)
        {
            return new GatewayAnswer(
                response.StatusCode,
                response.Headers.Concat(response.Content.Headers).ToDictionary(header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase),
                await response.Content.ReadAsByteArrayAsync());
        }
    }

    /// <summary>In a header, or in the last frame.</summary>
    private decimal? Usd(string header, string property)
    {
        if (!IsStream) return this[header] is { } text ? decimal.Parse(text, System.Globalization.CultureInfo.InvariantCulture) : null;
        return Frames[^1].TryGetProperty(property, out var value) ? value.GetDecimal() : null;
    }
}
