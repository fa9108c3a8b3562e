using System.Text.Json;

namespace LlmGateway.Llm.Tokens;

/// <summary>
/// The tokens of a whole prompt, with what the API adds around messages and tools. The rules were found by experiment; OpenAI documents
/// those of messages, and says of tools only that they cost something.
/// </summary>
internal static class PromptTokens
{
    /// <summary>What a prompt has besides its messages: the beginning of the answer.</summary>
    public const int Opening = 3;

    /// <summary>What a message has besides its content: its frame, and the role, which is one token.</summary>
    public const int PerMessage = 4;

    private const int PerFunction = 7, PerProperties = 3, PerProperty = 3, EnumDiscount = -3, PerEnumValue = 3, PerTools = 12;

    /// <summary>No prompt has more tokens than this. It takes no counting.</summary>
    public static long AtMost(LlmRequest request)
    {
        long chars = 0;
        foreach (var message in request.Messages)
            chars += message.Content.Length;
        var tokens = Opening + ((long)PerMessage * request.Messages.Count) + (chars * TokenCounter.MaxTokensPerChar);
        return request.Tool is not { } tool
            ? tokens
            // Each name and each value of the schema has quotes, which make up for its overhead.
            : tokens + PerFunction + PerProperties + PerTools + ((tool.Name.Length + tool.Description.Length + tool.Parameters.GetRawText().Length) * TokenCounter.MaxTokensPerChar);
    }

    /// <exception cref="OperationCanceledException"></exception>
    public static async ValueTask<int> CountAsync(LlmRequest request, TokenCounter counter, CancellationToken cancellationToken)
    {
        var tokens = Opening + OfTool(request.Tool, counter);
        foreach (var message in request.Messages)
            tokens += await CountAsync(message, counter, cancellationToken);
        return tokens;
    }

    /// <exception cref="OperationCanceledException"></exception>
    public static async ValueTask<int> CountAsync(LlmMessage message, TokenCounter counter, CancellationToken cancellationToken) =>
        PerMessage + await counter.CountAsync(message.Content.AsMemory(), cancellationToken);

    /// <summary>The model does not see the schema but a declaration made of it: a line for the function, and one for each parameter.</summary>
    public static int OfTool(LlmTool? tool, TokenCounter counter)
    {
        if (tool is null) return 0;
        var tokens = PerTools + PerFunction + counter.Count($"{tool.Name}:{tool.Description}");
        if (!tool.Parameters.TryGetProperty("properties"u8, out var properties)) return tokens;
        tokens += PerProperties;
        foreach (var property in properties.EnumerateObject())
        {
            tokens += PerProperty + counter.Count($"{property.Name}:{Text(property.Value, "type"u8)}:{Text(property.Value, "description"u8)}");
            if (!property.Value.TryGetProperty("enum"u8, out var values)) continue;
            tokens += EnumDiscount;
            foreach (var value in values.EnumerateArray())
                tokens += PerEnumValue + counter.Count(value.ToString());
        }
        return tokens;
    }

    private static string Text(JsonElement schema, ReadOnlySpan<byte> name) =>
        schema.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
}
