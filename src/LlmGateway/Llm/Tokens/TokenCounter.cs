using System.Collections.Concurrent;
using SharpToken;

namespace LlmGateway.Llm.Tokens;

/// <summary>Where a number of tokens ends in a text.</summary>
internal readonly record struct TokenCut(int Length, int Tokens);

/// <summary>Counts a text in a model's own tokens.</summary>
internal sealed class TokenCounter(GptEncoding encoding)
{
    private static readonly HashSet<string> NoSpecials = [];

    public int Count(ReadOnlySpan<char> text) => encoding.Encode(text.ToString(), NoSpecials, NoSpecials).Count;

    public ValueTask<int> CountAsync(ReadOnlyMemory<char> text, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new(Count(text.Span));
    }

    public TokenCut Cut(ReadOnlySpan<char> text, int maxTokens)
    {
        var length = text.Length;
        var tokens = Count(text);
        while (tokens > maxTokens)
        {
            length = Math.Max(0, (int)((long)length * maxTokens / tokens) - 1);
            if (length > 0 && char.IsHighSurrogate(text[length - 1])) length--;
            tokens = Count(text[..length]);
        }
        return new TokenCut(length, tokens);
    }
}

/// <summary>Loads each vocabulary once.</summary>
internal sealed class TokenCounters
{
    private readonly ConcurrentDictionary<string, Task<TokenCounter>> _counters = new(StringComparer.Ordinal);

    public ValueTask<TokenCounter> GetAsync(string encoding, CancellationToken cancellationToken) =>
        new(_counters.GetOrAdd(encoding, name => Task.Run(() => new TokenCounter(GptEncoding.GetEncoding(name)), CancellationToken.None)).WaitAsync(cancellationToken));

    public Task WarmAsync(IEnumerable<string> encodings, CancellationToken cancellationToken) =>
        Task.WhenAll(encodings.Select(encoding => GetAsync(encoding, cancellationToken).AsTask()));
}
