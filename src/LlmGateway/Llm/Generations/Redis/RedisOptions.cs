using LlmGateway.Hosting;
using StackExchange.Redis;

namespace LlmGateway.Llm.Generations.Redis;

/// <summary>Where several gateways meet. Without it each keeps its answers to itself.</summary>
internal sealed class RedisOptions : ISettings
{
    /// <summary><c>redis://[user:password@]host:port[/db]</c> or a StackExchange.Redis string. Set by <c>REDIS_URL</c> or <c>ConnectionStrings:Redis</c>.</summary>
    public string? Url { get; set; }

    /// <summary>Before each key.</summary>
    public string KeyPrefix { get; set; } = "";

    /// <summary>After the prefix: what a stand-in says must not be taken for what a model said.</summary>
    internal string Namespace { get; set; } = "openai";

    /// <summary>The longest that a request waits for Redis.</summary>
    public TimeSpan ReadTimeout { get; set; } = TimeSpan.FromMilliseconds(20);

    /// <summary>So many failures in a row, and Redis is left alone for a while.</summary>
    public int BreakerFailures { get; set; } = 3;

    /// <summary>That while.</summary>
    public TimeSpan BreakerPause { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Bytes from which an answer is compressed.</summary>
    public int CompressAbove { get; set; } = 2048;

    /// <summary>Writes that may wait; those beyond are dropped.</summary>
    public int WriteQueueLimit { get; set; } = 1000;

    /// <summary>The owner of a call says so often enough that the others believe it dead after so long.</summary>
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>How often a call under way is told to the other gateways, and looked up there.</summary>
    public TimeSpan ShareInterval { get; set; } = TimeSpan.FromMilliseconds(50);

    public IEnumerable<string> Problems()
    {
        if (!string.IsNullOrWhiteSpace(Url) && RedisAddress.TryParse(Url) is null)
            yield return "Url (REDIS_URL): give redis://[user:password@]host:port[/db], or a StackExchange.Redis string.";
        if (ReadTimeout <= TimeSpan.Zero || ReadTimeout > TimeSpan.FromSeconds(10)) yield return "ReadTimeout: give more than 00:00:00, up to 00:00:10.";
        if (BreakerFailures < 1) yield return "BreakerFailures: give 1 or more.";
        if (BreakerPause <= TimeSpan.Zero || BreakerPause > TimeSpan.FromMinutes(10)) yield return "BreakerPause: give more than 00:00:00, up to 00:10:00.";
        if (CompressAbove < 0) yield return "CompressAbove: give 0 or more.";
        if (WriteQueueLimit < 1) yield return "WriteQueueLimit: give 1 or more.";
        if (Lease < TimeSpan.FromSeconds(1) || Lease > TimeSpan.FromMinutes(5)) yield return "Lease: give 00:00:01 to 00:05:00.";
        if (ShareInterval < TimeSpan.FromMilliseconds(1) || ShareInterval > TimeSpan.FromSeconds(1)) yield return "ShareInterval: give 00:00:00.001 to 00:00:01.";
    }
}

internal static class RedisAddress
{
    /// <returns>How to connect; null for an address that means nothing.</returns>
    public static ConfigurationOptions? TryParse(string url)
    {
        try
        {
            var options = url.Contains("://", StringComparison.Ordinal) ? FromUri(new Uri(url)) : ConfigurationOptions.Parse(url);
            return options is { EndPoints.Count: > 0 } ? options : null;
        }
        catch (Exception exception) when (exception is UriFormatException or ArgumentException or FormatException)
        {
            return null;
        }
    }

    private static ConfigurationOptions? FromUri(Uri uri)
    {
        if (uri.Scheme is not ("redis" or "rediss") || uri.Host.Length == 0) return null;
        var options = new ConfigurationOptions { Ssl = uri.Scheme == "rediss" };
        options.EndPoints.Add(uri.Host, uri.Port > 0 ? uri.Port : 6379);
        var user = uri.UserInfo.Split(':', 2);
        if (user.Length == 2)
        {
            if (user[0].Length > 0) options.User = Uri.UnescapeDataString(user[0]);
            options.Password = Uri.UnescapeDataString(user[1]);
        }
        if (uri.AbsolutePath.Trim('/') is not { Length: > 0 } database) return options;
        if (!int.TryParse(database, out var number) || number < 0) return null;
        options.DefaultDatabase = number;
        return options;
    }
}
