using LlmGateway.Llm.Tokens;

namespace LlmGateway.Llm.Models;

/// <summary>A request that fits its model.</summary>
/// <param name="Request">What is to be sent.</param>
/// <param name="MaxTokens">What the answer may have, where that is less than was asked for.</param>
/// <param name="Dropped">Messages that were left out.</param>
internal sealed record FittedRequest(LlmRequest Request, int? MaxTokens = null, int Dropped = 0);

/// <summary>Makes requests fit what a model can hold: prompt and answer together.</summary>
internal static class ContextWindow
{
    /// <param name="request">As it was asked.</param>
    /// <param name="model">The request's model.</param>
    /// <param name="dropOldest">Whether the oldest turns may be left out; never the system prompt, nor the last message.</param>
    /// <param name="cancellationToken">Ends the counting.</param>
    /// <exception cref="LlmException">It does not fit.</exception>
    public static ValueTask<FittedRequest> FitAsync(LlmRequest request, ModelInfo model, bool dropOldest, CancellationToken cancellationToken)
    {
        var output = Math.Min(request.MaxOutputTokens, model.LongestAnswer);
        // Nearly every prompt is so short that it need not be counted.
        return PromptTokens.AtMost(request) + output <= model.Room
            ? new(Fitted(request, output, 0))
            : CountedAsync(request, model, output, dropOldest, cancellationToken);
    }

    private static async ValueTask<FittedRequest> CountedAsync(
        LlmRequest request, ModelInfo model, int output, bool dropOldest, CancellationToken cancellationToken)
    {
        var counter = await TokenCounters.GetAsync(model.Encoding, cancellationToken);
        var messages = request.Messages;
        var tokens = new int[messages.Count];
        long prompt = PromptTokens.Opening + PromptTokens.OfTool(request.Tool, counter);
        for (var i = 0; i < tokens.Length; i++)
            prompt += tokens[i] = await PromptTokens.CountAsync(messages[i], counter, cancellationToken);

        var first = messages[0].Role == LlmRole.System ? 1 : 0;
        var next = first;
        while (dropOldest && next < tokens.Length - 1 && prompt + output > model.Room)
        {
            // A question goes with its answer: what is left begins with a question again.
            do prompt -= tokens[next++];
            while (next < tokens.Length - 1 && messages[next].Role == LlmRole.Assistant);
        }

        // A tool call that is cut short is none.
        var least = request.Tool is null ? 1 : output;
        var over = prompt + least - model.Room;
        if (over > 0) throw TooLong(model, prompt, least, over, couldDrop: !dropOldest && request.Task == LlmTask.Chat && tokens.Length - first > 1);
        if (next > first) request = request with { Messages = [.. messages.Take(first), .. messages.Skip(next)] };
        return Fitted(request, (int)Math.Min(output, model.Room - prompt), next - first);
    }

    private static FittedRequest Fitted(LlmRequest request, int output, int dropped) => output == request.MaxOutputTokens
        ? new FittedRequest(request, Dropped: dropped)
        : new FittedRequest(request with { MaxOutputTokens = output }, output, dropped);

    private static LlmException TooLong(ModelInfo model, long prompt, int least, long over, bool couldDrop) => new(
        LlmErrorKind.ContextLengthExceeded,
        FormattableString.Invariant(
            $"The prompt has {prompt} tokens, and {model.Name} holds {model.Room} with the answer ({least} or more): that is {over} too many. ")
        + (couldDrop ? "Shorten it, choose a model with a larger window, or send overflow: drop_oldest." : "Shorten it, or choose a model with a larger window."));
}
