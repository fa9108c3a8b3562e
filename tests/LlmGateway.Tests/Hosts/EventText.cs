using System.Text;
using System.Text.Json;

namespace LlmGateway.Tests.Hosts;

/// <summary>Reads a stream the way a browser does, by the rules of the HTML standard, and no friendlier.</summary>
internal static class EventText
{
    /// <summary>The data of each event.</summary>
    public static IReadOnlyList<string> Data(string stream)
    {
        var events = new List<string>();
        var data = new List<string>();
        var lines = stream.Replace("\r\n", "\n", StringComparison.Ordinal).Split('\n', '\r');
        foreach (var line in lines)
        {
            if (line.Length == 0)
            {
                if (data.Count > 0) events.Add(string.Join('\n', data));
                data.Clear();
            }
            else if (line.StartsWith("data:", StringComparison.Ordinal))
            {
                data.Add(line[5..].StartsWith(' ') ? line[6..] : line[5..]);
            }
        }
        return events;
    }

    /// <summary>What a browser would send as the last id after each event.</summary>
    public static IReadOnlyList<string> Ids(string stream)
    {
        var ids = new List<string>();
        var (id, data) = ("", false);
        foreach (var line in stream.Split('\n', '\r'))
        {
            if (line.Length == 0)
            {
                if (data) ids.Add(id);
                data = false;
            }
            else if (line.StartsWith("id: ", StringComparison.Ordinal)) id = line[4..];
            else data |= line.StartsWith("data:", StringComparison.Ordinal);
        }
        return ids;
    }

    /// <summary>The events before <c>[DONE]</c>, which has to be the last one.</summary>
    public static IReadOnlyList<JsonElement> Json(string stream)
    {
        var data = Data(stream);
        Assert.Equal("[DONE]", data[^1]);
        return [.. data.SkipLast(1).Select(json => JsonDocument.Parse(json).RootElement)];
    }

    /// <summary>What the simplest client shows: all deltas.</summary>
    public static string Text(IEnumerable<JsonElement> events) =>
        events.Aggregate(new StringBuilder(), (text, json) => text.Append(json.GetProperty("delta").GetString())).ToString();

    /// <summary>Asserts that a stream tells of a failure, of nothing else, and ends.</summary>
    /// <returns>The code of the failure.</returns>
    public static string Failure(string stream, bool retryable, string text)
    {
        var events = Json(stream);
        Assert.Equal(text, Text(events));
        Assert.DoesNotContain(events, json => json.TryGetProperty("finish_reason", out _) || json.TryGetProperty("usage", out _));
        Assert.All(events.SkipLast(1), json => Assert.False(json.TryGetProperty("error", out _)));
        Assert.Equal(["delta", "error"], events[^1].EnumerateObject().Select(property => property.Name));
        var error = events[^1].GetProperty("error");
        Assert.Equal(["code", "message", "retryable"], error.EnumerateObject().Select(property => property.Name));
        Assert.NotEmpty(error.GetProperty("message").GetString()!);
        Assert.Equal(retryable, error.GetProperty("retryable").GetBoolean());
        return error.GetProperty("code").GetString()!;
    }
}
