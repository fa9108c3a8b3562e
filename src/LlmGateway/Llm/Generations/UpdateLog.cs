namespace LlmGateway.Llm.Generations;

/// <summary>
/// What a model has said, piece by piece. Nearly all pieces are text and nothing else: their characters lie one after the other, so that a piece takes some ten
/// bytes, and not two objects that the collector would have to move as long as the answer grows. Not safe for threads.
/// </summary>
internal sealed class UpdateLog
{
    private const int FirstPieces = 32;

    // A longer text is not held a second time for the sake of one object.
    private const int SharedLength = 256;

    /// <summary>What tells more than text, without its text.</summary>
    private readonly List<(int Index, LlmUpdate Update)> _telling = [];
    private readonly TextBuffer _text = new();
    private int[] _ends = [];
    private LlmUpdate? _added;

    /// <summary>Pieces.</summary>
    public int Count { get; private set; }

    /// <summary>Characters of all pieces.</summary>
    public int Length { get; private set; }

    /// <summary>Bytes of memory, about.</summary>
    public long Size => _text.Size + ((long)_ends.Length * sizeof(int));

    /// <summary>The piece that was added last; null where there is none.</summary>
    public LlmUpdate? Last => Count > 0 ? this[Count - 1] : null;

    /// <summary>All that has been said.</summary>
    public string Text => _text.ToString();

    public LlmUpdate this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
            // Whoever reads along gets what was just added.
            if (index == Count - 1 && _added is not null) return _added;
            var start = index > 0 ? _ends[index - 1] : 0;
            var text = _text.ToString(start, _ends[index] - start);
            // The first piece, the last, and seldom another one.
            foreach (var (place, update) in _telling)
            {
                if (place == index) return update with { Text = text };
            }
            return new LlmUpdate { Text = text };
        }
    }

    public void Add(LlmUpdate update)
    {
        if (Count == _ends.Length) Array.Resize(ref _ends, Math.Max(FirstPieces, 2 * _ends.Length));
        _text.Append(update.Text);
        Length += update.Text.Length;
        if (!update.IsOnlyText) _telling.Add((Count, update with { Text = "" }));
        _ends[Count++] = _text.Length;
        _added = update.Text.Length <= SharedLength ? update : null;
    }
}
