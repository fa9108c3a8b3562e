using LlmGateway.FakeOpenAI;
using LlmGateway.Llm;
using LlmGateway.Tests.Hosts;
using Microsoft.Extensions.DependencyInjection;

namespace LlmGateway.Tests.Llm;

/// <summary>What comes after a call may take its time, and must not take that of the thread that hears of connections.</summary>
public class SocketThreadTests
{
    private static readonly FakeScript Script = new() { Latency = TimeSpan.FromMilliseconds(20), Tokens = 5, Delay = TimeSpan.FromMilliseconds(10) };

    [Theory]
    [InlineData("gpt-4o-mini")]
    [InlineData("claude-haiku-4-5")]
    public async Task AWholeAnswerIsHandledInThePool(string model)
    {
        await using var gateway = await StartAsync(Script);
        Assert.True(await ThreadAfterAsync(gateway, client => client.CompleteAsync(Request(model), CancellationToken.None)));
    }

    [Fact]
    public async Task VectorsAreHandledInThePool()
    {
        await using var gateway = await StartAsync(Script);
        var request = new EmbeddingRequest { Model = "text-embedding-3-small", Inputs = ["one", "two"] };
        Assert.True(await ThreadAfterAsync(gateway, client => client.EmbedAsync(request, CancellationToken.None)));
    }

    [Theory]
    [InlineData("gpt-4o-mini")]
    [InlineData("claude-haiku-4-5")]
    public async Task AStreamsEndIsHandledInThePool(string model)
    {
        await using var gateway = await StartAsync(Script);
        Assert.True(await ThreadAfterAsync(gateway, client => ReadAsync(client, model)));
    }

    [Theory]
    [InlineData("gpt-4o-mini", false)]
    [InlineData("gpt-4o-mini", true)]
    [InlineData("claude-haiku-4-5", false)]
    [InlineData("claude-haiku-4-5", true)]
    public async Task AFailureIsHandledInThePool(string model, bool stream)
    {
        await using var gateway = await StartAsync(Script with { Status = 500 });
        Assert.True(await ThreadAfterAsync(gateway, client => stream ? ReadAsync(client, model) : client.CompleteAsync(Request(model), CancellationToken.None)));
    }

    [Theory]
    [InlineData("gpt-4o-mini")]
    [InlineData("claude-haiku-4-5")]
    public async Task ABrokenStreamIsHandledInThePool(string model)
    {
        await using var gateway = await StartAsync(Script with { Fault = new FakeFault(FakeFaultKind.Reset, After: 3) });
        Assert.True(await ThreadAfterAsync(gateway, client => ReadAsync(client, model)));
    }

    private static async Task<GatewayHost> StartAsync(FakeScript script)
    {
        var gateway = await GatewayHost.StartAsync("Llm:Resilience:MaxRetries=0");
        gateway.Upstream.Script = script;
        return gateway;
    }

    private static LlmRequest Request(string model) => new(LlmTask.Chat, model, [new LlmMessage(LlmRole.User, "Hi")], MaxOutputTokens: 10);

    private static async Task ReadAsync(ILlmClient client, string model)
    {
        await foreach (var _ in client.StreamAsync(Request(model), CancellationToken.None))
        {
        }
    }

    /// <summary>Begins in the pool, so that a call which ends at once ends there too.</summary>
    private static Task<bool> ThreadAfterAsync(GatewayHost gateway, Func<ILlmClient, Task> call) => Task.Run(async () =>
    {
        try
        {
            await call(gateway.Services.GetRequiredService<ILlmClient>());
        }
        catch (LlmException)
        {
            // That is an end too.
        }
        return Thread.CurrentThread.IsThreadPoolThread;
    });
}
