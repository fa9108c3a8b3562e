using LlmGateway.Llm;
using LlmGateway.Llm.Providers.Offline;

namespace LlmGateway.Tests.Llm.Providers.Offline;

public class ConversationalReplyTests
{
    [Theory]
    [InlineData("Hello!")]
    [InlineData("Can you explain how photosynthesis works in desert plants?")]
    [InlineData("")]
    [InlineData("\ud800\u0000 🙃")]
    public void SaysWhoAnswersAndHowToGetAModel(string message)
    {
        var reply = Reply(message);

        Assert.Contains("offline provider", reply);
        Assert.Contains("no model was asked", reply);
        Assert.Contains("OPENAI_API_KEY", reply);
        Assert.InRange(Pieces.Of(reply).Count(), 40, 80);
    }

    [Fact]
    public void ShowsThatItReadTheMessage()
    {
        Assert.Contains("“photosynthesis works” (10 words), the first", Reply("Can you explain how photosynthesis works in the dry desert?"));
        Assert.Contains("“海港大桥”", Reply("海港大桥"));
    }

    [Fact]
    public void ShowsThatItReadTheConversation()
    {
        LlmMessage[] messages =
        [
            new(LlmRole.System, "You are a pirate."),
            new(LlmRole.User, "Tell me about volcanic islands"),
            new(LlmRole.Assistant, "They are islands."),
            new(LlmRole.User, "And the coral reefs?"),
        ];

        Assert.Contains("follows one about “volcanic islands”", ConversationalReply.To(messages));
        Assert.Contains("follows 2 earlier ones, the last about “coral reefs”", ConversationalReply.To([.. messages, new(LlmRole.User, "Why?")]));
    }

    [Fact]
    public void DoesNotQuoteLongMessages()
    {
        Assert.InRange(Reply(new string('x', 100_000)).Length, 100, 700);
        Assert.InRange(Reply(string.Concat(Enumerable.Repeat("longword ", 10_000))).Length, 100, 700);
    }

    private static string Reply(string message) => ConversationalReply.To([new(LlmRole.User, message)]);
}
