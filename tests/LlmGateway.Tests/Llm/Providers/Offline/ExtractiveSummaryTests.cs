using System.Diagnostics;
using LlmGateway.Llm.Providers.Offline;

namespace LlmGateway.Tests.Llm.Providers.Offline;

public class ExtractiveSummaryTests
{
    private const string Bridge = "The city council approved on Tuesday a plan to rebuild the old harbour bridge, which was closed in March after "
        + "inspectors found cracks in its steel. Rain fell for most of the day. The new bridge will cost 48.5 million dollars and is to carry "
        + "trams, cyclists and pedestrians across the harbour. Mayor J. R. Alvarez thanked her staff. Some councillors wore hats. Residents of "
        + "the harbour district had asked for months that the city rebuild the bridge, because the detour adds 20 minutes to their way. A dog "
        + "barked outside. Work on the bridge starts in spring, and the council expects the first trams to cross the harbour in two years. "
        + "Coffee was served afterwards. The minutes will be published online.";

    private const string Battery = "Researchers have built a battery from sodium and sulphur that keeps its charge for 1,000 cycles. Sodium is cheap. "
        + "The team, led by Dr. Ines Falk, published its results on Monday. She likes to hike. Earlier batteries of sodium and sulphur lost "
        + "half of their charge within 50 cycles, because sulphur dissolved into the electrolyte. The new battery stops the sulphur with a thin "
        + "layer of carbon. Lunch in the laboratory is at noon. The team says that factories could build sodium batteries for half of what "
        + "lithium batteries cost. The building is yellow.";

    private static readonly string[] BridgeAsides = ["dog", "hats", "Coffee", "Rain", "staff", "minutes will"];

    private static readonly string[] BatteryAsides = ["hike", "Lunch", "yellow", "is cheap"];

    [Fact]
    public void PicksTheSentencesThatTheTextIsAbout()
    {
        var summary = Summarize(Bridge);

        Assert.StartsWith("The city council approved on Tuesday a plan to rebuild the old harbour bridge", summary);
        Assert.Contains("bridge", summary[summary.IndexOf("steel.", StringComparison.Ordinal)..]);
        Assert.Equal(3, Sentences.Split(summary).Count);
        Assert.All(BridgeAsides, aside => Assert.DoesNotContain(aside, summary));
    }

    [Fact]
    public void LeavesAsidesOutOfAnArticleOfScience()
    {
        var summary = Summarize(Battery);

        Assert.Contains("Researchers have built a battery", summary);
        Assert.All(BatteryAsides, aside => Assert.DoesNotContain(aside, summary));
    }

    [Fact]
    public void KeepsTheOrderOfTheText()
    {
        var positions = Sentences.Split(Summarize(Bridge)).ConvertAll(range => Bridge.IndexOf(Summarize(Bridge)[range], StringComparison.Ordinal));

        Assert.DoesNotContain(-1, positions);
        Assert.Equal(positions.Order(), positions);
    }

    [Fact]
    public void SaysNothingTwice()
    {
        var again = string.Join(' ', Enumerable.Repeat("The bridge over the harbour will be rebuilt by the city.", 10));
        var summary = Summarize($"{again} Trams will use the tunnel meanwhile.");

        Assert.Equal("The bridge over the harbour will be rebuilt by the city. Trams will use the tunnel meanwhile.", summary);
    }

    [Fact]
    public void TakesFewerSentencesWhereThreeDoNotFit()
    {
        var whole = Summarize(Bridge);
        var shorter = ExtractiveSummary.Of(Bridge, summary => summary.Length < whole.Length);

        Assert.Equal(2, Sentences.Split(shorter).Count);
        Assert.Single(Sentences.Split(ExtractiveSummary.Of(Bridge, _ => false)));
    }

    [Theory]
    [InlineData("", "")]
    [InlineData(" \n\t ", "")]
    [InlineData("Only one sentence here.", "Only one sentence here.")]
    [InlineData("no\t\n full  stop", "no full stop")]
    [InlineData("😀😀 !!! ???", "😀😀 !!!")]
    [InlineData("...", "...")]
    [InlineData("-", "-")]
    [InlineData("\u0001\u0002 12 \u0003", "12")]
    public void TakesAnyText(string text, string expected) => Assert.Equal(expected, Summarize(text));

    [Fact]
    public void PartsHeadingsFromWhatFollows()
    {
        const string Sentences = "The harbour bridge is closed for repairs. Trams cross the harbour bridge on Sundays only.";

        Assert.Equal($"Harbour bridge news. {Sentences}", Summarize($"# Harbour bridge news\n\n{Sentences}\n\nAd\n\nFoo\n\nBar\n\nBaz\n\nQux"));
    }

    [Fact]
    public void SummarizesChinese()
    {
        var summary = Summarize("市政府决定重建海港大桥。今天下雨。海港大桥因为裂缝在三月关闭。狗在叫。居民要求市政府尽快重建大桥。");

        Assert.Equal("市政府决定重建海港大桥。海港大桥因为裂缝在三月关闭。", summary);
    }

    [Theory]
    [InlineData("The council of district {0} decided about bridge {1}. ")]
    [InlineData("word{0} ")]
    [InlineData("!{0}")]
    [InlineData("\n")]
    [InlineData("。")]
    public void TakesTimeInProportionToTheText(string pattern)
    {
        var small = Text(pattern, 200_000);
        Summarize(small);
        var watch = Stopwatch.StartNew();
        Summarize(Text(pattern, 2_000_000));

        // Some 200 ms where it is linear; a minute where it is quadratic.
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"{watch.Elapsed}");
    }

    private static string Text(string pattern, int length)
    {
        var parts = Enumerable.Range(0, length / pattern.Length).Select(i => string.Format(null, pattern, i * 7919 % 1000, i * 104729 % 5000));
        return string.Concat(parts);
    }

    private static string Summarize(string text) => ExtractiveSummary.Of(text, _ => true);
}
