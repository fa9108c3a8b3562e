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
