using LlmGateway.Llm;
using LlmGateway.Llm.Models;
using LlmGateway.Llm.Tokens;

namespace LlmGateway.Endpoints;

/// <param name="InputTokens">Tokens of all prompts, at most.</param>
/// <param name="MaxOutputTokens">Tokens of all answers, at most.</param>
/// <param name="Chunks">Pieces in which the input is read.</param>
/// <param name="Calls">Calls to the model that it takes, at most, the stored ones included.</param>
/// <param name="MaxCostUsd">What it would cost now, US dollars, at most: stored answers cost nothing. Missing where a price is unknown.</param>
/// <param name="Cached">How many of the calls need not be made, for their answers are stored.</param>
public sealed record DryRunResponse(long InputTokens, long MaxOutputTokens, int Chunks, int Calls, decimal? MaxCostUsd, int Cached);

/// <summary><c>?dry_run=1</c>: what a request would take, without any of it.</summary>
internal sealed class DryRun(ILlmClient client, ProviderChoice choice)
{
    public static bool IsAsked(HttpContext context) => Query.Flag(context.Request, "dry_run");

    /// <summary>Of a request that takes one call.</summary>
    public async Task<IResult> AnswerAsync(LlmRequest request, ModelInfo model, CancellationToken cancellationToken)
    {
        var estimate = Estimate(model);
        await AddAsync(estimate, request, cancellationToken);
        return estimate.Answer(chunks: 1);
    }

    public CostEstimate Estimate(ModelInfo model) => new(model, choice.IsOffline(model.Provider));

    /// <returns>The call's answer, if it is stored.</returns>
    public async ValueTask<LlmResponse?> AddAsync(CostEstimate estimate, LlmRequest request, CancellationToken cancellationToken)
    {
        var stored = await client.FindStoredAsync(request, cancellationToken);
        var counter = await TokenCounters.GetAsync(estimate.Model.Encoding, cancellationToken);
        // An answer that is not what the tool asks for is asked for once more.
        estimate.Add(await PromptTokens.CountAsync(request, counter, cancellationToken), request.MaxOutputTokens, stored is not null, tries: request.Tool is null ? 1 : 2);
        return stored;
    }
}

/// <summary>Adds calls up.</summary>
internal sealed class CostEstimate(ModelInfo model, bool isFree)
{
    private long _inputTokens, _outputTokens;
    private int _calls, _cached;
    private decimal? _cost = 0;

    public ModelInfo Model => model;

    /// <param name="inputTokens">Of the prompt.</param>
    /// <param name="outputTokens">Of the answer, at most.</param>
    /// <param name="cached">Whether the answer is stored.</param>
    /// <param name="calls">So many calls of this size.</param>
    /// <param name="tries">Answers of a call that may have to be paid.</param>
    public void Add(int inputTokens, int outputTokens, bool cached, int calls = 1, int tries = 1)
    {
        _inputTokens += (long)calls * inputTokens;
        _outputTokens += (long)calls * outputTokens;
        _calls += calls;
        if (cached) _cached += calls;
        else if (!isFree) _cost += calls * tries * model.Cost(new LlmUsage(inputTokens, outputTokens + model.ThinkingTokens));
    }

    public IResult Answer(int chunks) =>
        Results.Json(new DryRunResponse(_inputTokens, _outputTokens, chunks, _calls, _cost, _cached), GatewayJson.Readable.DryRunResponse);
}
