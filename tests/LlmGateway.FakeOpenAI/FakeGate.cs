namespace LlmGateway.FakeOpenAI;

/// <summary>A milestone at which one answer waits for its test.</summary>
/// <param name="after">After how many tokens, counted as in <see cref="FakeFault"/>. A JSON answer waits before its head.</param>
public sealed class FakeGate(int after = 0)
{
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int After => after;

    /// <summary>Completes when the answer has come to the gate, with everything before it written.</summary>
    public Task Reached => _reached.Task;

    public void Open() => _open.TrySetResult();

    internal Task PassAsync(CancellationToken cancellationToken)
    {
        _reached.TrySetResult();
        return _open.Task.WaitAsync(cancellationToken);
    }
}
