namespace LlmGateway.Llm.Generations;

/// <summary>
/// Those who wait for a generation to go on, in a line that is kept in the readers themselves. Mostly there is one: lists would be six more objects that each token
/// fetches into the processor's cache. Not safe for threads but for <see cref="Wake"/>.
/// </summary>
internal struct WaitingReaders
{
    private const int MaxWokenHere = 16;

    /// <summary>It knows the one before it.</summary>
    private GenerationReader? _last;

    /// <param name="reader">Not in the line yet.</param>
    public void Add(GenerationReader reader) => (reader.NextWaiting, _last) = (_last, reader);

    /// <returns>The first that waited for what is there now; it knows the one after it. The others stay as they are.</returns>
    public GenerationReader? Take(Generation generation)
    {
        GenerationReader? first = null, later = null;
        for (var reader = _last; reader is not null;)
        {
            var earlier = reader.NextWaiting;
            if (generation.CanRead(reader))
            {
                if (later is null) _last = earlier;
                else later.NextWaiting = earlier;
                (reader.NextWaiting, first) = (first, reader);
            }
            else
            {
                later = reader;
            }
            reader = earlier;
        }
        return first;
    }

    /// <param name="first">As <see cref="Take"/> has given it.</param>
    public static void Wake(GenerationReader? first)
    {
        for (var i = 0; first is not null; i++)
        {
            var reader = first;
            // Before it is woken, for it may wait again at once; and it holds nobody that it was woken with.
            (first, reader.NextWaiting) = (reader.NextWaiting, null);
            // A reader's part takes microseconds, and this is the thread that the model is heard on.
            if (i < MaxWokenHere) reader.Wake();
            else ThreadPool.UnsafeQueueUserWorkItem(static reader => reader.Wake(), reader, preferLocal: false);
        }
    }
}
