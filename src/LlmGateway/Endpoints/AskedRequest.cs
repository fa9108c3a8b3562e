using LlmGateway.Hosting;
using LlmGateway.Llm;

namespace LlmGateway.Endpoints;

internal static class AskedRequest
{
    /// <summary>With what an HTTP request says beside its body, and its id.</summary>
    public static LlmRequest AskedIn(this LlmRequest request, HttpContext context) =>
        request with { Fresh = Query.Flag(context.Request, "fresh"), RequestId = RequestFacts.Of(context).RequestId };
}
