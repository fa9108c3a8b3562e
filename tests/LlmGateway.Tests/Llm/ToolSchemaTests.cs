using System.Text.Json;
using LlmGateway.Llm;

namespace LlmGateway.Tests.Llm;

public class ToolSchemaTests
{
    private const string Schema =
        """
        {"type":"object","properties":{
            "word":{"type":"string","enum":["a","b\u00e9"]},
            "number":{"type":"number","minimum":0,"maximum":1},
            "flag":{"type":"boolean"},
            "inner":{"type":"object","properties":{"text":{"type":"string"}},"required":["text"],"additionalProperties":false}
        },"required":["word"],"additionalProperties":false}
        """;

    [Theory]
    [InlineData("""{"word":"a"}""")]
    [InlineData("""{"word":"bé"}""")]
    [InlineData("""{"word":"b\u00E9"}""")]
    [InlineData(""" { "word" : "a" } """)]
    [InlineData("""{"word":"a","number":0}""")]
    [InlineData("""{"word":"a","number":1.0}""")]
    [InlineData("""{"word":"a","number":5e-3}""")]
    [InlineData("""{"number":0.5,"word":"a","flag":true,"inner":{"text":""}}""")]
    [InlineData("""{"word":"a","flag":false}""")]
    public void TakesWhatFits(string arguments) => Assert.True(ToolSchema.Fits(JsonElement.Parse(Schema), arguments));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("a")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("\"a\"")]
    [InlineData("{}")]
    [InlineData("{")]
    [InlineData("""{"word":"a"}}""")]
    [InlineData("""{"word":"a",}""")]
    [InlineData("""{"word":"c"}""")]
    [InlineData("""{"word":"A"}""")]
    [InlineData("""{"word":"a "}""")]
    [InlineData("""{"word":null}""")]
    [InlineData("""{"word":["a"]}""")]
    [InlineData("""{"Word":"a"}""")]
    [InlineData("""{"word":"a","number":-0.001}""")]
    [InlineData("""{"word":"a","number":1.001}""")]
    [InlineData("""{"word":"a","number":1e400}""")]
    [InlineData("""{"word":"a","number":"1"}""")]
    [InlineData("""{"word":"a","number":null}""")]
    [InlineData("""{"word":"a","flag":1}""")]
    [InlineData("""{"word":"a","flag":"true"}""")]
    [InlineData("""{"word":"a","inner":{}}""")]
    [InlineData("""{"word":"a","inner":{"text":1}}""")]
    [InlineData("""{"word":"a","inner":{"text":"","more":1}}""")]
    [InlineData("""{"word":"a","inner":"text"}""")]
    [InlineData("""{"word":"a","extra":1}""")]
    [InlineData("""{"word":"a","word":"c"}""")]
    [InlineData("""{"word":"c","word":"a"}""")]
    [InlineData("""{"word":"\ud83d"}""")]
    [InlineData("""{"word":"a","\ud83d":1}""")]
    public void RefusesWhatDoesNot(string? arguments) => Assert.False(ToolSchema.Fits(JsonElement.Parse(Schema), arguments));

    [Fact]
    public void RefusesDepthRatherThanFailing() => Assert.False(ToolSchema.Fits(JsonElement.Parse(Schema), new string('[', 100_000)));

    [Theory]
    [InlineData("""{"type":"array"}""", "[]")]
    [InlineData("""{"type":"integer"}""", "1")]
    public void FitsNothingToASchemaThatItDoesNotKnow(string schema, string arguments) =>
        Assert.False(ToolSchema.Fits(JsonElement.Parse(schema), arguments));
}
