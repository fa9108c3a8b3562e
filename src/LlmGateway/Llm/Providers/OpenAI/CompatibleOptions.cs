namespace LlmGateway.Llm.Providers.OpenAI;

/// <summary>How another server that speaks like OpenAI is reached: Ollama, vLLM, Azure OpenAI, OpenRouter.</summary>
public sealed class CompatibleOptions : ProviderOptions
{
    /// <summary>The variable, or setting, that its key comes from; a server without one and without <c>ApiKey</c> needs no key.</summary>
    public string? KeyVariable { get; set; }

    /// <summary>The field that bounds an answer: <c>max_tokens</c> or <c>max_completion_tokens</c>.</summary>
    public string MaxTokensField { get; set; } = "max_tokens";

    internal IEnumerable<string> AllProblems()
    {
        if (MaxTokensField is not ("max_tokens" or "max_completion_tokens")) yield return "MaxTokensField: give max_tokens or max_completion_tokens.";
        foreach (var problem in Problems("http://host/v1"))
            yield return problem;
    }
}
