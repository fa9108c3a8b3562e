using System.Text.Json;
using System.Text.Json.Serialization;
using LlmGateway.Llm;

namespace LlmGateway.Endpoints;

/// <summary>Reads the three roles by their names; a number is no name.</summary>
internal sealed class LlmRoleConverter : JsonConverter<LlmRole?>
{
    public override LlmRole? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.Null) return null;
        if (reader.TokenType != JsonTokenType.String) throw new JsonException();
        if (reader.ValueTextEquals("system"u8)) return LlmRole.System;
        if (reader.ValueTextEquals("user"u8)) return LlmRole.User;
        return reader.ValueTextEquals("assistant"u8) ? LlmRole.Assistant : throw new JsonException();
    }

    public override void Write(Utf8JsonWriter writer, LlmRole? value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value?.ToString().ToLowerInvariant());
}
