namespace LlmGateway.Llm.Tokens;

/// <summary>
/// The encodings. Each is loaded once per process when it is first asked for, which takes about a tenth of a second and a few
/// megabytes that stay: warm those that are in use before the process is ready.
/// </summary>
internal static class TokenCounters
{
    /// <summary>gpt-4o, gpt-4.1, gpt-4.5, gpt-5, o1, o3, o4-mini.</summary>
    public const string O200kBase = "o200k_base";

    /// <summary>gpt-4, gpt-4-turbo, gpt-3.5, text-embedding-3.</summary>
    public const string Cl100kBase = "cl100k_base";

    private static readonly Lazy<TokenCounter> O200k = new(() => Load(
        O200kBase, "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d", isO200k: true));

    private static readonly Lazy<TokenCounter> Cl100k = new(() => Load(
        Cl100kBase, "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7", isO200k: false));

    private static readonly Lazy<Task<TokenCounter>> O200kLoading = new(() => Task.Run(() => O200k.Value));

    private static readonly Lazy<Task<TokenCounter>> Cl100kLoading = new(() => Task.Run(() => Cl100k.Value));

    /// <summary>The counter of an encoding.</summary>
    /// <exception cref="ArgumentException">There is no such encoding.</exception>
    /// <exception cref="InvalidDataException">The vocabulary is not the one that OpenAI publishes.</exception>
    public static TokenCounter Get(string encoding) => Of(encoding).Counter.Value;

    /// <summary>The same, without holding a thread while the vocabulary is being loaded: the first requests of a process come together.</summary>
    public static ValueTask<TokenCounter> GetAsync(string encoding, CancellationToken cancellationToken)
    {
        var (counter, loading) = Of(encoding);
        return counter.IsValueCreated ? new(counter.Value) : new(loading.Value.WaitAsync(cancellationToken));
    }

    /// <summary>Loads encodings, in parallel.</summary>
    /// <exception cref="ArgumentException">There is no such encoding.</exception>
    public static Task WarmAsync(IEnumerable<string> encodings, CancellationToken cancellationToken) =>
        Task.WhenAll(encodings.Distinct().Select(encoding => GetAsync(encoding, cancellationToken).AsTask()));

    private static (Lazy<TokenCounter> Counter, Lazy<Task<TokenCounter>> Loading) Of(string encoding) => encoding switch
    {
        O200kBase => (O200k, O200kLoading),
        Cl100kBase => (Cl100k, Cl100kLoading),
        _ => throw new ArgumentException($"There is no encoding '{encoding}'.", nameof(encoding)),
    };

    private static TokenCounter Load(string encoding, string sha256, bool isO200k) =>
        new(new PreTokenizer(isO200k), new PieceCounter(Vocabulary.Load(encoding, sha256)));
}
