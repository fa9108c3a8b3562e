using System.Text.Json;

namespace LlmGateway.FakeOpenAI.Wire;

/// <summary>What OpenAI's endpoints have in common: the bearer token, the error body, the checks of a request.</summary>
/// <remarks>Source: platform.openai.com/docs/api-reference and /docs/guides/error-codes.</remarks>
internal abstract class OpenAIFormat : IWireFormat
{
    public const string InvalidRequest = "invalid_request_error";

    public static WireError Unauthorized { get; } =
        new(401, "You didn't provide an API key. Send it as a bearer token in the Authorization header.", InvalidRequest);

    public static WireError NotJson { get; } = new(400, "The body of the request could not be parsed as JSON.", InvalidRequest);

    public bool IsAuthorized(IHeaderDictionary headers) => HasToken(headers);

    public static bool HasToken(IHeaderDictionary headers) =>
        headers.Authorization.ToString() is { Length: > 7 } value && value.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase);

    public abstract IAnswer Answer(JsonElement body, FakeScript script, DateTimeOffset now);

    public byte[] ErrorBody(WireError error) => Describe(error);

    public Frame ErrorFrame(WireError error) => new(Describe(error));

    public static byte[] Describe(WireError error) => JsonText.Build(json =>
    {
        json.WriteStartObject();
        json.WriteStartObject("error");
        json.WriteText("message", error.Message);
        json.WriteText("type", error.Type);
        json.WriteText("param", error.Param);
        json.WriteText("code", error.Code);
        json.WriteEndObject();
        json.WriteEndObject();
    });

    protected static string Model(JsonElement body) =>
        body.ValueKind == JsonValueKind.Object && body.TryGetProperty("model", out var model) && model.ValueKind == JsonValueKind.String
            && model.GetString() is { Length: > 0 } name
            ? name
            : throw Missing("model", "you must provide a model parameter");

    protected static WireException Missing(string param, string? message = null) =>
        new(new WireError(400, message ?? $"Missing required parameter: '{param}'.", InvalidRequest, "missing_required_parameter", param));

    protected static WireException Invalid(string param, string message) =>
        new(new WireError(400, message, InvalidRequest, "invalid_value", param));

    /// <summary>About four characters a token, as in English text.</summary>
    protected static int EstimateTokens(string text) => (text.Length + 3) / 4;
}
