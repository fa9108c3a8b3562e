using LlmGateway.Llm;
using LlmGateway.Llm.Providers;
using Microsoft.Extensions.Time.Testing;

namespace LlmGateway.Tests.Llm.Providers;

public sealed class IdleTimeoutTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly FakeTimeProvider _time = new();
    private readonly CancellationTokenSource _caller = new();
    private readonly IdleTimeout _idle;
    private readonly ProviderCall _call = new(new ProviderFailures("openai", "OPENAI_API_KEY"));

    public IdleTimeoutTests() => _idle = new IdleTimeout(Limit, _time, _caller.Token);

    public void Dispose()
    {
        _idle.Dispose();
        _caller.Dispose();
    }

    [Fact]
    public void EndsASilentStream()
    {
        _idle.Listen();
        _time.Advance(Limit - Second);
        Assert.False(_idle.Token.IsCancellationRequested);
        _time.Advance(Second);
        Assert.True(_idle.Token.IsCancellationRequested);
        Assert.True(_idle.HasExpired);
        Assert.Equal(LlmErrorKind.UpstreamTimeout, Failure()?.Kind);
    }

    [Fact]
    public void AWordInTimeBeginsTheSilenceAnew()
    {
        _idle.Listen();
        _time.Advance(Limit - Second);
        _idle.Heard();
        _idle.Listen();
        _time.Advance(Limit - Second);
        Assert.False(_idle.HasExpired);
        _time.Advance(Second);
        Assert.True(_idle.HasExpired);
    }

    /// <summary>A reader that takes its time is not the provider's silence.</summary>
    [Fact]
    public void NobodyIsSilentWhileNobodyListens()
    {
        _idle.Listen();
        _idle.Heard();
        _time.Advance(10 * Limit);
        Assert.False(_idle.Token.IsCancellationRequested);
        Assert.False(_idle.HasExpired);
    }

    [Fact]
    public void TheCallerEndsItToo()
    {
        _idle.Listen();
        _caller.Cancel();
        Assert.True(_idle.Token.IsCancellationRequested);
        Assert.False(_idle.HasExpired);
        Assert.ThrowsAny<OperationCanceledException>(Failure);
    }

    [Fact]
    public void ACallerThatHasGoneIsToldOfNoSilence()
    {
        _idle.Listen();
        _time.Advance(Limit);
        _caller.Cancel();
        Assert.True(_idle.HasExpired);
        Assert.ThrowsAny<OperationCanceledException>(Failure);
    }

    /// <summary>What comes when it is too late does not take it back: the stream is being ended.</summary>
    [Fact]
    public void StaysExpired()
    {
        _idle.Listen();
        _time.Advance(Limit);
        _idle.Heard();
        _idle.Listen();
        Assert.True(_idle.HasExpired);
    }

    private LlmException? Failure() => _call.Failure(new OperationCanceledException(), _idle, _caller.Token);
}
