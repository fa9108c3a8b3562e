using LlmGateway.Llm.Providers.Offline;

namespace LlmGateway.Tests.Llm.Providers.Offline;

public class ConceptLexiconTests
{
    [Fact]
    public void HasPhrasesOfOneOrTwoWords() =>
        Assert.All(ConceptLexicon.All.SelectMany(concept => concept.Phrases.Split(',')), phrase => Assert.True(Count(phrase) is 1 or 2, phrase));

    [Fact]
    public void HasOppositesThatExist() =>
        Assert.All(ConceptLexicon.All.Where(concept => concept.Opposite.Length > 0), concept =>
            Assert.Equal(concept.Name, ConceptLexicon.All.Single(other => other.Name == concept.Opposite).Opposite));

    private static int Count(string phrase)
    {
        var count = 0;
        foreach (var _ in new Words(phrase)) count++;
        return count;
    }
}
