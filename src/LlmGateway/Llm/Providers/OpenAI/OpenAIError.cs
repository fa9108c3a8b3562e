using System.Text.Json;

namespace LlmGateway.Llm.Providers.OpenAI;

/// <summary>What <c>{"error":{…}}</c> says in words a program can read. Its message is left alone: it may quote the prompt or the key.</summary>
internal sealed record OpenAIError(string? Type, string? Code, string? Param)
{
    /// <param name="body">The whole body of an error answer, JSON or not.</param>
    public static OpenAIError? Parse(ReadOnlySpan<byte> body) => ProviderJson.Error(body, Read);

    /// <param name="json">Stands on the property's name; on its value's end afterwards.</param>
    /// <returns>Null where the value is null: servers that say so say that all is well.</returns>
    public static OpenAIError? Read(ref Utf8JsonReader json)
    {
        string? type = null, code = null, param = null;
        json.Read();
        if (json.TokenType == JsonTokenType.Null) return null;
        if (json.TokenType != JsonTokenType.StartObject)
        {
            json.Skip();
            return new OpenAIError(null, null, null);
        }
        while (json.ReadProperty())
        {
            if (json.ValueTextEquals("type"u8)) type = Identifier(ref json);
            else if (json.ValueTextEquals("code"u8)) code = Identifier(ref json);
            else if (json.ValueTextEquals("param"u8)) param = Identifier(ref json);
            else json.SkipValue();
        }
        return new OpenAIError(type, code, param);
    }

    /// <summary>Only what looks like a name: an upstream that put free text here would otherwise be quoted to the caller and the log.</summary>
    private static string? Identifier(ref Utf8JsonReader json)
    {
        var text = json.ReadString();
        return text is { Length: > 0 and <= 64 } && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '[' or ']' or '-') ? text : null;
    }
}
