using System.Globalization;
using System.Text.Json;

namespace LlmGateway.FakeOpenAI;

/// <summary>
/// A script written into a prompt: <c>[[fake latency=100 tokens=50 delay=20]]</c>, anywhere in the request's body. Times are in
/// milliseconds. Words are separated by blanks, so values are percent-encoded: <c>text=Hello%20world</c>. A later directive in the
/// body (the newest message of a conversation) replaces an earlier one.
/// </summary>
public static class FakeDirective
{
    private const string Start = "[[fake";
    private const string End = "]]";

    /// <summary>The last directive in <paramref name="body"/> applied to <paramref name="basis"/>; null without one.</summary>
    /// <exception cref="FormatException">The directive names no known setting or holds a bad value.</exception>
    public static FakeScript? Find(string body, FakeScript basis)
    {
        var start = body.LastIndexOf(Start, StringComparison.Ordinal);
        var end = start < 0 ? -1 : body.IndexOf(End, start, StringComparison.Ordinal);
        if (end < 0)
            return null;

        var script = basis;
        var words = Unescape(body[(start + Start.Length)..end]).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        foreach (var word in words)
        {
            var equals = word.IndexOf('=', StringComparison.Ordinal);
            var (name, value) = equals < 0 ? (word, "") : (word[..equals], Uri.UnescapeDataString(word[(equals + 1)..]));
            script = Apply(script, name, value);
        }

        return script;
    }

    private static string Unescape(string words)
    {
        try
        {
            return JsonSerializer.Deserialize<string>($"\"{words}\"") ?? words;
        }
        catch (JsonException)
        {
            // The body is no JSON and nothing in it is escaped.
            return words;
        }
    }

    private static FakeScript Apply(FakeScript script, string name, string value) => name switch
    {
        "latency" => script with { Latency = Milliseconds(value) },
        "head_drip" => script with { HeadDrip = Milliseconds(value) },
        "tokens" => script with { Tokens = Count(value) },
        "delay" => script with { Delay = Milliseconds(value) },
        "text" => script with { Text = value },
        "pieces" => script with { Pieces = value.Split('|') },
        "surrogate" => script with { Pieces = ["Hi ", "\ud83d", " there"] },
        "refusal" => script with { Refusal = value },
        "finish" => script with { FinishReason = value },
        "arguments" => script with { ToolArguments = value },
        "choice" => script with { Choice = value },
        "confidence" => script with { Confidence = double.Parse(value, CultureInfo.InvariantCulture) },
        "null_content" => script with { NullContent = Flag(value) },
        "empty_choices" => script with { EmptyChoices = Flag(value) },
        "no_usage" => script with { NoUsage = Flag(value) },
        "prompt_tokens" => script with { PromptTokens = Count(value) },
        "completion_tokens" => script with { CompletionTokens = Count(value) },
        "cached_tokens" => script with { CachedTokens = Count(value) },
        "status" => script with { Status = Count(value) },
        "code" => script with { ErrorCode = value },
        "type" => script with { ErrorType = value },
        "message" => script with { ErrorMessage = value },
        "html" => script with { Html = Flag(value) },
        "retry_after" => script with { RetryAfter = value },
        "retry_after_date" => script with { RetryAfterDate = Milliseconds(value) },
        "retry_after_ms" => script with { RetryAfterMs = value },
        "header" => script with { Headers = WithHeader(script, value) },
        "fail_first" => script with { FailFirst = Count(value) },
        "key" => script with { Key = value },
        "stall" => WithFault(script, FakeFaultKind.Stall, value),
        "reset" => WithFault(script, FakeFaultKind.Reset, value),
        "close" => WithFault(script, FakeFaultKind.Close, value),
        "end" => WithFault(script, FakeFaultKind.End, value),
        "error" => WithFault(script, FakeFaultKind.ErrorEvent, value),
        "garbage" => WithFault(script, FakeFaultKind.Garbage, value),
        "partial" => script with { Fault = (script.Fault ?? new FakeFault(FakeFaultKind.Close, 0)) with { Partial = Flag(value) } },
        "split" => script with { SplitBytes = Count(value) },
        "split_delay" => script with { SplitDelay = Milliseconds(value) },
        "crlf" => script with { Crlf = Flag(value) },
        "comments" => script with { Comments = Flag(value) },
        _ => throw new FormatException($"Unknown setting '{name}' in a fake directive."),
    };

    private static FakeScript WithFault(FakeScript script, FakeFaultKind kind, string value) =>
        script with { Fault = new FakeFault(kind, value == "head" ? FakeFault.Head : Count(value), script.Fault?.Partial ?? false) };

    private static Dictionary<string, string> WithHeader(FakeScript script, string value)
    {
        var colon = value.IndexOf(':', StringComparison.Ordinal);
        if (colon < 1)
            throw new FormatException("A header in a fake directive is name:value.");
        return new Dictionary<string, string>(script.Headers) { [value[..colon]] = value[(colon + 1)..] };
    }

    private static bool Flag(string value) => value is "" or "1" or "true";

    private static int Count(string value) => value.Length == 0 ? 0 : int.Parse(value, NumberStyles.None, CultureInfo.InvariantCulture);

    private static TimeSpan Milliseconds(string value) => TimeSpan.FromMilliseconds(double.Parse(value, CultureInfo.InvariantCulture));
}
