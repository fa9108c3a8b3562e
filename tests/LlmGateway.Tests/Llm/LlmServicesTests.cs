using System.Reflection;
using LlmGateway.Llm;
using LlmGateway.Llm.Generations;
using LlmGateway.Llm.Providers.OpenAI;
using LlmGateway.Llm.Resilience;
using LlmGateway.Tests.Hosts;
using Microsoft.Extensions.DependencyInjection;

namespace LlmGateway.Tests.Llm;

public class LlmServicesTests
{
    [Fact]
    public async Task ThePipelineHasItsOrder()
    {
        await using var gateway = await GatewayHost.StartAsync();

        var shared = Walk(gateway.Services.GetRequiredService<ILlmClient>()).ToList();
        Assert.Equal(
            [typeof(MeteringLlmClient), typeof(GeneratingLlmClient), typeof(ToolCheckLlmClient), typeof(RoutingLlmClient)], shared.Select(client => client.GetType()));

        // The router is the one step that has more than one client below it.
        var providers = typeof(RoutingLlmClient).GetFields(BindingFlags.Instance | BindingFlags.NonPublic)
            .Select(field => field.GetValue(shared[^1])).OfType<IReadOnlyDictionary<string, ILlmClient>>().Single();
        Assert.Equal(["openai"], providers.Keys);
        Assert.Equal(
            [typeof(ResilientLlmClient), typeof(UpstreamLogLlmClient), typeof(OpenAILlmClient)], Walk(providers["openai"]).Select(client => client.GetType()));
    }

    private static IEnumerable<ILlmClient> Walk(ILlmClient? client)
    {
        for (; client is not null; client = (client as DelegatingLlmClient)?.Inner)
            yield return client;
    }
}
