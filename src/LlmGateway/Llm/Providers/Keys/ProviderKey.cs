namespace LlmGateway.Llm.Providers.Keys;

/// <summary>One key of a provider, and how it fares. Guarded by the ring's lock.</summary>
internal sealed class ProviderKey(string key, int place, ILlmClient client)
{
    public string Key => key;

    /// <summary>1 for the first: what the log calls it.</summary>
    public int Place { get; private set; } = place;

    public ILlmClient Client => client;

    public int InFlight { get; set; }

    public DateTimeOffset RestsUntil { get; set; }

    /// <summary>The provider does not accept it.</summary>
    public bool IsOut { get; set; }

    public ProviderKey At(int newPlace)
    {
        Place = newPlace;
        IsOut = false;
        return this;
    }
}
