using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Endpoints;

/// <summary>A way in which the upstream fails, and what the caller hears of it.</summary>
/// <param name="Script">What the upstream does.</param>
/// <param name="Status">What the caller gets.</param>
/// <param name="Code">The same, for programs.</param>
/// <param name="Retryable">Whether the caller is told to try again.</param>
/// <param name="Calls">Upstream calls: six where it is retried.</param>
/// <param name="Endpoints">The ones that it can happen to.</param>
internal sealed record UpstreamFailure(FakeScript Script, int Status, string Code, bool Retryable, int Calls, IReadOnlyList<string> Endpoints)
{
    private const int WithRetries = 6;

    private static readonly IReadOnlyList<string> NoTools = [.. GatewayCalls.Endpoints.Except(["POST /classify"])];

    public static readonly IReadOnlyDictionary<string, UpstreamFailure> All = new Dictionary<string, UpstreamFailure>
    {
        ["400"] = Rejected(400),
        ["400 context_length_exceeded"] = Told(400, "context_length_exceeded", 413, "context_length_exceeded"),
        ["400 string_above_max_length"] = Told(400, "string_above_max_length", 413, "context_length_exceeded"),
        ["400 content_filter"] = Told(400, "content_filter", 422, "content_filtered"),
        ["400 content_policy_violation"] = Told(400, "content_policy_violation", 422, "content_filtered"),
        ["401"] = Told(401, null, 502, "upstream_auth"),
        ["402"] = Rejected(402),
        ["403"] = Told(403, null, 502, "upstream_auth"),
        ["404"] = Rejected(404),
        ["405"] = Rejected(405),
        ["413"] = Told(413, null, 413, "context_length_exceeded"),
        ["415"] = Rejected(415),
        ["422"] = Rejected(422),
        ["431"] = Rejected(431),
        ["451"] = Rejected(451),
        ["429 insufficient_quota"] = Told(429, "insufficient_quota", 502, "upstream_quota_exhausted"),
        ["429 billing_hard_limit_reached"] = Told(429, "billing_hard_limit_reached", 502, "upstream_quota_exhausted"),
        ["429 type insufficient_quota"] =
            On(new FakeScript { Status = 429, ErrorType = "insufficient_quota", ErrorCode = "other" }, 502, "upstream_quota_exhausted", calls: 1),
        ["429"] = On(new FakeScript { Status = 429 }, 429, "upstream_rate_limited", WithRetries, retryable: true),
        ["429 HTML"] = On(new FakeScript { Status = 429, Html = true }, 429, "upstream_rate_limited", WithRetries, retryable: true),
        ["408"] = Unavailable(new FakeScript { Status = 408 }),
        ["409"] = Unavailable(new FakeScript { Status = 409 }),
        ["500"] = Unavailable(new FakeScript { Status = 500 }),
        ["502"] = Unavailable(new FakeScript { Status = 502 }),
        ["502 HTML"] = Unavailable(new FakeScript { Status = 502, Html = true }),
        ["503"] = Unavailable(new FakeScript { Status = 503 }),
        ["504"] = Unavailable(new FakeScript { Status = 504 }),
        ["529"] = Unavailable(new FakeScript { Status = 529 }),
        ["reset before the head"] = Unavailable(new FakeScript { Fault = new FakeFault(FakeFaultKind.Reset, FakeFault.Head) }),
        ["reset before the first token"] = Unavailable(new FakeScript { Fault = new FakeFault(FakeFaultKind.Reset, 0) }),
        ["close before the head"] = Unavailable(new FakeScript { Fault = new FakeFault(FakeFaultKind.Close, FakeFault.Head) }),
        ["close before the first token"] = Unavailable(new FakeScript { Fault = new FakeFault(FakeFaultKind.Close, 0) }),
        ["HTML with 200"] = NoAnswer(new FakeScript { Html = true }, GatewayCalls.Endpoints),
        ["truncated JSON"] = NoAnswer(new FakeScript { Fault = new FakeFault(FakeFaultKind.Garbage, 0) }, GatewayCalls.Endpoints),
        ["error body with 200"] = NoAnswer(new FakeScript { Fault = new FakeFault(FakeFaultKind.ErrorEvent, 0) }, GatewayCalls.JsonEndpoints),
        ["no choices"] = NoAnswer(new FakeScript { EmptyChoices = true }, GatewayCalls.JsonEndpoints),
        ["no content"] = NoAnswer(new FakeScript { NullContent = true }, ["POST /summarize"]),
        ["no end"] = NoAnswer(new FakeScript { Fault = new FakeFault(FakeFaultKind.End, 0) }, GatewayCalls.StreamEndpoints),
        ["redirect"] = NoAnswer(
            new FakeScript { Status = 302, Headers = new Dictionary<string, string> { ["location"] = "/v1/models" } }, GatewayCalls.JsonEndpoints),
        ["no content status"] = NoAnswer(new FakeScript { Status = 206 }, GatewayCalls.JsonEndpoints),
        ["error event"] = On(
            new FakeScript { Fault = new FakeFault(FakeFaultKind.ErrorEvent, 0) }, 503, "upstream_unavailable", WithRetries, retryable: true,
            GatewayCalls.StreamEndpoints),
        ["refusal"] = On(new FakeScript { Refusal = "I cannot help with that." }, 422, "content_filtered", 1, endpoints: NoTools),
        ["content_filter"] = On(new FakeScript { Pieces = [], FinishReason = "content_filter" }, 422, "content_filtered", 1, endpoints: NoTools),
    };

    /// <summary>Words that only OpenAI has, and those that only Anthropic has.</summary>
    public static readonly IReadOnlyDictionary<string, UpstreamFailure> OfAnthropic = All
        .Where(failure => failure.Key is not ("400 string_above_max_length" or "400 content_policy_violation" or "429 type insufficient_quota" or "402" or "no choices"))
        .Concat(new Dictionary<string, UpstreamFailure>
        {
            ["402"] = Told(402, null, 502, "upstream_quota_exhausted"),
            ["400 insufficient_quota"] = Told(400, "insufficient_quota", 502, "upstream_quota_exhausted"),
            ["400 billing_hard_limit_reached"] = Told(400, "billing_hard_limit_reached", 502, "upstream_quota_exhausted"),
            ["overloaded_error"] = On(
                new FakeScript { Fault = new FakeFault(FakeFaultKind.ErrorEvent, 0), ErrorType = "overloaded_error" }, 503, "upstream_unavailable", WithRetries,
                retryable: true, GatewayCalls.StreamEndpoints),
            ["rate_limit_error"] = On(
                new FakeScript { Fault = new FakeFault(FakeFaultKind.ErrorEvent, 0), ErrorType = "rate_limit_error" }, 429, "upstream_rate_limited", WithRetries,
                retryable: true, GatewayCalls.StreamEndpoints),
        })
        .ToDictionary();

    private static UpstreamFailure Rejected(int upstreamStatus) => Told(upstreamStatus, null, 502, "upstream_rejected");

    private static UpstreamFailure Told(int upstreamStatus, string? upstreamCode, int status, string code) =>
        On(new FakeScript { Status = upstreamStatus, ErrorCode = upstreamCode }, status, code, calls: 1);

    private static UpstreamFailure Unavailable(FakeScript script) => On(script, 503, "upstream_unavailable", WithRetries, retryable: true);

    private static UpstreamFailure NoAnswer(FakeScript script, IReadOnlyList<string> endpoints) =>
        On(script, 502, "upstream_invalid_response", 1, retryable: true, endpoints);

    private static UpstreamFailure On(
        FakeScript script, int status, string code, int calls, bool retryable = false, IReadOnlyList<string>? endpoints = null) =>
        new(script, status, code, retryable, calls, endpoints ?? GatewayCalls.Endpoints);
}
