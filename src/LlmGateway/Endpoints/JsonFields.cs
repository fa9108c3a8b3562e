using System.Text.Json;

namespace LlmGateway.Endpoints;

/// <summary>Names the field in which reading a body failed.</summary>
internal static class JsonFields
{
    /// <param name="path">As <see cref="JsonException.Path"/> has it: <c>$.messages[0].role</c>.</param>
    /// <param name="type">The request's type.</param>
    /// <returns>The first name of the path, if the type has such a property; a name of the caller's own making is nothing to repeat.</returns>
    public static string? Known(string? path, Type type)
    {
        if (path is null || !path.StartsWith("$.", StringComparison.Ordinal)) return null;
        var name = path[2..].Split('.', '[')[0];
        var properties = GatewayJson.Default.GetTypeInfo(type)!.Properties;
        return properties.FirstOrDefault(property => property.Name == name)?.Name;
    }
}
