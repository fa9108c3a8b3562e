namespace LlmGateway.Hosting;

/// <summary>The names of the headers in which answers speak of themselves.</summary>
internal static class ResponseHeaders
{
    public const string RequestId = "x-request-id";
    public const string StreamId = "x-stream-id";
    public const string Model = "x-model";
    public const string Provider = "x-provider";
    public const string InputTokens = "x-tokens-input";
    public const string OutputTokens = "x-tokens-output";
    public const string CostUsd = "x-cost-usd";
    public const string SavedUsd = "x-cost-saved-usd";
    public const string CacheStatus = "cache-status";
    public const string Cache = "x-cache";
    public const string Attempts = "x-attempts";
    public const string ServerTiming = "server-timing";
    public const string MaxTokens = "x-max-tokens";
    public const string MessagesDropped = "x-messages-dropped";
}
