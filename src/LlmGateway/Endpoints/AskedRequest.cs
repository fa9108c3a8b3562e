using LlmGateway.Hosting;
using LlmGateway.Llm;

namespace LlmGateway.Endpoints;

internal static class AskedRequest
{
    /// <summary>With what an HTTP request says beside its body.</summary>
    /// <param name="request">What the body asks.</param>
    /// <param name="context">Has the request's id.</param>
    /// <param name="fresh">Whether a stored answer will not do.</param>
    public static LlmRequest AskedIn(this LlmRequest request, HttpContext context, bool fresh) =>
        request with { Fresh = fresh, RequestId = RequestFacts.Of(context).RequestId };
}
