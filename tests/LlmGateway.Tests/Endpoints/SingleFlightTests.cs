using System.Net;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using LlmGateway.FakeOpenAI;
using LlmGateway.Llm;
using LlmGateway.Tests.Hosts;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace LlmGateway.Tests.Endpoints;

public class SingleFlightTests
{
    private const decimal Price = 0.00000255m;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static readonly string[] Pieces = ["The ", "boats ", "go ", "down ", "the ", "river."];

    private static readonly string Reply = string.Concat(Pieces);

    [Fact]
    public async Task FiveHundredWhoAskTheSameAreOneCall()
    {
        const int Waves = 5;
        const int Wave = 100;
        await using var gateway = await GatewayHost.StartAsync(Arrivals.Count);
        var arrivals = Arrivals.Of(gateway);
        var gate = new FakeGate(after: 3);
        gateway.Upstream.Script = new FakeScript { Pieces = Pieces, PromptTokens = 9, CompletionTokens = 2, Gate = gate };

        // They come in waves: the first before there is a word, the others into the middle of the reply.
        var streams = new List<Task<HttpResponseMessage>>();
        var wholes = new List<Task<HttpResponseMessage>>();
        for (var wave = 1; wave <= Waves; wave++)
        {
            for (var i = 0; i < Wave / 2; i++)
            {
                streams.Add(StreamAsync(gateway));
                wholes.Add(AskAsync(gateway));
            }
            if (wave == 1) await gate.Reached.WaitAsync(Patience);
            var arrived = wave * Wave;
            await Until.TrueAsync(() => arrivals.Number == arrived, Patience);
        }
        // Each stream has its head, with the first words behind it. The others have nothing to tell yet.
        await Task.WhenAll(streams).WaitAsync(Patience);
        Assert.DoesNotContain(wholes, whole => whole.IsCompleted);
        gate.Open();

        var streamed = await Task.WhenAll(streams.Select(ReadAsync)).WaitAsync(Patience);
        var whole = await Task.WhenAll(wholes.Select(ReadAsync)).WaitAsync(Patience);
        GatewayAnswer[] all = [.. streamed, .. whole];

        Assert.Equal(1, gateway.Upstream.Calls);
        Assert.Equal(1, gateway.Upstream.Completed);
        Assert.Equal(Waves * Wave, all.Length);
        Assert.All(all, answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
        Assert.All(all, answer => Assert.Equal(Reply, answer.Reply));
        Assert.All(streamed, answer => Assert.Equal("stop", answer.Frames[^1].GetProperty("finish_reason").GetString()));
        Assert.Single(whole.Select(answer => answer.Text).Distinct());

        var payer = Assert.Single(all, answer => answer["x-cache"] == "MISS");
        Assert.Equal("1", payer["x-attempts"]);
        Assert.Equal(Price, payer.CostUsd);
        Assert.Null(payer.SavedUsd);
        var free = all.Where(answer => answer != payer).ToList();
        Assert.All(free, answer => Assert.Equal("COALESCED", answer["x-cache"]));
        Assert.All(free, answer => Assert.Equal("LlmGateway; fwd=miss; collapsed", answer["cache-status"]));
        Assert.All(free, answer => Assert.Equal("0", answer["x-attempts"]));
        Assert.All(free, answer => Assert.Equal(0m, answer.CostUsd));
        Assert.All(free, answer => Assert.Equal(Price, answer.SavedUsd));

        var after = await ReadAsync(AskAsync(gateway));
        Assert.Equal("HIT", after["x-cache"]);
        Assert.Equal(whole[0].Body, after.Body);
    }

    [Fact]
    public async Task TheFirstOnesLeavingIsNothingToTheOthers()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var gate = new FakeGate(after: 3);
        gateway.Upstream.Script = new FakeScript { Pieces = Pieces, Gate = gate };
        var first = await StreamAsync(gateway);
        Assert.Equal("MISS", first.Headers.GetValues("x-cache").Single());
        var second = await StreamAsync(gateway);
        Assert.Equal("COALESCED", second.Headers.GetValues("x-cache").Single());

        first.Dispose();
        await Until.TrueAsync(() => gateway.Log.Of("Request").Count == 1, Patience);
        Assert.Equal(1, gateway.Upstream.InFlight);
        gate.Open();

        Assert.Equal(Reply, (await GatewayAnswer.OfAsync(second)).Reply);
        Assert.Equal(1, gateway.Upstream.Calls);
        Assert.Equal(1, gateway.Upstream.Completed);
    }

    [Fact]
    public async Task WhenAllHaveLeftTheCallIsAbortedAndTheNextOneIsNew()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Enqueue(new FakeScript { Pieces = Pieces, Gate = new FakeGate(after: 3) }, new FakeScript { Pieces = Pieces });
        var first = await StreamAsync(gateway);
        var second = await StreamAsync(gateway);

        first.Dispose();
        second.Dispose();
        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, Patience);

        var next = await ReadAsync(StreamAsync(gateway));
        Assert.Equal("MISS", next["x-cache"]);
        Assert.Equal(Reply, next.Reply);
        Assert.Equal(2, gateway.Upstream.Calls);
    }

    [Fact]
    public async Task AllShareOneLoopOfRetriesAndItsFailure()
    {
        const int Callers = 20;
        await using var gateway = await GatewayHost.StartAsync(Arrivals.Count, "Llm:Resilience:MaxRetries=2");
        var gate = new FakeGate(FakeFault.Head);
        gateway.Upstream.Script = new FakeScript { Status = 500, Gate = gate };
        var asked = Enumerable.Range(0, Callers).Select(i => i % 2 == 0 ? AskAsync(gateway) : StreamAsync(gateway)).ToList();
        await gate.Reached.WaitAsync(Patience);
        await Until.TrueAsync(() => Arrivals.Of(gateway).Number == Callers, Patience);
        gate.Open();

        var answers = await Task.WhenAll(asked.Select(ReadAsync)).WaitAsync(Patience);
        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.Status));
        Assert.All(answers, answer => Assert.Contains("\"upstream_unavailable\"", answer.Text, StringComparison.Ordinal));
        Assert.Equal(3, gateway.Upstream.Calls);
    }

    private static async Task<GatewayAnswer> ReadAsync(Task<HttpResponseMessage> response) => await GatewayAnswer.OfAsync(await response);

    /// <summary>Completes with the head of the stream.</summary>
    private static Task<HttpResponseMessage> StreamAsync(GatewayHost gateway) =>
        gateway.Client.GetAsync("/chat-stream?message=hi", HttpCompletionOption.ResponseHeadersRead);

    private static async Task<HttpResponseMessage> AskAsync(GatewayHost gateway)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/chat") { Content = JsonContent.Create(new { message = "hi" }) };
        request.Headers.Accept.ParseAdd("application/json");
        return await gateway.Client.SendAsync(request);
    }

    /// <summary>Counts, outside of the whole pipeline, those who have an answer, or a part in one that is under way.</summary>
    private sealed class Arrivals(ILlmClient inner) : DelegatingLlmClient(inner)
    {
        private int _number;

        public int Number => Volatile.Read(ref _number);

        public static Arrivals Of(GatewayHost gateway) => (Arrivals)gateway.Services.GetRequiredService<ILlmClient>();

        public static void Count(WebApplicationBuilder builder)
        {
            var pipeline = builder.Services.Last(service => service.ServiceType == typeof(ILlmClient)).ImplementationFactory!;
            builder.Services.AddSingleton<ILlmClient>(services => new Arrivals((ILlmClient)pipeline(services)));
        }

        public override Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken)
        {
            var response = base.CompleteAsync(request, cancellationToken);
            Interlocked.Increment(ref _number);
            return response;
        }

        public override async IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await using var updates = base.StreamAsync(request, cancellationToken).GetAsyncEnumerator(cancellationToken);
            var next = updates.MoveNextAsync().AsTask();
            Interlocked.Increment(ref _number);
            for (; await next; next = updates.MoveNextAsync().AsTask())
                yield return updates.Current;
        }
    }
}
