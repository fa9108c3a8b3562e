using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using LlmGateway.Llm;

namespace LlmGateway.Endpoints;

/// <summary>Names the field in which reading a body failed, and what it takes.</summary>
internal static class JsonFields
{
    /// <param name="path">As <see cref="JsonException.Path"/> has it: <c>$.messages[0].role</c>.</param>
    /// <param name="type">The request's type.</param>
    /// <returns>The path as far as the type has such properties, and their type; a name of the caller's own making is nothing to repeat.</returns>
    public static (string Name, Type Type)? Known(string? path, Type type)
    {
        if (path is null || !path.StartsWith("$.", StringComparison.Ordinal)) return null;
        var name = new StringBuilder();
        foreach (var step in path[2..].Split('.'))
        {
            var bracket = step.IndexOf('[', StringComparison.Ordinal);
            var property = Info(type).Properties.FirstOrDefault(property => property.Name == (bracket < 0 ? step : step[..bracket]));
            if (property is null) break;
            name.Append(name.Length == 0 ? "" : ".").Append(property.Name);
            type = property.PropertyType;
            if (bracket < 0 || Info(type).ElementType is not { } element) continue;
            name.Append(step, bracket, step.IndexOf(']', bracket) - bracket + 1);
            type = element;
        }
        return name.Length == 0 ? null : (name.ToString(), type);
    }

    /// <returns>What JSON such a field takes, in words.</returns>
    public static string Form(Type type) => (Nullable.GetUnderlyingType(type) ?? type) switch
    {
        var text when text == typeof(string) || text == typeof(LongText) => "a text in quotes",
        var whole when whole == typeof(int) => "a whole number, without quotes",
        var number when number == typeof(double) => "a number, without quotes",
        var role when role == typeof(LlmRole) => "system, user or assistant",
        var message when message == typeof(ChatMessage) => "an object with role and content",
        var category when category == typeof(Category) => "a name, or an object with name and description",
        var texts when texts == typeof(IReadOnlyList<string>) => "a text, or a list of texts",
        var list when Info(list).ElementType is { } element => $"a list; each part of it is {Form(element)}",
        _ => "something else",
    };

    private static JsonTypeInfo Info(Type type) => GatewayJson.Default.GetTypeInfo(type)!;
}
