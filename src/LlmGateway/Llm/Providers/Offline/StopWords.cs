using System.Collections.Frozen;

namespace LlmGateway.Llm.Providers.Offline;

/// <summary>English words that say how a sentence is built, and not what it is about.</summary>
internal static class StopWords
{
    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> Set = """
        a about above after again against ago all almost already also although always am among an and another any anybody anyone anything
        are aren't around as at away be because been before being below between both but by can can't cannot could couldn't did didn't do
        does doesn't doing don't down during each either else enough even ever every everybody everyone everything few for from further get
        gets getting got had hadn't has hasn't have haven't having he he'd he'll he's her here here's hers herself him himself his how
        however i i'd i'll i'm i've if in into is isn't it it'd it'll it's its itself just last least less let let's like likely made make
        makes many may maybe me might more most much must mustn't my myself neither never no nobody nor not nothing now of off often oh ok
        okay on once one only onto or other others otherwise our ours ourselves out over own per perhaps please quite rather really s said
        same say says she she'd she'll she's should shouldn't since so some somebody someone something still such t than that that's the
        their theirs them themselves then there there's therefore these they they'd they'll they're they've thing things this those though
        through thus to too toward towards under until up upon us very was wasn't we we'd we'll we're we've well were weren't what what's
        when where where's whether which while who who's whole whom whose why will with within without won't would wouldn't yes yet you
        you'd you'll you're you've your yours yourself yourselves
        """
        .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
        .ToFrozenSet()
        .GetAlternateLookup<ReadOnlySpan<char>>();

    /// <param name="word">In lower case, with straight apostrophes.</param>
    public static bool Contains(ReadOnlySpan<char> word) => Set.Contains(word);
}
