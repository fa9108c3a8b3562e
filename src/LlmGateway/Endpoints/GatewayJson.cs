using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using LlmGateway.Endpoints.Summaries;
using LlmGateway.Hosting;

namespace LlmGateway.Endpoints;

/// <summary>All JSON that crosses the gateway's own border: snake_case, strict about what it reads.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(SummarizeRequest))]
[JsonSerializable(typeof(SummarizeResponse))]
[JsonSerializable(typeof(ChatRequest))]
[JsonSerializable(typeof(ChatResponse))]
[JsonSerializable(typeof(ChatEndFrame))]
[JsonSerializable(typeof(ChatErrorFrame))]
[JsonSerializable(typeof(SummaryProgressFrame))]
[JsonSerializable(typeof(SummaryErrorFrame))]
[JsonSerializable(typeof(DryRunResponse))]
[JsonSerializable(typeof(EmbeddingsRequest))]
[JsonSerializable(typeof(EmbeddingsResponse))]
[JsonSerializable(typeof(ClassifyRequest))]
[JsonSerializable(typeof(ClassifyResponse))]
[JsonSerializable(typeof(ProblemBody))]
[JsonSerializable(typeof(HealthResponse))]
[JsonSerializable(typeof(TicketPrompt))]
[JsonSerializable(typeof(TicketResponse))]
internal sealed partial class GatewayJson : JsonSerializerContext
{
    private static GatewayJson? _readable;

    /// <summary>For what is sent: letters as letters in every language, for a JSON body is no part of a page.</summary>
    public static GatewayJson Readable =>
        _readable ??= new(new JsonSerializerOptions(Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
