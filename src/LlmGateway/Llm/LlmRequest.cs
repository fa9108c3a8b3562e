using System.Text.Json;
using LlmGateway.Llm.Generations;

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

/// <param name="Role">Who says it.</param>
/// <param name="Content">What is said.</param>
/// <param name="IsAside">It helps the model, and an answer that was given with another aside, or none, will do as well: it is no part of the question.</param>
public sealed record LlmMessage(LlmRole Role, string Content, bool IsAside = false);

/// <summary>A function that the model is forced to call, once.</summary>
/// <param name="Name">Letters, digits, <c>_</c> and <c>-</c>, at most 64.</param>
/// <param name="Description">Told to the model.</param>
/// <param name="Parameters">A strict JSON schema: every property required, no additional ones.</param>
public sealed record LlmTool(string Name, string Description, JsonElement Parameters);

/// <summary>One question to one model. It is a positional record so that whoever takes it apart has to name each field.</summary>
/// <param name="Task">What the answer is for.</param>
/// <param name="Model">A name in the model table.</param>
/// <param name="Messages">In order; a system message, where there is one, comes first.</param>
/// <param name="MaxOutputTokens">Tokens the answer may have at most, as the provider counts them.</param>
/// <param name="Temperature">0 to 2; the model's own default without it.</param>
/// <param name="Tool">With a tool, the answer is the tool's arguments: <see cref="LlmResponse.ToolArguments"/>.</param>
/// <param name="Source">The whole text, where the messages hold only a part of it; what is told of the answer may depend on it.</param>
/// <param name="Scope">Answers are shared among requests of one scope only.</param>
/// <param name="Fresh">Neither a stored answer nor one under way will do; the new one is stored.</param>
/// <param name="RequestId">The HTTP request that asked; it changes nothing in the answer, and is in every log line and on the wire upstream.</param>
/// <param name="Stream">Under which name the answer is streamed.</param>
/// <param name="From">Nothing is asked: the stream goes on after so many characters.</param>
public sealed record LlmRequest(
    LlmTask Task,
    string Model,
    IReadOnlyList<LlmMessage> Messages,
    int MaxOutputTokens,
    double? Temperature = null,
    LlmTool? Tool = null,
    string? Source = null,
    string? Scope = null,
    bool Fresh = false,
    string? RequestId = null,
    StreamSession? Stream = null,
    int? From = null)
{
    /// <summary>The key of this question, where it has been worked out before.</summary>
    internal KnownKey? KnownKey { get; init; }

    /// <summary>For a question that may be asked again.</summary>
    internal LlmRequest WithKnownKey() => this with { KnownKey = new KnownKey(this, GenerationKey.Of(this)) };

    /// <summary>The rest of a stream whose client has the beginning.</summary>
    internal static LlmRequest RestOf(StreamSession stream, int from) => new(LlmTask.Chat, "", [], 0, Stream: stream, From: from);
}

/// <summary>Texts to be turned into vectors.</summary>
public sealed record EmbeddingRequest
{
    /// <summary>A name in the model table.</summary>
    public required string Model { get; init; }

    public required IReadOnlyList<string> Inputs { get; init; }

    /// <summary>Stored vectors will not do; the new ones are stored.</summary>
    public bool Fresh { get; init; }

    /// <returns>What the caller calls this input: a text by itself stands in no list.</returns>
    internal static string Field(int place, int count) => count == 1 ? "input" : $"input[{place}]";

    /// <summary>The length of each vector; the model's own without it.</summary>
    public int? Dimensions { get; init; }

    /// <inheritdoc cref="LlmRequest.RequestId"/>
    public string? RequestId { get; init; }
}
