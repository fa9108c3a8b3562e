using System.Collections;
using System.Reflection;
using LlmGateway.Llm;
using LlmGateway.Llm.Generations;
using LlmGateway.Llm.Generations.Redis;
using LlmGateway.Llm.Resilience;
using LlmGateway.Tests.Hosts;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace LlmGateway.Tests.Llm.Generations;

/// <summary>A generating client over a model that the test conducts, in a time that passes only here.</summary>
internal sealed class GeneratingHarness : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly RedisOptions _noRedis = new();
    private readonly RedisConnection _redis;
    private readonly RedisAnswers _redisAnswers;

    public GeneratingHarness(CacheOptions? options = null)
    {
        Options = options ?? new CacheOptions();
        _redis = new RedisConnection(_noRedis, Time, NullLogger<RedisConnection>.Instance);
        _redisAnswers = new RedisAnswers(_redis, _noRedis, NullLogger<RedisAnswers>.Instance);
        var store = new AnswerStore(Options, _redisAnswers, Time);
        var calls = new GenerationCalls(Upstream, store, new SharedCalls(_redis, _redisAnswers, _noRedis, Time), Options, new ResilienceOptions().MaxDuration, Time, Log);
        Client = new GeneratingLlmClient(Upstream, calls, store, Options, Time);
    }

    public CacheOptions Options { get; }

    public FakeTimeProvider Time { get; } = new();

    public StubLlmClient Upstream { get; } = new();

    public RecordingLogger<GenerationCalls> Log { get; } = new();

    public GeneratingLlmClient Client { get; }

    public IReadOnlyList<StubCall> Calls => Upstream.Calls;

    public static LlmRequest Chat { get; } = Ask(LlmTask.Chat, "hi");

    public static LlmRequest Summary { get; } = Ask(LlmTask.Summarize, "hi");

    public static LlmException Failure { get; } = new(LlmErrorKind.UpstreamUnavailable, "no");

    public static LlmRequest Ask(LlmTask task, string message) => new(task, "m", [new LlmMessage(LlmRole.User, message)], MaxOutputTokens: 10);

    /// <summary>Has joined its generation when this returns, and reads it on.</summary>
    public Task<LlmResponse> Complete(LlmRequest request) => Complete(request, CancellationToken.None);

    /// <inheritdoc cref="Complete(LlmRequest)"/>
    public Task<LlmResponse> Complete(LlmRequest request, CancellationToken cancellationToken) =>
        AsInAServer.Run(() => Client.CompleteAsync(request, cancellationToken)).WaitAsync(Patience, CancellationToken.None);

    /// <inheritdoc cref="Complete(LlmRequest)"/>
    public Task<Streamed> Stream(LlmRequest request) => Stream(request, CancellationToken.None);

    /// <inheritdoc cref="Complete(LlmRequest)"/>
    public Task<Streamed> Stream(LlmRequest request, CancellationToken cancellationToken)
    {
        return AsInAServer.Run(ReadAsync).WaitAsync(Patience, CancellationToken.None);

        async Task<Streamed> ReadAsync()
        {
            var updates = new List<LlmUpdate>();
            try
            {
                await foreach (var update in Client.StreamAsync(request, cancellationToken))
                    updates.Add(update);
                return new Streamed(updates, null);
            }
            catch (LlmException failure)
            {
                return new Streamed(updates, failure);
            }
        }
    }

    /// <summary>Asks while the model answers at once.</summary>
    public async Task<LlmResponse> Answered(LlmRequest request, string text)
    {
        Upstream.OnCall = call => call.Answer(text);
        var response = await Complete(request);
        Upstream.OnCall = null;
        return response;
    }

    public Task UntilLive(int calls) => Until.TrueAsync(() => Client.Calls.Count == calls, Patience);

    /// <summary>Nothing runs, and nothing is remembered of what ran.</summary>
    public async Task AssertNothingIsLeft()
    {
        await UntilLive(0);
        var books = typeof(GenerationCalls).GetFields(BindingFlags.Instance | BindingFlags.NonPublic)
            .Select(field => field.GetValue(Client.Calls)).OfType<IDictionary>().ToList();
        Assert.NotEmpty(books);
        Assert.All(books, Assert.Empty);
    }

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        _redisAnswers.Dispose();
        await _redis.DisposeAsync();
    }
}

/// <summary>What a reader of a stream got, and how it ended for it.</summary>
internal sealed record Streamed(IReadOnlyList<LlmUpdate> Updates, LlmException? Failure)
{
    public string Text => string.Concat(Updates.Select(update => update.Text));

    public CacheStatus? Status => Updates[0].Cache?.Status;
}
