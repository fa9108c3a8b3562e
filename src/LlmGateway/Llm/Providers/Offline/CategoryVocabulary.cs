namespace LlmGateway.Llm.Providers.Offline;

/// <summary>The words, and pairs of words, that speak for each of some categories, and how loudly.</summary>
internal sealed class CategoryVocabulary
{
    private const double NameWeight = 3, OwnWeight = 2, PartWeight = 1, DescriptionWeight = 1.5, GenericWeight = 0.5;

    private static readonly HashSet<ulong> Generic = Terms(
        "request question issue problem support inquiry enquiry help message general customer service contact related team category type")
        .ToHashSet();

    private static readonly HashSet<ulong> OtherNames = Terms(
        "other others general misc miscellaneous unknown none unclear else uncategorized unsure neutral mixed default rest ham")
        .ToHashSet();

    private readonly int _count;
    private readonly Dictionary<ulong, double[]> _weights = [];
    private readonly SimilarWords _similar = new();

    public CategoryVocabulary(IReadOnlyList<Category> categories)
    {
        _count = categories.Count;
        IsOther = new bool[_count];
        for (var i = 0; i < _count; i++)
            Add(i, categories[i]);
        // What speaks for many of them tells them apart less.
        foreach (var weights in _weights.Values)
        {
            var sharedBy = weights.Count(weight => weight > 0);
            for (var i = 0; i < _count; i++)
                weights[i] /= sharedBy;
        }
    }

    /// <summary>Which of the categories stand for what is in none of the rest.</summary>
    public bool[] IsOther { get; }

    /// <summary>A weight for each category, in their order; null where it speaks for none.</summary>
    public double[]? Find(ulong term) => _weights.GetValueOrDefault(term);

    /// <inheritdoc cref="SimilarWords.Find"/>
    public (ulong Term, double Similarity) FindSimilar(ReadOnlySpan<char> word) => _similar.Find(word);

    public static ulong Pair(ulong first, ulong second) => StableHash.Of(first, second);

    /// <summary>What a term becomes after a "not".</summary>
    public static ulong Negated(ulong term) => ~term;

    private void Add(int index, Category category)
    {
        var name = SplitWords(category.Name);
        var terms = Terms(name);
        IsOther[index] = terms.Exists(OtherNames.Contains);
        foreach (var word in new Words(name))
        {
            Add(index, word.Term, terms.Count > 1 && Generic.Contains(word.Term) ? GenericWeight : NameWeight);
            _similar.Add(name.AsSpan(word.Start, word.Length), word.Term);
        }
        // "None of billing or shipping" names what it is not.
        if (IsOther[index]) return;

        foreach (var word in new Words(category.Description))
        {
            if (word.IsStop || Generic.Contains(word.Term)) continue;
            Add(index, word.Term, DescriptionWeight);
            _similar.Add(category.Description.AsSpan(word.Start, word.Length), word.Term);
        }
        foreach (var concept in ConceptLexicon.All)
        {
            var weight = Terms(concept.Keys).Exists(IsKey) ? OwnWeight : Terms(concept.AlsoKeys).Exists(IsKey) ? PartWeight : 0;
            if (weight > 0) Add(index, concept, weight);
        }

        // "Support" in "billing support" is not what tells it apart.
        bool IsKey(ulong key) => terms.Contains(key) && (!Generic.Contains(key) || terms.TrueForAll(Generic.Contains));
    }

    private void Add(int index, Concept concept, double weight)
    {
        foreach (var phrase in concept.Phrases.Split(','))
            Add(index, PhraseTerm(phrase), weight);
        var opposite = ConceptLexicon.All.FirstOrDefault(other => other.Name == concept.Opposite);
        foreach (var phrase in opposite?.Phrases.Split(',') ?? [])
            Add(index, Negated(PhraseTerm(phrase)), weight);
    }

    private void Add(int index, ulong term, double weight)
    {
        if (!_weights.TryGetValue(term, out var weights)) _weights[term] = weights = new double[_count];
        weights[index] = Math.Max(weights[index], weight);
    }

    private static ulong PhraseTerm(string phrase) => Terms(phrase) is [var first, var second] ? Pair(first, second) : Terms(phrase)[0];

    private static List<ulong> Terms(string text)
    {
        var terms = new List<ulong>();
        foreach (var word in new Words(text))
            terms.Add(word.Term);
        return terms;
    }

    // "featureRequest" and "feature_request" are two words.
    private static string SplitWords(string name) =>
        string.Concat(name.Select((c, i) => i > 0 && char.IsUpper(c) && char.IsLower(name[i - 1]) ? $" {c}" : c.ToString()));
}
