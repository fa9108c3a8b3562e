using LlmGateway.Llm;
using LlmGateway.Llm.Models;
using LlmGateway.Tests.Hosts;
using Microsoft.Extensions.DependencyInjection;

namespace LlmGateway.Tests.Llm;

public class ModelTableTests
{
    private static readonly ModelTable Table = new(
    [
        new ModelInfo { Name = "small", InputPrice = 0.15m, CachedInputPrice = 0.075m, OutputPrice = 0.6m },
        new ModelInfo { Name = "large", InputPrice = 2, OutputPrice = 8 },
        new ModelInfo { Name = "free", InputPrice = 0, OutputPrice = 0 },
        new ModelInfo { Name = "unpriced" },
        new ModelInfo { Name = "vectors", Embeddings = true, InputPrice = 0.02m },
    ]);

    [Fact]
    public void FindsByTheExactNameAlone()
    {
        Assert.Equal("small", Table.GetChat("small").Name);
        Assert.Null(Table.Find("Small"));
        Assert.Null(Table.Find("small "));
        Assert.Null(Table.Find(""));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("vectors")]
    [InlineData("SMALL")]
    public void OffersOnlyWhatAnswers(string name)
    {
        var exception = Assert.Throws<LlmException>(() => Table.GetChat(name));

        Assert.Equal(LlmErrorKind.ModelNotAllowed, exception.Kind);
        Assert.Contains("free, large, small, unpriced", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(name == "vectors" ? "vectors" : name, exception.Message, StringComparison.Ordinal);
        Assert.Equal(["model"], exception.Errors!.Keys);
    }

    [Theory]
    [InlineData("small", 0, 0, 0, "0")]
    [InlineData("small", 1, 0, 0, "0.00000015")]
    [InlineData("small", 0, 1, 0, "0.0000006")]
    [InlineData("small", 1, 0, 1, "0.000000075")]
    [InlineData("small", 1000000, 1000000, 400000, "0.72")]
    [InlineData("large", 10, 10, 10, "0.0001")]
    [InlineData("small", 5, 0, 9, "0.000000375")]
    [InlineData("free", 1000, 1000, 0, "0")]
    [InlineData("vectors", 50, 0, 0, "0.000001")]
    [InlineData("large", int.MaxValue, int.MaxValue, 0, "21474.83647")]
    public void CountsInExactDecimals(string model, int input, int output, int cached, string cost) =>
        Assert.Equal(decimal.Parse(cost, System.Globalization.CultureInfo.InvariantCulture), Table.Find(model)!.Cost(new LlmUsage(input, output, cached)));

    [Theory]
    [InlineData("unpriced", 1, 0)]
    [InlineData("vectors", 1, 1)]
    public void ClaimsNoCostWithoutAPrice(string model, int input, int output) => Assert.Null(Table.Find(model)!.Cost(new LlmUsage(input, output)));

    [Fact]
    public async Task HoldsWhatTheFileLists()
    {
        await using var gateway = await GatewayHost.StartAsync("Llm:Models:house:ContextWindow=5000", "Llm:Models:house:MaxOutputTokens=100", "Llm:Models:house:InputPrice=1.25");

        var table = gateway.Services.GetRequiredService<ModelTable>();

        var mini = table.GetChat("gpt-4o-mini");
        Assert.Equal((0.15m, 0.075m, 0.60m), (mini.InputPrice, mini.CachedInputPrice, mini.OutputPrice));
        Assert.Equal((128_000, 16_384, "o200k_base", "openai"), (mini.ContextWindow, mini.MaxOutputTokens, mini.Encoding, mini.Provider));
        Assert.Equal((1.25m, null), (table.GetChat("house").InputPrice, table.GetChat("house").OutputPrice));
        Assert.Equal("cl100k_base", table.Find("text-embedding-3-small")!.Encoding);
        Assert.All(table.All, model => Assert.NotEqual("", model.Name));
    }
}
