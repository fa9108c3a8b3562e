using System.Threading.Channels;
using StackExchange.Redis;

namespace LlmGateway.Llm.Generations.Redis;

/// <summary>Answers that all gateways share. Reads are bounded in time; writes leave the request behind, and are dropped where they cannot keep up.</summary>
internal sealed partial class RedisAnswers(RedisConnection connection, RedisOptions options, ILogger<RedisAnswers> logger) : BackgroundService
{
    private readonly Channel<(GenerationKey Key, CacheEntry Entry)> _writes =
        Channel.CreateBounded<(GenerationKey, CacheEntry)>(new BoundedChannelOptions(options.WriteQueueLimit) { SingleReader = true });

    private long _dropped;

    /// <summary>Writes that Redis never got.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    public bool IsConfigured => connection.IsConfigured;

    /// <returns>Null where there is none, none that can be read, or no Redis.</returns>
    public async ValueTask<CacheEntry?> GetAsync(GenerationKey key, CancellationToken cancellationToken)
    {
        var name = RedisKeys.Answer(options, key);
        var (_, value) = await connection.TryAsync(database => database.StringGetAsync(name), cancellationToken);
        if (value.IsNull) return null;
        var entry = CacheEntryCodec.Decode(key, ((ReadOnlyMemory<byte>)value).Span);
        if (entry is null) Unreadable();
        return entry;
    }

    public void Set(GenerationKey key, CacheEntry entry)
    {
        if (!IsConfigured || _writes.Writer.TryWrite((key, entry))) return;
        Interlocked.Increment(ref _dropped);
    }

    /// <summary>Stores it now, because others wait for it.</summary>
    public async ValueTask<bool> SetAsync(GenerationKey key, CacheEntry entry, CancellationToken cancellationToken)
    {
        if (!connection.IsConnected) return false;
        var value = CacheEntryCodec.Encode(key, entry, options.CompressAbove);
        var name = RedisKeys.Answer(options, key);
        var (answered, set) = await connection.TryAsync(
            database => database.StringSetAsync(name, value, entry.TimeToLive + entry.StaleIfError), cancellationToken);
        return answered && set;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var (key, entry) in _writes.Reader.ReadAllAsync(stoppingToken))
        {
            if (!await SetAsync(key, entry, stoppingToken)) Interlocked.Increment(ref _dropped);
        }
    }

    public override Task StopAsync(CancellationToken cancellationToken)
    {
        Interlocked.Add(ref _dropped, _writes.Reader.Count);
        if (Dropped > 0) DroppedWrites(Dropped);
        return base.StopAsync(cancellationToken);
    }

    [LoggerMessage(EventId = 33, EventName = "RedisUnreadable", Level = LogLevel.Warning, Message = "Redis holds something that is no answer of this version; it counts as none")]
    private partial void Unreadable();

    [LoggerMessage(EventId = 34, EventName = "RedisWritesDropped", Level = LogLevel.Warning, Message = "{Dropped} answers did not get to Redis")]
    private partial void DroppedWrites(long dropped);
}

internal static class RedisKeys
{
    public static RedisKey Answer(RedisOptions options, GenerationKey key) => $"{options.KeyPrefix}{options.Namespace}:{key}";

    /// <summary>Who makes the call.</summary>
    public static RedisKey Lease(RedisOptions options, GenerationKey key) => Answer(options, key).Append(":lease");

    /// <summary>What has been said so far.</summary>
    public static RedisKey Log(RedisOptions options, GenerationKey key, string owner) => Answer(options, key).Append(":log:" + owner);

    /// <summary>There as long as another gateway reads.</summary>
    public static RedisKey Followed(RedisOptions options, GenerationKey key, string owner) => Answer(options, key).Append(":followed:" + owner);

    /// <summary>What one client's stream reads.</summary>
    public static RedisKey Stream(RedisOptions options, string id) => $"{options.KeyPrefix}{options.Namespace}:stream:{id}";

    /// <summary>Where it is said which streams are stopped.</summary>
    public static string Stops(RedisOptions options) => $"{options.KeyPrefix}{options.Namespace}:stops";

    /// <summary>Where those who had one of them say that they have stopped it.</summary>
    public static string Stopped(RedisOptions options) => $"{options.KeyPrefix}{options.Namespace}:stopped";

    /// <summary>What a ticket is for.</summary>
    public static RedisKey Ticket(RedisOptions options, string hash) => $"{options.KeyPrefix}{options.Namespace}:ticket:{hash}";
}
