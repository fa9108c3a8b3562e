using System.Text.Json;
using LlmGateway.Llm;
using Microsoft.Extensions.Logging.Abstractions;

namespace LlmGateway.Tests.Llm;

public class ToolCheckLlmClientTests
{
    private const string Good = """{"yes":true}""";
    private const string Bad = """{"yes":"perhaps"}""";

    private static readonly LlmRequest Request = new(
        LlmTask.Classify, "m", [], 1,
        Tool: new LlmTool(
            "answer", "Answers.", JsonElement.Parse("""{"type":"object","properties":{"yes":{"type":"boolean"}},"required":["yes"],"additionalProperties":false}""")));

    [Fact]
    public async Task PassesAnswersThatFit()
    {
        var inner = new Scripted(Answer(Good, 1));

        var response = await Check(inner).CompleteAsync(Request, default);

        Assert.Equal((Good, 1), (response.ToolArguments, inner.Calls));
    }

    [Fact]
    public async Task LeavesRequestsWithoutAToolAlone()
    {
        var inner = new Scripted(Answer(Bad, 1));

        var response = await Check(inner).CompleteAsync(Request with { Tool = null }, default);

        Assert.Equal((Bad, 1), (response.ToolArguments, inner.Calls));
    }

    [Theory]
    [InlineData(Bad)]
    [InlineData(null)]
    public async Task AsksOnceMoreAndAddsUpBothTries(string? broken)
    {
        var inner = new Scripted(Answer(broken, 2, new LlmUsage(10, 5, 3)), Answer(Good, 3, new LlmUsage(11, 6, 4)));

        var response = await Check(inner).CompleteAsync(Request, default);

        Assert.Equal(Good, response.ToolArguments);
        Assert.Equal(new LlmUsage(21, 11, 7), response.Usage);
        Assert.Equal(5, response.Origin.Attempts);
        Assert.Equal(TimeSpan.FromSeconds(5), response.Origin.UpstreamTime);
    }

    [Fact]
    public async Task KnowsNoUsageWhereOneTryToldNone()
    {
        Assert.Null((await Check(new Scripted(Answer(Bad, 1), Answer(Good, 1, new LlmUsage(1, 1)))).CompleteAsync(Request, default)).Usage);
        Assert.Null((await Check(new Scripted(Answer(Bad, 1, new LlmUsage(1, 1)), Answer(Good, 1))).CompleteAsync(Request, default)).Usage);
    }

    [Fact]
    public async Task GivesUpAfterTheSecondTry()
    {
        var inner = new Scripted(Answer(Bad, 2), Answer(Bad, 3), Answer(Good, 1));

        var exception = await Assert.ThrowsAsync<LlmException>(() => Check(inner).CompleteAsync(Request, default));

        Assert.Equal((LlmErrorKind.UpstreamInvalidResponse, 5, 2), (exception.Kind, exception.Attempts, inner.Calls));
    }

    [Fact]
    public async Task NeverRepeatsACallThatFailed()
    {
        var inner = new Scripted(() => throw new LlmException(LlmErrorKind.UpstreamAuth, "No.") { Attempts = 1 });

        var exception = await Assert.ThrowsAsync<LlmException>(() => Check(inner).CompleteAsync(Request, default));

        Assert.Equal((LlmErrorKind.UpstreamAuth, 1, 1), (exception.Kind, exception.Attempts, inner.Calls));
    }

    [Fact]
    public async Task CountsTheFirstTryWhereTheSecondFails()
    {
        var inner = new Scripted(Answer(Bad, 2), () => throw new LlmException(LlmErrorKind.UpstreamUnavailable, "No.") { Attempts = 6 });

        var exception = await Assert.ThrowsAsync<LlmException>(() => Check(inner).CompleteAsync(Request, default));

        Assert.Equal(8, exception.Attempts);
    }

    private static ToolCheckLlmClient Check(ILlmClient inner) => new(inner, NullLogger<ToolCheckLlmClient>.Instance);

    private static Func<LlmResponse> Answer(string? arguments, int attempts, LlmUsage? usage = null) => () => new LlmResponse
    {
        ToolArguments = arguments,
        FinishReason = FinishReason.Stop,
        Origin = new LlmOrigin("p", "m") { Attempts = attempts, UpstreamTime = TimeSpan.FromSeconds(attempts) },
        Usage = usage,
    };

    private sealed class Scripted(params Func<LlmResponse>[] answers) : ILlmClient
    {
        public int Calls { get; private set; }

        public Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken) => Task.FromResult(answers[Calls++]());

        public IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
