namespace LlmGateway.Endpoints;

/// <summary>
/// What was made of bodies that came more than once: an answer that is stored is asked for again and again, and to parse the question takes as long as to find it.
/// A table of one place for each hash, so that it is bounded, and needs no lock: what comes later takes the place.
/// </summary>
internal sealed class ParsedBodies<T>
    where T : class
{
    private const int Places = 256;

    /// <summary>
    /// In bytes. With what is made of them, all of an endpoint's take some four megabytes, fifteen where they are nothing but brackets. A text of this length is a
    /// string: whoever gives <see cref="LongText"/> back after a request takes nothing away from the next one.
    /// </summary>
    public const int MaxLength = 4096;

    private readonly Parsed?[] _parsed = new Parsed?[Places];

    /// <summary>The hash of the last body that had none in its place: what comes once is not kept, or each new question would leave the collector an old object.</summary>
    private readonly int[] _seen = new int[Places];

    /// <param name="body">As it came.</param>
    /// <returns>Null where it is not known.</returns>
    public T? Find(ReadOnlySpan<byte> body) => body.Length > MaxLength ? null : Find(body, Place(Hash(body)));

    /// <param name="body">As it came.</param>
    /// <param name="parse">Makes of it what any number of requests may use, at one time too; may change the body.</param>
    public T Get(Span<byte> body, Func<Span<byte>, T> parse)
    {
        if (body.Length > MaxLength) return parse(body);
        var code = Hash(body);
        var place = Place(code);
        if (Find(body, place) is { } known) return known;
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

    private T? Find(ReadOnlySpan<byte> body, int place) =>
        Volatile.Read(ref _parsed[place]) is { } parsed && body.SequenceEqual(parsed.Body) ? parsed.Value : null;

    private static int Hash(ReadOnlySpan<byte> body)
    {
        var hash = new HashCode();
        hash.AddBytes(body);
        return hash.ToHashCode();
    }

    private static int Place(int code) => code & (Places - 1);

    private sealed record Parsed(byte[] Body, T Value);
}
