using LlmGateway.Llm;
using LlmGateway.Llm.Tokens;

namespace LlmGateway.Endpoints.Summaries;

/// <summary>
/// What a summary would take. As far as answers are stored, the calls after them are known exactly; beyond that they are reckoned with the longest
/// summaries that there may be.
/// </summary>
internal sealed class SummaryDryRun(DryRun dryRun)
{
    public async Task<IResult> AnswerAsync(SummaryPlan plan, CancellationToken cancellationToken)
    {
        if (!plan.IsMapReduce) return await dryRun.AnswerAsync(plan.Single(), plan.Model, cancellationToken);
        var estimate = dryRun.Estimate(plan.Model);
        var counter = await TokenCounters.GetAsync(plan.Model.Encoding, cancellationToken);
        var level = SummaryLevel.Of(plan);
        while (true)
        {
            var stored = new List<LlmResponse>();
            for (var i = 0; i < level.Count; i++)
            {
                if (await dryRun.AddAsync(estimate, level.Request(i), cancellationToken) is { } answer) stored.Add(answer);
            }
            if (level.IsLast) return estimate.Answer(plan.Chunks);
            if (stored.Count < level.Count)
            {
                AddLongest(estimate, plan, level.Count);
                return estimate.Answer(plan.Chunks);
            }
            level = level.Next(stored, counter);
        }
    }

    private static void AddLongest(CostEstimate estimate, SummaryPlan plan, int summaries)
    {
        foreach (var calls in plan.CallsOfLevels(summaries).Skip(1))
        {
            var perCall = (summaries + calls - 1) / calls * (plan.SliceOutputTokens + SummaryPrompts.LabelOverhead);
            estimate.Add(perCall + SummaryPrompts.Overhead, calls == 1 ? plan.MaxOutputTokens : plan.SliceOutputTokens, cached: false, calls);
            summaries = calls;
        }
    }
}
