using System.Reflection;
using LlmGateway.Llm;
using LlmGateway.Llm.Embeddings;
using LlmGateway.Llm.Generations;
using LlmGateway.Llm.Resilience;
using LlmGateway.Llm.Routing;
using LlmGateway.Tests.Hosts;
using Microsoft.Extensions.DependencyInjection;

namespace LlmGateway.Tests.Llm;

/// <summary>The order of the decorators, from the caller inwards.</summary>
public class PipelineTests
{
    [Fact]
    public async Task MetersThenSharesThenChecksToolsThenRoutes()
    {
        await using var gateway = await GatewayHost.StartAsync();

        var chain = Chain(gateway.Services.GetRequiredService<ILlmClient>());

        Assert.Equal(
            [typeof(MeteringLlmClient), typeof(GeneratingLlmClient), typeof(EmbeddingLlmClient), typeof(ToolCheckLlmClient), typeof(RoutingLlmClient)],
            chain.Select(client => client.GetType()));
    }

    [Theory]
    [InlineData("auto", "KeyRingLlmClient")]
    [InlineData("offline", "OfflineLlmClient")]
    public async Task RetriesThenLogsEachCallOfAProvider(string provider, string innermost)
    {
        await using var gateway = await GatewayHost.StartAsync($"Llm:Provider={provider}");
        var routing = Chain(gateway.Services.GetRequiredService<ILlmClient>())[^1];

        var chain = Chain(ProvidersOf(routing)["openai"]);

        Assert.Equal([nameof(ResilientLlmClient), nameof(UpstreamLogLlmClient), innermost], chain.Select(client => client.GetType().Name));
    }

    private static List<ILlmClient> Chain(ILlmClient client)
    {
        List<ILlmClient> chain = [client];
        while (chain[^1] is DelegatingLlmClient decorator)
            chain.Add(decorator.Inner);
        return chain;
    }

    private static IReadOnlyDictionary<string, ILlmClient> ProvidersOf(ILlmClient routing) =>
        Assert.Single(routing.GetType().GetFields(BindingFlags.NonPublic | BindingFlags.Instance).Select(field => field.GetValue(routing)).OfType<IReadOnlyDictionary<string, ILlmClient>>());
}
