using System.Runtime.CompilerServices;
using LlmGateway.Llm;
using LlmGateway.Llm.Models;
using LlmGateway.Llm.Tokens;

namespace LlmGateway.Endpoints.Summaries;

/// <summary>
/// Summarizes a text in one call, or in slices: these in parallel, then their summaries, on further levels until one call can read them all.
/// Each call is a request of its own through the same client, so each is stored and shared by itself: who changes a paragraph of a long text
/// pays for its slice.
/// </summary>
internal sealed class Summarizer(ILlmClient client, SummarizeOptions options, TimeProvider timeProvider)
{
    private const int MaxLevels = 4;

    /// <param name="text">Not empty; has to stay until the summary is there.</param>
    /// <param name="model">Who is to summarize it.</param>
    /// <param name="longInput">What is done with a long text.</param>
    /// <param name="maxTokens">Of the summary.</param>
    /// <param name="cancellationToken">Ends the counting.</param>
    /// <exception cref="LlmException">The text is too long.</exception>
    public async ValueTask<SummaryPlan> PlanAsync(
        ReadOnlyMemory<char> text, ModelInfo model, string? longInput, int maxTokens, CancellationToken cancellationToken)
    {
        var plan = await ReadAsync(text, model, longInput, maxTokens, cancellationToken);
        return plan.IsMapReduce ? plan : plan.WithQuestion();
    }

    private async ValueTask<SummaryPlan> ReadAsync(
        ReadOnlyMemory<char> text, ModelInfo model, string? longInput, int maxTokens, CancellationToken cancellationToken)
    {
        var sliceOutput = Math.Min(options.SliceOutputTokens, model.LongestAnswer);
        var output = Math.Min(maxTokens, model.LongestAnswer);
        var room = Math.Max(1, model.Room - SummaryPrompts.Overhead - Math.Max(output, sliceOutput));
        var sliceTokens = Math.Min(options.SliceTokens, room);
        var plan = new SummaryPlan(text, model, [], text.Length, null, null, sliceTokens, sliceOutput, output);

        // Most texts are so short that nothing needs to be counted before the answer is known to be new.
        var sliceAbove = longInput switch { "truncate" => int.MaxValue, "map_reduce" => sliceTokens, _ => Math.Max(options.MapReduceAbove, sliceTokens) };
        var readAtOnce = longInput == "map_reduce" ? sliceTokens : Math.Min(options.MaxInputTokens, room);
        if (text.Length <= Math.Min(sliceAbove, readAtOnce) / TokenCounter.MaxTokensPerChar) return plan;

        var counter = await TokenCounters.GetAsync(model.Encoding, cancellationToken);
        if (text.Length > sliceAbove / TokenCounter.MaxTokensPerChar)
        {
            plan = plan with { InputTokens = await counter.CountAsync(text, cancellationToken) };
            if (plan.InputTokens > sliceAbove) return await SliceAsync(plan, counter, cancellationToken);
            if (plan.InputTokens <= readAtOnce) return plan;
        }
        var cut = counter.Cut(text.Span, readAtOnce);
        return cut.Length == text.Length
            ? plan with { InputTokens = cut.Tokens }
            : plan with { Length = cut.Length, TextHash = await TextHash.OfAsync(text, cancellationToken) };
    }

    /// <summary>The answer in one piece.</summary>
    public Task<LlmResponse> CompleteAsync(SummaryPlan plan, CancellationToken cancellationToken) =>
        plan.IsMapReduce ? CompleteInSlicesAsync(plan, cancellationToken) : client.CompleteAsync(plan.Single(), cancellationToken);

    /// <summary>Tells of each call that is done; of the last one with the answer.</summary>
    /// <exception cref="LlmException">A call failed: it says which. The others are aborted; those that were done stay stored.</exception>
    public async IAsyncEnumerable<SummaryProgress> RunAsync(SummaryPlan plan, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (!plan.IsMapReduce)
        {
            yield return new SummaryProgress(SummaryProgress.Map, 1, 1, await client.CompleteAsync(plan.Single(), cancellationToken));
            yield break;
        }

        var started = timeProvider.GetTimestamp();
        var counter = await TokenCounters.GetAsync(plan.Model.Encoding, cancellationToken);
        var spending = new SummarySpending();
        var time = Deadline(plan);
        using var deadline = new CancellationTokenSource(time, timeProvider);
        for (var (level, number) = (SummaryLevel.Of(plan), 1); ; number++)
        {
            if (number > MaxLevels) throw TooManyLevels(plan);
            var answers = new LlmResponse[level.Count];
            await using var calls = new SummaryCalls(client, level, options.ParallelSlices, deadline.Token, cancellationToken);
            for (var done = 1; done <= level.Count; done++)
            {
                var (index, answer) = await calls.NextAsync(spending, time);
                answers[index] = answer;
                var isEnd = level.IsLast && done == level.Count;
                yield return new SummaryProgress(
                    level.Stage, done, level.Count, isEnd ? spending.Total(answer, timeProvider.GetElapsedTime(started)) : null);
            }
            if (level.IsLast) yield break;
            level = level.Next(answers, counter);
        }
    }

    private async Task<LlmResponse> CompleteInSlicesAsync(SummaryPlan plan, CancellationToken cancellationToken)
    {
        LlmResponse? response = null;
        await foreach (var progress in RunAsync(plan, cancellationToken))
            response = progress.Response;
        return response!;
    }

    private async ValueTask<SummaryPlan> SliceAsync(SummaryPlan plan, TokenCounter counter, CancellationToken cancellationToken)
    {
        if (plan.SliceTokens < SummarizeOptions.MinSliceTokens || plan.SliceOutputTokens > plan.SliceTokens / 8)
        {
            throw new LlmException(
                LlmErrorKind.ContextLengthExceeded, $"{plan.Model.Name} holds too little for summaries in slices. Choose a model with a larger window.");
        }
        plan = plan with { Slices = await new TextSlicer(counter).SliceAsync(plan.Text, plan.SliceTokens, cancellationToken) };
        if (plan.Chunks > options.MaxSlices)
        {
            throw new LlmException(
                LlmErrorKind.ContextLengthExceeded,
                $"The text has {plan.InputTokens} tokens, which makes {plan.Chunks} slices; {options.MaxSlices} are summarized at most. Send a shorter text, or long_input: truncate.");
        }
        return plan.CallsOfLevels().Count() <= MaxLevels ? plan : throw TooManyLevels(plan);
    }

    /// <summary>Grows with the rounds that it takes to make all calls, so many at a time.</summary>
    private TimeSpan Deadline(SummaryPlan plan) =>
        options.RoundTimeout * plan.CallsOfLevels().Sum(calls => (calls + options.ParallelSlices - 1) / options.ParallelSlices);

    private static LlmException TooManyLevels(SummaryPlan plan) => new(
        LlmErrorKind.ContextLengthExceeded, $"The text has {plan.Chunks} slices: their summaries would have to be summarized more than {MaxLevels - 1} times. Send a shorter text.");
}
