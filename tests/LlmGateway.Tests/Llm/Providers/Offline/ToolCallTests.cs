using System.Text.Json;
using LlmGateway.Llm;
using LlmGateway.Llm.Providers.Offline;

namespace LlmGateway.Tests.Llm.Providers.Offline;

public class ToolCallTests
{
    [Fact]
    public void ClassifiesIntoTheToolsCategories()
    {
        var arguments = JsonElement.Parse(ToolCall.Arguments(Classification("sales", "billing", "other"), "I was charged twice", ""));

        Assert.Equal(["category", "confidence"], arguments.EnumerateObject().Select(property => property.Name));
        Assert.Equal("billing", arguments.GetProperty("category").GetString());
        Assert.InRange(arguments.GetProperty("confidence").GetDouble(), 0.5, 1);
    }

    [Fact]
    public void ReadsDescriptionsInTheInstructions()
    {
        const string Instructions = "Classify the text.\n- red: planets and stars\r\n- \"blue\": fruit, vegetables\n\nAnswer with the tool.";

        Assert.Equal("blue", Category("Which vegetables are cheap?"));
        Assert.Equal("red", Category("How far is the next star?"));

        static string? Category(string text) =>
            JsonElement.Parse(ToolCall.Arguments(Classification("red", "blue"), text, Instructions)).GetProperty("category").GetString();
    }

    [Fact]
    public void EscapesTheNamesOfCategories()
    {
        const string Name = "a \"b\" \\ 日本 😀";

        Assert.Equal(Name, JsonElement.Parse(ToolCall.Arguments(Classification(Name), "x", "")).GetProperty("category").GetString());
    }

    [Fact]
    public void FillsInAnyOtherTool()
    {
        var tool = new LlmTool("f", "", JsonElement.Parse("""{"type":"object","properties":{"n":{"type":"number","minimum":2},"s":{"type":"string"}}}"""));

        Assert.Equal("""{"n":2,"s":""}""", ToolCall.Arguments(tool, "x", ""));
    }

    internal static LlmTool Classification(params string[] names) => new("submit_classification", "Submits the class.", JsonElement.Parse($$$"""
        {"type":"object","properties":{"category":{"type":"string","enum":{{{JsonSerializer.Serialize(names)}}}},
        "confidence":{"type":"number","minimum":0,"maximum":1}},"required":["category","confidence"],"additionalProperties":false}
        """));
}
