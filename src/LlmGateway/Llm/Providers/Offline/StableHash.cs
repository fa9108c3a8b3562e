namespace LlmGateway.Llm.Providers.Offline;

/// <summary>
/// FNV-1a over UTF-16 units with a final mix: the same on every machine and in every run, which <see cref="string.GetHashCode()"/> is not.
/// </summary>
internal static class StableHash
{
    public static ulong Of(ReadOnlySpan<char> text)
    {
        var hash = 14695981039346656037UL;
        foreach (var c in text)
            hash = (hash ^ c) * 1099511628211UL;
        return Mix(hash);
    }

    /// <summary>One hash for two in this order.</summary>
    public static ulong Of(ulong first, ulong second) => Mix((first * 0x9E3779B97F4A7C15UL) + second);

    // FNV's high bits hardly depend on the last characters; a vector's index and sign come from both ends.
    private static ulong Mix(ulong hash)
    {
        hash = (hash ^ (hash >> 33)) * 0xFF51AFD7ED558CCDUL;
        hash = (hash ^ (hash >> 33)) * 0xC4CEB9FE1A85EC53UL;
        return hash ^ (hash >> 33);
    }
}
