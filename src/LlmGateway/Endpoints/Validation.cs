using LlmGateway.Llm;

namespace LlmGateway.Endpoints;

/// <summary>Collects what is wrong with a request, so that the caller hears all of it at once.</summary>
internal sealed class Validation
{
    private const int MaxErrors = 50;

    private Dictionary<string, string[]>? _errors;

    public void Require(bool holds, string field, string problem)
    {
        if (holds) return;
        _errors ??= [];
        if (_errors.Count >= MaxErrors) return;
        _errors[field] = [.. _errors.GetValueOrDefault(field, []), problem];
    }

    public void Text(string? value, string field, bool required = true) =>
        Require(!required && value is null || !string.IsNullOrWhiteSpace(value), field, value is null ? "This field is required." : "This field is empty.");

    public void Text(ReadOnlyMemory<char>? value, string field) =>
        Require(value is { } text && !text.Span.IsWhiteSpace(), field, value is null ? "This field is required." : "This field is empty.");

    /// <param name="value">As the caller sent it.</param>
    /// <param name="limit">The highest that the configuration allows.</param>
    public void MaxTokens(int? value, int limit) =>
        Require(value is null || (value >= 1 && value <= limit), "max_tokens", $"This field takes a whole number from 1 to {limit}.");

    public void OneOf(string? value, string[] choices, string field) =>
        Require(value is null || choices.Contains(value), field, $"This field takes {string.Join(", ", choices[..^1])} or {choices[^1]}.");

    /// <exception cref="LlmException">Something was wrong.</exception>
    public void Throw()
    {
        if (_errors is not null) throw Failure(_errors);
    }

    public static LlmException Failure(Dictionary<string, string[]> errors) =>
        new(LlmErrorKind.InvalidRequest, string.Join(" ", errors.Select(error => $"{(error.Key == "$" ? "body" : error.Key)}: {string.Join(" ", error.Value)}")))
        {
            Errors = errors,
        };
}
