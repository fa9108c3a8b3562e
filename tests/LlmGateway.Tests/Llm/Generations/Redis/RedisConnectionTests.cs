using LlmGateway.Llm.Generations.Redis;
using LlmGateway.Tests.Hosts;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace LlmGateway.Tests.Llm.Generations.Redis;

public class RedisConnectionTests
{
    [RedisFact]
    public async Task WaitsForRedisAsLongAsItIsTold()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var gateway = await GatewayHost.StartAsync(redis.Setting, "Redis:ReadTimeout=00:00:10");
        await using var other = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{redis.Port},allowAdmin=true");
        var connection = gateway.Services.GetRequiredService<RedisConnection>();
        await Until.TrueAsync(() => connection.IsConnected, TimeSpan.FromSeconds(30));

        // Far more than the driver's own limit.
        await other.GetDatabase().ExecuteAsync("CLIENT", "PAUSE", "1000");
        var (answered, exists) = await connection.TryAsync(database => database.KeyExistsAsync("none"), CancellationToken.None);

        Assert.Equal((true, false), (answered, exists));
    }
}
