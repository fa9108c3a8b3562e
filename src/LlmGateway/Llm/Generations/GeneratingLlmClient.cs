using System.Runtime.CompilerServices;

namespace LlmGateway.Llm.Generations;

/// <summary>
/// Makes each call to a model a <see cref="Generation"/>, and each request a reader of one: of one that is stored, of one that is under way,
/// or of a new one.
/// </summary>
internal sealed class GeneratingLlmClient(ILlmClient inner, GenerationCalls calls, AnswerStore store, CacheOptions options, TimeProvider timeProvider)
    : DelegatingLlmClient(inner)
{
    private const int MaxRounds = 5;

    public GenerationCalls Calls { get; } = calls;

    public override Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken)
    {
        var key = GenerationKey.Of(request);
        return Stored(key, request) is { } stored ? Task.FromResult(stored) : JoinAsync(key, request, cancellationToken);
    }

    private async Task<LlmResponse> JoinAsync(GenerationKey key, LlmRequest request, CancellationToken cancellationToken)
    {
        for (var round = 1; ; round++)
        {
            if (round > 1 && Stored(key, request) is { } stored) return stored;
            var (reader, generation, joined) = Calls.Join(key, request, cancellationToken);
            using (reader)
            {
                reader.SkipToEnd();
                while (!generation.HasEnded)
                    await reader.WaitAsync();
                if (generation.Response is { } response)
                {
                    reader.IsTold = true;
                    return response with { Cache = AtEnd(generation, joined) };
                }
                // Of what a gateway said that has gone, nobody here has been shown anything: it may be asked again.
                if (generation.Failure is { } failure && (!failure.MayBeAskedAgain || round == MaxRounds)) throw failure;
            }
        }
    }

    public override async IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var key = request.From is null ? GenerationKey.Of(request) : default;
        if (request.From is null && Stored(key, request) is { } stored)
        {
            request.Stream?.Reads(key, stored, stored.Cache!);
            yield return AtOnce(stored, stored.Cache!);
            yield break;
        }
        var (reader, generation, joined) = request.From is null ? Calls.Join(key, request, cancellationToken) : request.Stream!.Join(cancellationToken);
        if (request.From is null) request.Stream?.Reads(key, generation, joined);
        // Its call was made for the request that began the stream, and that one has told of it.
        var isReturn = request is { From: not null, Stream.IsOpen: true };
        using (reader)
        {
            var skip = request.From ?? 0;
            for (var first = true; ;)
            {
                LlmUpdate? update;
                while (!reader.TryRead(out update) && !generation.HasEnded)
                    await reader.WaitAsync();
                if (update is null && !reader.TryRead(out update))
                {
                    if (generation.Failure is { } failure) throw failure;
                    if (!reader.IsAtStart) yield break;
                    reader.SkipToEnd();
                    update = AtOnce(generation.Response!, generation.ResultFor(joined));
                }
                if (skip > 0)
                {
                    // What the client has already, before its connection broke.
                    var known = Math.Min(skip, update!.Text.Length);
                    skip -= known;
                    if (known == update.Text.Length && update.FinishReason is null) continue;
                    update = update with { Text = update.Text[known..] };
                }
                if (update!.FinishReason is not null)
                {
                    reader.IsTold = true;
                    var result = AtEnd(generation, joined);
                    if (joined) update = update with { Cache = result };
                }
                yield return first ? update with { Origin = OriginFor(generation, isReturn), Cache = update.Cache ?? generation.ResultFor(joined) } : update;
                first = false;
            }
        }
    }

    public override async ValueTask<LlmResponse?> FindStoredAsync(LlmRequest request, CancellationToken cancellationToken)
    {
        if (request.Fresh || options.For(request.Task).IsOff) return null;
        return await store.GetAsync(GenerationKey.Of(request), cancellationToken) is { } entry && entry.IsFresh(timeProvider.GetUtcNow()) ? entry.Response : null;
    }

    public override async ValueTask DisposeAsync()
    {
        await Calls.DisposeAsync();
        await base.DisposeAsync();
    }

    private LlmResponse? Stored(GenerationKey key, LlmRequest request)
    {
        if (request.Fresh || options.For(request.Task).IsOff) return null;
        var now = timeProvider.GetUtcNow();
        return store.GetFromMemory(key) is { } entry && entry.IsFresh(now)
            ? entry.Response with { Cache = entry.Result(CacheStatus.Hit, now) }
            : null;
    }

    /// <summary>Somebody pays for each call: where the request it was made for has gone, one of those that joined it.</summary>
    private static CacheResult AtEnd(Generation generation, bool joined)
    {
        var result = generation.ResultFor(joined);
        // Whoever comes back for what it had asked for takes it on itself.
        return generation.Inherit() && joined && generation.Source.Status is (CacheStatus.Miss or CacheStatus.Bypass) ? result with { Inherited = true } : result;
    }

    private static LlmOrigin? OriginFor(Generation generation, bool isReturn) =>
        isReturn && generation.Origin is { } origin ? origin with { Attempts = 0 } : generation.Origin;

    private static LlmUpdate AtOnce(LlmResponse response, CacheResult result) => new()
    {
        Text = response.Text,
        Origin = response.Origin,
        FinishReason = response.FinishReason,
        Usage = response.Usage,
        Cache = result,
    };
}
