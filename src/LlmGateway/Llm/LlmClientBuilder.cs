namespace LlmGateway.Llm;

/// <summary>Stacks decorators on a client: the first <see cref="Use"/> is the outermost.</summary>
public sealed class LlmClientBuilder(ILlmClient innermost)
{
    private readonly List<Func<ILlmClient, ILlmClient>> _decorators = [];

    public LlmClientBuilder Use(Func<ILlmClient, ILlmClient> decorator)
    {
        _decorators.Add(decorator);
        return this;
    }

    public ILlmClient Build()
    {
        var client = innermost;
        for (var i = _decorators.Count - 1; i >= 0; i--)
            client = _decorators[i](client);
        return client;
    }
}
