namespace LlmGateway.Endpoints;

/// <summary>
/// What was made of bodies that came more than once: an answer that is stored is asked for again and again, and to parse the question takes as long as to find it.
/// A table of one place for each hash, so that it is bounded, and needs no lock: what comes later takes the place.
/// </summary>
internal sealed class ParsedBodies<T>
    where T : class
{
    private const int Places = 512;

    /// <summary>In bytes. With what is made of them, all of them take some ten megabytes at most.</summary>
    private const int MaxLength = 4096;

    private readonly Parsed?[] _parsed = new Parsed?[Places];

    /// <summary>The hash of the last body that had none in its place: what comes once is not kept, or each new question would leave the collector an old object.</summary>
    private readonly int[] _seen = new int[Places];

    /// <param name="body">As it came.</param>
    /// <param name="parse">Makes of it what is neither changed nor given back afterwards; may change the body.</param>
    public T Get(Span<byte> body, Func<Span<byte>, T> parse)
    {
        if (body.Length > MaxLength) return parse(body);
        var hash = new HashCode();
        hash.AddBytes(body);
        var code = hash.ToHashCode();
        var place = code & (Places - 1);
        if (Volatile.Read(ref _parsed[place]) is { } parsed && parsed.Body.AsSpan().SequenceEqual(body)) return parsed.Value;
        if (_seen[place] != code)
        {
            _seen[place] = code;
            return parse(body);
        }
        var copy = body.ToArray();
        var value = parse(body);
        Volatile.Write(ref _parsed[place], new Parsed(copy, value));
        return value;
    }

    private sealed record Parsed(byte[] Body, T Value);
}
