using System.Text;
using System.Text.Json;
using LlmGateway.Llm;
using LlmGateway.Llm.Providers.Offline;
using Microsoft.Extensions.Time.Testing;

namespace LlmGateway.Tests.Llm.Providers.Offline;

public class OfflineLlmClientTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task AnswersByTask()
    {
        var client = Fast();

        var summary = await client.CompleteAsync(Request("One point is made here.", LlmTask.Summarize), CancellationToken.None);
        Assert.Equal(("One point is made here.", FinishReason.Stop), (summary.Text, summary.FinishReason));
        Assert.Equal(("offline", "gpt-4o-mini", 1), (summary.Origin.Provider, summary.Origin.Model, summary.Origin.Attempts));

        var chat = await client.CompleteAsync(Request("count to 3"), CancellationToken.None);
        Assert.StartsWith("1, 2, 3\n\n", chat.Text);

        var call = await client.CompleteAsync(
            Request("The invoice is wrong", LlmTask.Classify) with { Tool = ToolCallTests.Classification("billing", "sales") }, CancellationToken.None);
        Assert.Equal(("", FinishReason.ToolCalls), (call.Text, call.FinishReason));
        Assert.Equal("billing", JsonElement.Parse(call.ToolArguments!).GetProperty("category").GetString());
    }

    [Fact]
    public async Task SaysTheSameEveryTimeAtAnyTemperature()
    {
        var request = Request("Tell me about volcanic islands");
        var first = await Fast().CompleteAsync(request, CancellationToken.None);
        var second = await Fast().CompleteAsync(request with { Temperature = 2 }, CancellationToken.None);

        Assert.Equal(first, second);
    }

    [Fact]
    public async Task ReportsUsage()
    {
        var client = Fast();
        var answer = await client.CompleteAsync(Request("say one two three four"), CancellationToken.None);
        var longer = await client.CompleteAsync(Request("say one two three four five six"), CancellationToken.None);

        Assert.InRange(answer.Usage!.OutputTokens, 40, 100);
        Assert.Equal(2, longer.Usage!.InputTokens - answer.Usage.InputTokens);
        Assert.True((await client.CompleteAsync(
            Request("x") with { Tool = ToolCallTests.Classification("a") }, CancellationToken.None)).Usage is { InputTokens: > 20, OutputTokens: > 0 });
    }

    [Theory]
    [InlineData(LlmTask.Chat, false)]
    [InlineData(LlmTask.Summarize, false)]
    [InlineData(LlmTask.Classify, true)]
    public async Task StopsAtTheOutputLimit(LlmTask task, bool withTool)
    {
        var tool = withTool ? ToolCallTests.Classification("a") : null;
        var request = Request("This is a sentence of many words without an end in sight", task) with { Tool = tool };
        var whole = await Fast().CompleteAsync(request, CancellationToken.None);
        var cut = await Fast().CompleteAsync(request with { MaxOutputTokens = 1 }, CancellationToken.None);

        Assert.Equal((FinishReason.Length, 1), (cut.FinishReason, cut.Usage!.OutputTokens));
        Assert.NotEqual(FinishReason.Length, whole.FinishReason);
        Assert.StartsWith(cut.ToolArguments ?? cut.Text, whole.ToolArguments ?? whole.Text);
        Assert.NotEmpty(cut.ToolArguments ?? cut.Text);
    }

    [Fact]
    public async Task ChoosesASummaryThatFits()
    {
        var text = string.Join(' ', Enumerable.Range(0, 10).Select(i => $"The harbour bridge number {i} is closed for person {i * 31}."));
        var summary = await Fast().CompleteAsync(Request(text, LlmTask.Summarize) with { MaxOutputTokens = 16 }, CancellationToken.None);

        Assert.Equal(FinishReason.Stop, summary.FinishReason);
        Assert.Single(Sentences.Split(summary.Text));
    }

    [Theory]
    [InlineData("")]
    [InlineData("Tell me about volcanic islands")]
    [InlineData("repeat: 你好 👩‍👩‍👧‍👦 e\u0301 \ud83d\0 end ")]
    public async Task StreamsWhatItAnswers(string message)
    {
        foreach (var max in new[] { 3, 1_000 })
        {
            var request = Request(message) with { MaxOutputTokens = max };
            var whole = await Fast().CompleteAsync(request, CancellationToken.None);
            var updates = await Fast().StreamAsync(request, CancellationToken.None).ToListAsync();

            Assert.Equal(whole.Text, string.Concat(updates.Select(update => update.Text)));
            Assert.Equal("offline", updates[0].Origin?.Provider);
            Assert.All(updates.Skip(1), update => Assert.Null(update.Origin));
            Assert.All(updates.SkipLast(1), update => Assert.True(update is { FinishReason: null, Usage: null, Text.Length: > 0 }));
            Assert.Equal((whole.FinishReason, whole.Usage), (updates[^1].FinishReason, updates[^1].Usage));
            Assert.Null(Record.Exception(() => StrictUtf8.GetByteCount(whole.Text)));
        }
    }

    [Fact]
    public async Task StreamsAtTheRateOfTheOptions()
    {
        var client = new OfflineLlmClient(new() { FirstToken = TimeSpan.FromMilliseconds(150), TokensPerSecond = 40 }, _time);
        await using var stream = client.StreamAsync(Request("Hello"), CancellationToken.None).GetAsyncEnumerator();

        await AssertComesAfter(stream, TimeSpan.FromMilliseconds(150));
        Assert.Equal(TimeSpan.FromMilliseconds(150), stream.Current.Origin?.UpstreamTime);
        await AssertComesAfter(stream, TimeSpan.FromMilliseconds(25));
        await AssertComesAfter(stream, TimeSpan.FromMilliseconds(25));

        // A reader who was away for four pieces finds them there.
        _time.Advance(TimeSpan.FromMilliseconds(100));
        for (var i = 0; i < 4; i++)
        {
            var next = stream.MoveNextAsync().AsTask();
            Assert.True(next.IsCompleted);
            Assert.True(await next);
        }
        await AssertComesAfter(stream, TimeSpan.FromMilliseconds(25));
    }

    [Fact]
    public void CompletesWithoutDelay() =>
        Assert.True(new OfflineLlmClient(new(), _time).CompleteAsync(Request("Hello"), CancellationToken.None).IsCompletedSuccessfully, "took time");

    [Fact]
    public async Task StopsAtOnceWhenCancelled()
    {
        using var cancellation = new CancellationTokenSource();
        await using var stream = new OfflineLlmClient(new(), _time).StreamAsync(Request("Hello"), cancellation.Token).GetAsyncEnumerator();
        var next = stream.MoveNextAsync().AsTask();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next.WaitAsync(Patience));

        await using var fast = Fast().StreamAsync(Request("Hello"), cancellation.Token).GetAsyncEnumerator();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await fast.MoveNextAsync());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Fast().CompleteAsync(Request("Hello"), cancellation.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Fast().EmbedAsync(new() { Model = "m", Inputs = ["a"] }, cancellation.Token));
    }

    [Fact]
    public async Task StopsAtOnceWhenCancelledBetweenPieces()
    {
        using var cancellation = new CancellationTokenSource();
        await using var stream = Fast().StreamAsync(Request("Hello"), cancellation.Token).GetAsyncEnumerator();
        Assert.True(await stream.MoveNextAsync());
        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await stream.MoveNextAsync());
    }

    [Fact]
    public async Task RefusesToStreamToolCalls()
    {
        var stream = Fast().StreamAsync(Request("x") with { Tool = ToolCallTests.Classification("a") }, CancellationToken.None);

        Assert.Equal(LlmErrorKind.InvalidRequest, (await Assert.ThrowsAsync<LlmException>(async () => await stream.ToListAsync())).Kind);
    }

    [Theory]
    [InlineData("text-embedding-3-small", null, 1536)]
    [InlineData("text-embedding-3-large", null, 3072)]
    [InlineData("text-embedding-3-small", 256, 256)]
    public async Task EmbedsEveryInputInOrder(string model, int? dimensions, int expected)
    {
        string[] inputs = ["first text", "", "second text", "first text"];
        var answer = await Fast().EmbedAsync(new() { Model = model, Inputs = inputs, Dimensions = dimensions }, CancellationToken.None);

        Assert.Equal(inputs.Select(input => HashedEmbedding.Of(input, expected)), answer.Vectors.Select(vector => vector.ToArray()));
        Assert.Equal(("offline", model), (answer.Origin.Provider, answer.Origin.Model));
        Assert.True(answer.Usage is { InputTokens: >= 6, OutputTokens: 0 });
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1537)]
    public async Task RefusesImpossibleDimensions(int dimensions)
    {
        var request = new EmbeddingRequest { Model = "m", Inputs = ["a"], Dimensions = dimensions };

        var refusal = await Assert.ThrowsAsync<LlmException>(() => Fast().EmbedAsync(request, CancellationToken.None));
        Assert.Equal(LlmErrorKind.InvalidRequest, refusal.Kind);
    }

    private async Task AssertComesAfter(IAsyncEnumerator<LlmUpdate> stream, TimeSpan delay)
    {
        var next = stream.MoveNextAsync().AsTask();
        _time.Advance(delay - TimeSpan.FromMilliseconds(1));
        Assert.False(next.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(await next.WaitAsync(Patience));
    }

    private OfflineLlmClient Fast() => new(new() { FirstToken = TimeSpan.Zero, TokensPerSecond = 0 }, _time);

    private static LlmRequest Request(string message, LlmTask task = LlmTask.Chat) =>
        new(task, "gpt-4o-mini", [new(LlmRole.User, message)], MaxOutputTokens: 1_000);
}
