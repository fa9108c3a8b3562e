using System.Text.Json;

namespace LlmGateway.Llm;

/// <summary>What the answer is for: it decides limits, cache times and how the offline provider answers.</summary>
public enum LlmTask
{
    Chat,
    Summarize,
    Classify,
}

public enum LlmRole
{
    System,
    User,
    Assistant,
}

public sealed record LlmMessage(LlmRole Role, string Content);

/// <summary>A function that the model is forced to call, once.</summary>
/// <param name="Name">Letters, digits, <c>_</c> and <c>-</c>, at most 64.</param>
/// <param name="Description">Told to the model.</param>
/// <param name="Parameters">A strict JSON schema: every property required, no additional ones.</param>
public sealed record LlmTool(string Name, string Description, JsonElement Parameters);

/// <summary>One question to one model.</summary>
public sealed record LlmRequest
{
    public required LlmTask Task { get; init; }

    /// <summary>A name in the model table.</summary>
    public required string Model { get; init; }

    /// <summary>In order; a system message, where there is one, comes first.</summary>
    public required IReadOnlyList<LlmMessage> Messages { get; init; }

    /// <summary>Tokens the answer may have at most, as the provider counts them.</summary>
    public required int MaxOutputTokens { get; init; }

    /// <summary>0 to 2; the model's own default without it.</summary>
    public double? Temperature { get; init; }

    /// <summary>With a tool, the answer is the tool's arguments: <see cref="LlmResponse.ToolArguments"/>.</summary>
    public LlmTool? Tool { get; init; }

    /// <summary>The HTTP request that asked; it changes nothing in the answer, and is in every log line and on the wire upstream.</summary>
    public string? RequestId { get; init; }
}

/// <summary>Texts to be turned into vectors.</summary>
public sealed record EmbeddingRequest
{
    /// <summary>A name in the model table.</summary>
    public required string Model { get; init; }

    public required IReadOnlyList<string> Inputs { get; init; }

    /// <summary>The length of each vector; the model's own without it.</summary>
    public int? Dimensions { get; init; }

    /// <inheritdoc cref="LlmRequest.RequestId"/>
    public string? RequestId { get; init; }
}
