namespace LlmGateway.Tests.Hosts;

/// <summary>For classes that measure time: they run while nothing else does.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Quiet
{
    public const string Name = "Quiet";
}
