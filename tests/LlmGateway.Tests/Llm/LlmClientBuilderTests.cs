using LlmGateway.Llm;

namespace LlmGateway.Tests.Llm;

public class LlmClientBuilderTests
{
    [Fact]
    public void MakesTheFirstDecoratorTheOutermost()
    {
        var innermost = new Innermost();

        var client = new LlmClientBuilder(innermost).Use(inner => new First(inner)).Use(inner => new Second(inner)).Build();

        Assert.Same(innermost, Assert.IsType<Second>(Assert.IsType<First>(client).Inner).Inner);
    }

    [Fact]
    public void LeavesAClientWithoutDecoratorsAsItIs()
    {
        var innermost = new Innermost();

        Assert.Same(innermost, new LlmClientBuilder(innermost).Build());
    }

    [Fact]
    public async Task PassesEverythingOnThatADecoratorDoesNotOverride()
    {
        var innermost = new Innermost();
        var client = new LlmClientBuilder(innermost).Use(inner => new First(inner)).Build();
        using var cancellation = new CancellationTokenSource();
        var request = new LlmRequest(LlmTask.Chat, "m", [], 1);
        var embedding = new EmbeddingRequest { Model = "m", Inputs = [] };

        await client.CompleteAsync(request, cancellation.Token);
        await client.EmbedAsync(embedding, cancellation.Token);
        client.StreamAsync(request, cancellation.Token);

        Assert.Equal([(request, cancellation.Token), (embedding, cancellation.Token), (request, cancellation.Token)], innermost.Seen);
    }

    private sealed class First(ILlmClient inner) : DelegatingLlmClient(inner);

    private sealed class Second(ILlmClient inner) : DelegatingLlmClient(inner);

    private sealed class Innermost : ILlmClient
    {
        public List<(object Request, CancellationToken Token)> Seen { get; } = [];

        public Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken)
        {
            Seen.Add((request, cancellationToken));
            return Task.FromResult(new LlmResponse { FinishReason = FinishReason.Stop, Origin = new LlmOrigin("p", "m") });
        }

        public IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, CancellationToken cancellationToken)
        {
            Seen.Add((request, cancellationToken));
            return AsyncEnumerable.Empty<LlmUpdate>();
        }

        public Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken)
        {
            Seen.Add((request, cancellationToken));
            return Task.FromResult(new EmbeddingResponse { Vectors = [], Origin = new LlmOrigin("p", "m") });
        }
    }
}
