using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text;
using System.Threading.Channels;
using LlmGateway.Llm;

namespace LlmGateway.Tests.Llm.Generations;

/// <summary>A model of which the test says, call by call, what it says and when.</summary>
internal sealed class StubLlmClient : ILlmClient
{
    private readonly ConcurrentQueue<StubCall> _calls = new();

    public IReadOnlyList<StubCall> Calls => [.. _calls];

    /// <summary>Asked at the start of each call, before anything is read of it.</summary>
    public Action<StubCall>? OnCall { get; set; }

    /// <summary>The oldest call that was not taken, which is then not among <see cref="Calls"/> any more: a long test keeps none.</summary>
    public StubCall TakeCall() => _calls.TryDequeue(out var call) ? call : throw new InvalidOperationException("There is no call.");

    public async Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken)
    {
        var text = new StringBuilder();
        LlmOrigin? origin = null;
        await foreach (var update in Begin(request, cancellationToken).ReadAsync())
        {
            origin ??= update.Origin;
            text.Append(update.Text);
            if (update.FinishReason is { } finish)
                return new LlmResponse { Text = text.ToString(), Origin = origin!, FinishReason = finish, Usage = update.Usage };
        }
        throw new InvalidOperationException("The test ended a call without an end.");
    }

    public async IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var update in Begin(request, cancellationToken).ReadAsync())
            yield return update;
    }

    public Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken) =>
        throw new NotSupportedException("Generations have no part in embeddings.");

    private StubCall Begin(LlmRequest request, CancellationToken cancellationToken)
    {
        var call = new StubCall(request, cancellationToken);
        _calls.Enqueue(call);
        OnCall?.Invoke(call);
        return call;
    }
}

/// <summary>One call. What is said is heard before <see cref="Say"/> returns.</summary>
internal sealed class StubCall(LlmRequest request, CancellationToken token)
{
    public static readonly LlmUsage Usage = new(9, 2);

    private readonly Channel<LlmUpdate> _updates = Channel.CreateUnbounded<LlmUpdate>(new() { AllowSynchronousContinuations = true });
    private LlmOrigin? _origin = new("stub", request.Model);

    public LlmRequest Request => request;

    public CancellationToken Token => token;

    /// <summary>Whether the call ends when it is cancelled.</summary>
    public bool HeedsCancellation { get; set; } = true;

    public void Say(params ReadOnlySpan<string> texts)
    {
        foreach (var text in texts)
            Write(new LlmUpdate { Text = text });
    }

    public void Finish() => Finish(FinishReason.Stop);

    public void Finish(FinishReason finish)
    {
        Write(new LlmUpdate { FinishReason = finish, Usage = Usage });
        _updates.Writer.Complete();
    }

    public void Answer(string text)
    {
        Say(text);
        Finish();
    }

    public void Fail(Exception exception) => _updates.Writer.TryComplete(exception);

    public IAsyncEnumerable<LlmUpdate> ReadAsync() => _updates.Reader.ReadAllAsync(HeedsCancellation ? token : CancellationToken.None);

    private void Write(LlmUpdate update)
    {
        var origin = _origin;
        _origin = null;
        // Nobody may be reading any more.
        _updates.Writer.TryWrite(update with { Origin = origin });
    }
}
