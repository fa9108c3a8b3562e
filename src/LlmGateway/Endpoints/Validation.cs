using System.Globalization;
using System.Runtime.CompilerServices;
using LlmGateway.Llm;

namespace LlmGateway.Endpoints;

/// <summary>Collects what is wrong with a request, so that the caller hears all of it at once.</summary>
internal sealed class Validation
{
    private const string Required = "This field is required.";
    private const string Empty = "This field is empty.";

    private const int MaxErrors = 50;

    private Dictionary<string, string[]>? _errors;

    /// <summary>Whether enough is wrong: more is not told.</summary>
    public bool IsFull => _errors?.Count >= MaxErrors;

    public void Require(
        bool holds,
        [InterpolatedStringHandlerArgument(nameof(holds))] IfWrong field,
        [InterpolatedStringHandlerArgument(nameof(holds))] IfWrong problem)
    {
        if (holds || IsFull) return;
        _errors ??= [];
        var name = field.ToString();
        _errors[name] = [.. _errors.GetValueOrDefault(name, []), problem.ToString()];
    }

    public void Text(string? value, [InterpolatedStringHandlerArgument(nameof(value))] IfWrong field, bool required = true) =>
        Require(!required && value is null || !string.IsNullOrWhiteSpace(value), field, value is null ? Required : Empty);

    public void Text(ReadOnlyMemory<char>? value, string field) =>
        Require(value is { } text && !text.Span.IsWhiteSpace(), field, value is null ? Required : Empty);

    /// <param name="value">As the caller sent it.</param>
    /// <param name="limit">The highest that the configuration allows.</param>
    public void MaxTokens(int? value, int limit) =>
        Require(value is null || (value >= 1 && value <= limit), "max_tokens", $"This field takes a whole number from 1 to {limit}.");

    public void OneOf(string? value, string[] choices, string field) =>
        Require(value is null || choices.Contains(value), field, $"This field takes {string.Join(", ", choices.SkipLast(1))} or {choices[^1]}.");

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

    /// <summary>Words that are put together only where something is wrong: nearly every request is right.</summary>
    [InterpolatedStringHandler]
    internal ref struct IfWrong
    {
        private readonly string? _words;
        private DefaultInterpolatedStringHandler _parts;

        public IfWrong(int literalLength, int formattedCount, bool holds, out bool isWanted)
        {
            isWanted = !holds;
            if (isWanted) _parts = new DefaultInterpolatedStringHandler(literalLength, formattedCount, CultureInfo.InvariantCulture);
        }

        public IfWrong(int literalLength, int formattedCount, string? text, out bool isWanted)
            : this(literalLength, formattedCount, holds: !string.IsNullOrWhiteSpace(text), out isWanted)
        {
        }

        private IfWrong(string words) => _words = words;

        public static implicit operator IfWrong(string words) => new(words);

        public void AppendLiteral(string value) => _parts.AppendLiteral(value);

        public void AppendFormatted<T>(T value) => _parts.AppendFormatted(value);

        public override string ToString() => _words ?? _parts.ToStringAndClear();
    }
}
