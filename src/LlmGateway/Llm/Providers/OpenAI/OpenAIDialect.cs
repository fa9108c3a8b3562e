namespace LlmGateway.Llm.Providers.OpenAI;

/// <summary>Where servers that speak like OpenAI differ.</summary>
/// <param name="MaxTokensField">What bounds an answer: <c>max_completion_tokens</c>, or <c>max_tokens</c> with most others.</param>
/// <param name="Obfuscates">Whether streams are padded unless asked not to.</param>
internal sealed record OpenAIDialect(string MaxTokensField, bool Obfuscates)
{
    public static OpenAIDialect Own { get; } = new("max_completion_tokens", Obfuscates: true);
}
