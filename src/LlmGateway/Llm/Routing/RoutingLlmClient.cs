using System.Collections.Frozen;
using System.Runtime.CompilerServices;
using LlmGateway.Llm.Models;

namespace LlmGateway.Llm.Routing;

/// <summary>
/// Sends each request to the provider that serves its model, and on to the model's fallbacks where that one cannot be asked: its circuit is
/// open, its retries are spent, its account is empty, its key is refused. Never after the first token, and never for what the caller did wrong.
/// </summary>
internal sealed partial class RoutingLlmClient : ILlmClient, IAsyncDisposable
{
    private readonly FrozenDictionary<string, Candidate[]> _routes;
    private readonly IReadOnlyDictionary<string, ILlmClient> _providers;
    private readonly TimeSpan _totalTimeout;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger<RoutingLlmClient> _logger;

    /// <param name="models">Says who serves what, and who stands in.</param>
    /// <param name="providers">The client of each provider that can be asked, by its name.</param>
    /// <param name="totalTimeout">For all candidates together: to the whole answer, or to the first token of a stream.</param>
    /// <param name="timeProvider">The clock of that.</param>
    /// <param name="logger">Told of each fallback.</param>
    public RoutingLlmClient(
        ModelTable models, IReadOnlyDictionary<string, ILlmClient> providers, TimeSpan totalTimeout, TimeProvider timeProvider, ILogger<RoutingLlmClient> logger)
    {
        (_providers, _totalTimeout, _timeProvider, _logger) = (providers, totalTimeout, timeProvider, logger);
        _routes = models.All.ToFrozenDictionary(model => model.Name, model => Route(model, models).ToArray(), StringComparer.Ordinal);
    }

    public Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken)
    {
        var route = RouteOf(request.Model);
        return route.Length == 1 ? route[0].Client.CompleteAsync(route[0].Fit(request), cancellationToken) : CompleteAsync(route, request, cancellationToken);
    }

    public IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, CancellationToken cancellationToken)
    {
        var route = RouteOf(request.Model);
        return route.Length == 1 ? route[0].Client.StreamAsync(route[0].Fit(request), cancellationToken) : StreamAsync(route, request, cancellationToken);
    }

    public Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken) =>
        RouteOf(request.Model)[0].Client.EmbedAsync(request, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        foreach (var provider in _providers.Values)
        {
            if (provider is IAsyncDisposable disposable) await disposable.DisposeAsync();
        }
    }

    private async Task<LlmResponse> CompleteAsync(Candidate[] route, LlmRequest request, CancellationToken cancellationToken)
    {
        var journey = new Journey(this, route, request, cancellationToken);
        while (true)
        {
            using var limit = journey.Limit();
            try
            {
                var response = await journey.Here.Client.CompleteAsync(journey.Here.Fit(request), limit.Token);
                return response with { Origin = journey.Stamp(response.Origin) };
            }
            catch (Exception exception) when (journey.Failed(exception))
            {
                journey.GoOn();
            }
        }
    }

    private async IAsyncEnumerable<LlmUpdate> StreamAsync(Candidate[] route, LlmRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var journey = new Journey(this, route, request, cancellationToken);
        while (true)
        {
            using var limit = journey.Limit();
            await using var updates = journey.Here.Client.StreamAsync(journey.Here.Fit(request), limit.Token).GetAsyncEnumerator(limit.Token);
            bool moved;
            try
            {
                moved = await updates.MoveNextAsync();
            }
            catch (Exception exception) when (journey.Failed(exception))
            {
                journey.GoOn();
                continue;
            }
            limit.Lift();
            for (var first = true; moved; first = false)
            {
                yield return first && updates.Current.Origin is { } origin ? updates.Current with { Origin = journey.Stamp(origin) } : updates.Current;
                try
                {
                    moved = await updates.MoveNextAsync();
                }
                catch (LlmException exception)
                {
                    exception.Attempts += journey.Spent;
                    throw;
                }
            }
            yield break;
        }
    }

    private Candidate[] RouteOf(string model) =>
        _routes.TryGetValue(model, out var route) && route.Length > 0
            ? route
            : throw new LlmException(LlmErrorKind.ModelNotAllowed, "This model is not offered here.");

    /// <summary>The model itself, then its fallbacks; whoever cannot be asked is not on the way.</summary>
    private IEnumerable<Candidate> Route(ModelInfo model, ModelTable models) =>
        model.Fallbacks.Select(models.Find).OfType<ModelInfo>().Prepend(model)
            .Where(candidate => _providers.ContainsKey(candidate.Provider))
            .Select(candidate => new Candidate(candidate, _providers[candidate.Provider]));

    /// <summary>A model that was asked and refused has answered, and so has one that the prompt does not fit.</summary>
    private static bool CouldNotBeAsked(LlmErrorKind kind) => kind
        is LlmErrorKind.UpstreamUnavailable or LlmErrorKind.UpstreamTimeout or LlmErrorKind.UpstreamRateLimited
        or LlmErrorKind.UpstreamQuotaExhausted or LlmErrorKind.UpstreamAuth;

    /// <summary>One request on its way from candidate to candidate.</summary>
    private sealed class Journey(RoutingLlmClient client, Candidate[] route, LlmRequest request, CancellationToken cancellationToken)
    {
        // A little more than half of the time that is left: with the defaults, a first call that times out still counts against its provider.
        private const double Share = 0.55;

        private readonly long _started = client._timeProvider.GetTimestamp();
        private int _place;
        private LlmException? _first;
        private LlmException? _last;

        public Candidate Here => route[_place];

        /// <summary>Calls to the candidates that failed.</summary>
        public int Spent { get; private set; }

        private bool IsLast => _place == route.Length - 1;

        private TimeSpan Elapsed => client._timeProvider.GetElapsedTime(_started);

        /// <summary>Ends the candidate's time so that the next one has some left.</summary>
        public CandidateLimit Limit() =>
            new((client._totalTimeout - Elapsed) * (IsLast ? 1 : Share), client._timeProvider, cancellationToken);

        /// <summary>Whether the next candidate, or a failure of our own words, takes the place of what happened.</summary>
        public bool Failed(Exception exception)
        {
            if (cancellationToken.IsCancellationRequested) return false;
            _last = exception switch
            {
                LlmException known => known,
                OperationCanceledException => new LlmException(LlmErrorKind.UpstreamTimeout, $"{Here.Model.Provider} did not answer in time.", exception)
                {
                    Provider = Here.Model.Provider,
                    Attempts = 1,
                },
                _ => null,
            };
            return _last is not null;
        }

        /// <exception cref="LlmException">There is nowhere to go, or nothing to be gained by it.</exception>
        public void GoOn()
        {
            var failure = _last!;
            Spent += failure.Attempts;
            _first ??= failure;
            if (!IsLast && CouldNotBeAsked(failure.Kind) && Elapsed < client._totalTimeout)
            {
                client.FellBack(Here.Model.Name, failure.Kind, route[++_place].Model.Name, request.RequestId);
                return;
            }
            // The caller asked for the first one: why that one did not answer is what it can do something about.
            _first.Attempts = Spent;
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(_first);
        }

        public LlmOrigin Stamp(LlmOrigin origin) => _place == 0
            ? origin
            : origin with { Attempts = origin.Attempts + Spent, UpstreamTime = Elapsed };
    }

    [LoggerMessage(EventId = 45, EventName = "Fallback", Level = LogLevel.Warning, Message = "{Model} could not be asked ({Kind}): {Fallback} is, request {RequestId}")]
    private partial void FellBack(string model, LlmErrorKind kind, string fallback, string? requestId);
}
