using System.IO.Pipelines;
using LlmGateway.Endpoints;
using LlmGateway.Hosting;
using LlmGateway.Tests.Hosts;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace LlmGateway.Tests.Endpoints;

public class SseResponseTests
{
    private static readonly StreamingOptions Options = new();
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(10);

    /// <summary>Its owner waits for a token, so only a ping finds out that the reader takes nothing any more.</summary>
    [Fact]
    public async Task GivesUpAReaderThatTakesNoPing()
    {
        var time = new WatchedTime();
        using var reader = new StuckReader();
        var context = new DefaultHttpContext();
        using var lifetime = new Lifetime();
        context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(reader));
        context.Features.Set<IHttpRequestLifetimeFeature>(lifetime);
        await using var sse = SseResponse.Open(context, Options, time);
        var token = new TaskCompletionSource<bool>();
        using var registration = lifetime.RequestAborted.Register(() =>
        {
            reader.Cut();
            token.TrySetCanceled();
        });
        var wait = sse.WaitAsync(new ValueTask<bool>(token.Task)).AsTask();

        reader.Stick();
        time.Advance(Options.PingInterval);
        await time.TimersAsync(Options.WriteTimeout);
        Assert.False(lifetime.RequestAborted.IsCancellationRequested);
        time.Advance(Options.WriteTimeout);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait.WaitAsync(Soon));
        Assert.True(lifetime.RequestAborted.IsCancellationRequested);
    }

    /// <summary>The pipe knows a moment before the request's token does; what ends in between would be taken for an end of the gateway's own.</summary>
    [Fact]
    public async Task AReaderThatHasGoneEndsTheWaitByTheRequestsToken()
    {
        var pipe = new Pipe();
        var context = new DefaultHttpContext();
        using var lifetime = new Lifetime();
        context.Features.Set<IHttpRequestLifetimeFeature>(lifetime);
        context.Features.Set<IHttpResponseBodyFeature>(new PipeBody(pipe.Writer));
        await pipe.Reader.CompleteAsync();
        await using var sse = SseResponse.Open(context, Options, new WatchedTime());
        sse.WriteDelta("x");
        var token = new TaskCompletionSource<bool>();

        var wait = sse.WaitAsync(new ValueTask<bool>(token.Task)).AsTask();
        token.SetResult(true);

        Assert.False(wait.IsCompleted);
        lifetime.Abort();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait.WaitAsync(Soon));
    }

    private sealed class PipeBody(PipeWriter writer) : IHttpResponseBodyFeature
    {
        public PipeWriter Writer => writer;

        public Stream Stream => throw new NotSupportedException();

        public void DisableBuffering()
        {
        }

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task CompleteAsync() => Task.CompletedTask;
    }

    private sealed class Lifetime : IHttpRequestLifetimeFeature, IDisposable
    {
        private readonly CancellationTokenSource _aborted = new();

        public CancellationToken RequestAborted
        {
            get => _aborted.Token;
            set => throw new NotSupportedException();
        }

        public void Abort() => _aborted.Cancel();

        public void Dispose() => _aborted.Dispose();
    }

    /// <summary>Takes everything until it sticks; then nothing, until the connection is cut.</summary>
    private sealed class StuckReader : MemoryStream
    {
        private readonly TaskCompletionSource _cut = new();
        private volatile bool _stuck;

        public void Stick() => _stuck = true;

        public void Cut() => _cut.SetResult();

        public override Task FlushAsync(CancellationToken cancellationToken) => _stuck ? _cut.Task : Task.CompletedTask;
    }
}
