namespace LlmGateway.Llm;

/// <summary>Lets only such tool arguments through that fit the tool's schema. A model that breaks it once may try once more.</summary>
internal sealed partial class ToolCheckLlmClient(ILlmClient inner, ILogger<ToolCheckLlmClient> logger) : DelegatingLlmClient(inner)
{
    private const int Tries = 2;

    public override Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken) =>
        request.Tool is { } tool ? CompleteAsync(request, tool, cancellationToken) : Inner.CompleteAsync(request, cancellationToken);

    private async Task<LlmResponse> CompleteAsync(LlmRequest request, LlmTool tool, CancellationToken cancellationToken)
    {
        var spent = new Spent();
        for (var attempt = 1; ; attempt++)
        {
            var response = spent.Add(await CallAsync(request, spent, cancellationToken));
            if (ToolSchema.Fits(tool.Parameters, response.ToolArguments)) return response;
            Broken(request.Model, tool.Name, attempt, request.RequestId);
            if (attempt < Tries) continue;
            throw new LlmException(LlmErrorKind.UpstreamInvalidResponse, "The model's answer does not have the form it was told to have. Try again, or try another model.")
            {
                Provider = response.Origin.Provider,
                Attempts = response.Origin.Attempts,
            };
        }
    }

    private async Task<LlmResponse> CallAsync(LlmRequest request, Spent spent, CancellationToken cancellationToken)
    {
        try
        {
            return await Inner.CompleteAsync(request, cancellationToken);
        }
        catch (LlmException exception)
        {
            exception.Attempts += spent.Attempts;
            throw;
        }
    }

    /// <summary>Both tries are paid for.</summary>
    private sealed class Spent
    {
        private LlmResponse? _before;

        public int Attempts => _before?.Origin.Attempts ?? 0;

        public LlmResponse Add(LlmResponse response)
        {
            if (_before is { } before)
            {
                response = response with
                {
                    Usage = before.Usage is null || response.Usage is null
                        ? null
                        : new LlmUsage(
                            before.Usage.InputTokens + response.Usage.InputTokens,
                            before.Usage.OutputTokens + response.Usage.OutputTokens,
                            before.Usage.CachedInputTokens + response.Usage.CachedInputTokens),
                    Origin = response.Origin with
                    {
                        Attempts = before.Origin.Attempts + response.Origin.Attempts,
                        UpstreamTime = before.Origin.UpstreamTime + response.Origin.UpstreamTime,
                    },
                };
            }
            return _before = response;
        }
    }

    [LoggerMessage(EventId = 12, EventName = "ToolSchemaBroken", Level = LogLevel.Warning, Message = "{Model} broke the schema of {Tool} in try {Attempt}, request {RequestId}")]
    private partial void Broken(string model, string tool, int attempt, string? requestId);
}
