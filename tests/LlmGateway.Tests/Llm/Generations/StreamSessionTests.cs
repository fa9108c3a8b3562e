using LlmGateway.Hosting;
using LlmGateway.Llm;
using LlmGateway.Llm.Generations;
using Microsoft.Extensions.Time.Testing;

namespace LlmGateway.Tests.Llm.Generations;

/// <summary>Clients that come back at the very moment at which another connection of theirs ends.</summary>
public sealed class StreamSessionTests : IDisposable
{
    private readonly StreamingOptions _options = new();
    private readonly InterruptingTime _time = new();
    private readonly StreamSessions _streams;
    private readonly Generation _generation = new();
    private readonly CancellationTokenSource _first = new();
    private readonly CancellationTokenSource _second = new();

    public StreamSessionTests() => _streams = new StreamSessions(_options, _time);

    [Fact]
    public void AStreamIsNotForgottenWhileItsClientIsBack()
    {
        var (stream, connection) = Open(keepsRunning: true);
        StreamSession.Connection? back = null;
        _time.OnTimestamp = () =>
        {
            Assert.True(stream.TryResume());
            back = stream.Connect(_second);
        };

        connection.Dispose();
        _time.Advance(_options.ResumeFor + TimeSpan.FromSeconds(1));

        Assert.NotNull(back);
        Assert.Same(stream, _streams.Find(stream.Id));
        // What is kept for those who have gone is pruned when the next one goes.
        Open(keepsRunning: true).Connection.Dispose();
        Assert.Same(stream, _streams.Find(stream.Id));
        Assert.False(_generation.Aborted.IsCancellationRequested);
    }

    [Fact]
    public void AStreamIsForgottenWhenItsClientHasGoneAgain()
    {
        var (stream, connection) = Open(keepsRunning: true);
        connection.Dispose();
        Assert.True(stream.TryResume());
        stream.Connect(_second).Dispose();

        _time.Advance(_options.ResumeFor + TimeSpan.FromSeconds(1));

        Assert.Null(_streams.Find(stream.Id));
    }

    /// <summary>Two reconnects at one moment: the end of one is not the end of the other.</summary>
    [Fact]
    public void WhoHasBeenToldToGoOnGoesOnThoughAnotherConnectionEnds()
    {
        var (stream, connection) = Open(keepsRunning: false);
        Assert.True(stream.TryResume());

        connection.Dispose();
        using var back = stream.Connect(_second);
        using var reader = stream.Join(CancellationToken.None).Reader;

        Assert.False(_generation.Aborted.IsCancellationRequested);
    }

    [Fact]
    public void TheLastOneToGoEndsTheCallAllTheSame()
    {
        var (stream, connection) = Open(keepsRunning: false);
        Assert.True(stream.TryResume());
        connection.Dispose();

        stream.Connect(_second).Dispose();

        Assert.True(_generation.Aborted.IsCancellationRequested);
        Assert.Null(_streams.Find(stream.Id));
    }

    [Fact]
    public void WhoComesBackToAStreamThatIsJustBeingStoppedIsToldSo()
    {
        var (stream, connection) = Open(keepsRunning: true);
        connection.Dispose();
        Assert.True(stream.TryResume());

        stream.Stop();
        using var back = stream.Connect(_second);

        Assert.Equal(LlmErrorKind.StreamStopped, Assert.Throws<LlmException>(() => stream.Join(CancellationToken.None)).Kind);
    }

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
    }

    private (StreamSession Stream, StreamSession.Connection Connection) Open(bool keepsRunning)
    {
        var stream = _streams.Start(isResumable: true, keepsRunning: keepsRunning);
        var connection = stream.Connect(_first);
        stream.Reads(GenerationKey.Random(), _generation, joined: false);
        stream.Open();
        return (stream, connection);
    }

    /// <summary>Lets something happen between two steps of what is tested.</summary>
    private sealed class InterruptingTime : FakeTimeProvider
    {
        public Action? OnTimestamp { get; set; }

        public override long GetTimestamp()
        {
            var happens = OnTimestamp;
            OnTimestamp = null;
            happens?.Invoke();
            return base.GetTimestamp();
        }
    }
}
