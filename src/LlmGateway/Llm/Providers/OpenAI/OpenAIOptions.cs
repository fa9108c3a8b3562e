namespace LlmGateway.Llm.Providers.OpenAI;

/// <summary>How OpenAI, or a server that speaks like it, is reached.</summary>
public sealed class OpenAIOptions
{
    /// <summary>Set by <c>OPENAI_API_KEY</c>.</summary>
    public string? ApiKey { get; set; }

    /// <summary>With the version, without the endpoint. Set by <c>OPENAI_BASE_URL</c>.</summary>
    public Uri BaseUrl { get; set; } = new("https://api.openai.com/v1");

    /// <summary>The longest silence between two pieces of a stream.</summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Time to open a connection.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Bytes of one answer that comes in one piece.</summary>
    public int MaxResponseBytes { get; set; } = 32 * 1024 * 1024;
}
