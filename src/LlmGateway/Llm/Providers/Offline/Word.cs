namespace LlmGateway.Llm.Providers.Offline;

/// <summary>A word of a text.</summary>
/// <param name="Start">Where it starts, in UTF-16 units.</param>
/// <param name="Length">How long it is, in UTF-16 units.</param>
/// <param name="Term">A hash of its stem: the same for every form of the word.</param>
/// <param name="IsStop">Whether it says nothing about what the text is about.</param>
internal readonly record struct Word(int Start, int Length, ulong Term, bool IsStop)
{
    public int End => Start + Length;
}
