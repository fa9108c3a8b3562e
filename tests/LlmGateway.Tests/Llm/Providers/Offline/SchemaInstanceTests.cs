using System.Buffers;
using System.Text;
using System.Text.Json;
using LlmGateway.Llm;
using LlmGateway.Llm.Providers.Offline;

namespace LlmGateway.Tests.Llm.Providers.Offline;

public class SchemaInstanceTests
{
    [Theory]
    [InlineData("""{"type":"string"}""", "\"\"")]
    [InlineData("""{"type":"string","minLength":2}""", "\"  \"")]
    [InlineData("""{"type":"string","enum":["b","a"]}""", "\"b\"")]
    [InlineData("""{"type":"number","minimum":0.5,"maximum":1}""", "0.5")]
    [InlineData("""{"type":"number","maximum":-1}""", "-1")]
    [InlineData("""{"type":"number"}""", "0")]
    [InlineData("""{"type":"integer","exclusiveMinimum":3}""", "4")]
    [InlineData("""{"type":"boolean"}""", "false")]
    [InlineData("""{"type":["null","string"]}""", "null")]
    [InlineData("""{"const":7}""", "7")]
    [InlineData("""{"type":"array","items":{"type":"boolean"}}""", "[]")]
    [InlineData("""{"type":"array","items":{"type":"boolean"},"minItems":2}""", "[false,false]")]
    [InlineData("""{"anyOf":[{"type":"integer"},{"type":"null"}]}""", "0")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"required":["b"]}""", """{"b":""}""")]
    [InlineData("""{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"type":"boolean"}}}""", """{"a":false}""")]
    [InlineData("{}", "null")]
    public void IsTheSmallestValueThatTheSchemaAllows(string schema, string expected) => Assert.Equal(expected, Write(schema));

    [Theory]
    [InlineData("""{"type":"object","properties":{"me":{"$ref":"#"}}}""")]
    [InlineData("""{"$ref":"#/$defs/missing"}""")]
    public void RefusesSchemasThatNothingFits(string schema) =>
        Assert.Equal(LlmErrorKind.InvalidRequest, Assert.Throws<LlmException>(() => Write(schema)).Kind);

    private static string Write(string schema)
    {
        var json = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(json))
            SchemaInstance.Write(writer, JsonElement.Parse(schema), new Dictionary<string, string>());
        return Encoding.UTF8.GetString(json.WrittenSpan);
    }
}
