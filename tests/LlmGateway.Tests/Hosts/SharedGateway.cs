namespace LlmGateway.Tests.Hosts;

/// <summary>
/// One gateway for all tests of a class, which run one after the other: for tests that ask for nothing special. Neither circuit nor
/// retry budget ends here what one of many failing requests may do.
/// </summary>
public sealed class SharedGateway : IAsyncLifetime
{
    public static readonly IReadOnlyList<string> Patient =
    [
        "Llm:Resilience:BreakerMinimumThroughput=1000000",
        "Llm:Resilience:BudgetInitial=1000000",
        "Llm:Resilience:BudgetMax=1000000",
    ];

    internal GatewayHost Gateway { get; private set; } = null!;

    public async Task InitializeAsync() => Gateway = await GatewayHost.StartAsync([.. Patient, "Log:Level=Verbose"]);

    public async Task DisposeAsync() => await Gateway.DisposeAsync();
}
