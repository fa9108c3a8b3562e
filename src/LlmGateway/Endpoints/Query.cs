using LlmGateway.Llm;

namespace LlmGateway.Endpoints;

/// <summary>Parameters that every endpoint knows.</summary>
internal static class Query
{
    /// <exception cref="LlmException">The parameter is there, and is neither yes nor no.</exception>
    public static bool Flag(HttpRequest request, string name)
    {
        if (!request.QueryString.HasValue) return false;
        return request.Query[name].ToString() switch
        {
            "" or "0" or "false" => false,
            "1" or "true" => true,
            _ => throw Validation.Failure(new() { [name] = ["This parameter takes 1 or 0."] }),
        };
    }
}
