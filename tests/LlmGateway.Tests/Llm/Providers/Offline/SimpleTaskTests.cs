using LlmGateway.Llm.Providers.Offline;

namespace LlmGateway.Tests.Llm.Providers.Offline;

public class SimpleTaskTests
{
    [Theory]
    [InlineData("count to 5", "1, 2, 3, 4, 5")]
    [InlineData("Please count from three to 6.", "3, 4, 5, 6")]
    [InlineData("Can you count down from 3?", "3, 2, 1")]
    [InlineData("List the days of the week", "- Monday\n- Tuesday\n- Wednesday\n- Thursday\n- Friday\n- Saturday\n- Sunday")]
    [InlineData("name three colours", "- red\n- orange\n- yellow")]
    [InlineData("What are the first 2 planets?", "- Mercury\n- Venus")]
    [InlineData("repeat: a  b\nc", "a  b\nc")]
    [InlineData("say hello world", "hello world")]
    [InlineData("Please repeat after me: \"I do\"", "I do")]
    [InlineData("Echo 😀", "😀")]
    [InlineData("Hi there!", "Hello! What can I do for you?")]
    [InlineData("thanks a lot", "You are welcome!")]
    [InlineData("Bye", "Goodbye!")]
    public void DoesWhatIsSimple(string message, string expected) => Assert.Equal(expected, SimpleTask.Do(message));

    [Theory]
    [InlineData("")]
    [InlineData("say")]
    [InlineData("count to infinity")]
    [InlineData("count to 99999999999")]
    [InlineData("list the kings of France")]
    [InlineData("Why is the sky blue? Hello?")]
    [InlineData("Saying goodbye is hard")]
    public void LeavesTheRestToAModel(string message) => Assert.Null(SimpleTask.Do(message));
}
