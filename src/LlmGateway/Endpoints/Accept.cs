using Microsoft.Net.Http.Headers;

namespace LlmGateway.Endpoints;

/// <summary>Which of the two forms of an answer a caller names. <c>*/*</c>, which every client sends that does not care, names none.</summary>
internal static class Accept
{
    /// <summary>JSON is asked for, and more than a stream.</summary>
    public static bool PrefersJson(HttpRequest request)
    {
        var (json, stream) = Qualities(request);
        return json > stream;
    }

    /// <summary>A stream is asked for, and no less than JSON.</summary>
    public static bool PrefersStream(HttpRequest request)
    {
        var (json, stream) = Qualities(request);
        return stream > 0 && stream >= json;
    }

    private static (double Json, double Stream) Qualities(HttpRequest request)
    {
        if (request.Headers.Accept.Count == 0 || !MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out var accepted)) return default;
        double json = 0, stream = 0;
        foreach (var type in accepted)
        {
            if (type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)) json = Math.Max(json, type.Quality ?? 1);
            else if (type.MediaType.Equals(ChatStream.MediaType, StringComparison.OrdinalIgnoreCase)) stream = Math.Max(stream, type.Quality ?? 1);
        }
        return (json, stream);
    }
}
