using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
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

    /// <summary>Most texts are written in one piece: whatever a text holds, the frame is the one that the JSON writer makes.</summary>
    [Fact]
    public async Task ADeltaIsTheJsonWritersWhateverItHolds()
    {
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        var context = new DefaultHttpContext();
        context.Features.Set<IHttpResponseBodyFeature>(new PipeBody(pipe.Writer));
        var json = new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        var expected = new StringBuilder();
        await using (var sse = SseResponse.Open(context, Options, new WatchedTime()))
        {
            foreach (var ids in new[] { false, true })
            {
                if (ids)
                {
                    sse.UseIds("0123456789abcdef", TimeSpan.FromSeconds(1));
                    expected.Append("retry: 1000\n");
                }
                foreach (var (text, place) in Texts().Select((text, i) => (text, i * 1000)))
                {
                    sse.WriteDelta(text, new StreamPlace(place));
                    expected.Append("data: {\"delta\":").Append(JsonSerializer.Serialize(text, json)).Append("}\n");
                    if (ids) expected.Append(CultureInfo.InvariantCulture, $"id: 0123456789abcdef:{place}\n");
                    expected.Append('\n');
                }
            }
            await sse.FlushAsync();
        }
        await pipe.Writer.CompleteAsync();

        using var sent = new StreamReader(pipe.Reader.AsStream());
        Assert.Equal(expected.ToString(), await sent.ReadToEndAsync());
    }

    /// <summary>Each piece takes two of the server's locks; and the longest has just the room that is asked for.</summary>
    [Theory]
    [InlineData(" the")]
    [InlineData("")]
    public async Task APlainDeltaIsOnePiece(string text)
    {
        var writer = new NarrowWriter();
        var context = new DefaultHttpContext();
        context.Features.Set<IHttpResponseBodyFeature>(new PipeBody(writer));
        await using var sse = SseResponse.Open(context, Options, new WatchedTime());
        sse.WriteDelta(text);
        Assert.Equal(1, writer.Pieces);
        sse.UseIds("0123456789abcdef", TimeSpan.FromSeconds(1));
        writer.Pieces = 0;
        sse.WriteDelta(text, new StreamPlace(int.MaxValue));
        Assert.Equal(1, writer.Pieces);
        sse.WriteDelta(new string('漢', 256), new StreamPlace(int.MaxValue));
        Assert.Equal(2, writer.Pieces);
        Assert.EndsWith($"data: {{\"delta\":\"{new string('漢', 256)}\"}}\nid: 0123456789abcdef:2147483647\n\n", Encoding.UTF8.GetString(writer.Written.ToArray()), StringComparison.Ordinal);
    }

    private static IEnumerable<string> Texts()
    {
        string[] pieces = [" the", "é", "漢字", "😀", "\"", "\\", "\n", "\r\n", "\0", "\u2028", "\ud800", "\udc00", "data: ", "id: x", "<&'>", "\u00a0", "\ufeff", "\u007f", ""];
        foreach (var piece in pieces)
            yield return piece;
        // On both sides of the length that is still written in one piece.
        foreach (var length in new[] { 255, 256, 257, 5000 })
            yield return new string('漢', length);
        var random = new Random(1);
        for (var i = 0; i < 2000; i++)
            yield return string.Concat(Enumerable.Range(0, random.Next(8)).Select(_ => random.Next(4) > 0 ? pieces[random.Next(4)] : pieces[random.Next(pieces.Length)]));
    }

    /// <summary>Gives no byte more than it is asked for.</summary>
    private sealed class NarrowWriter : PipeWriter
    {
        private byte[] _memory = [];

        public int Pieces { get; set; }

        public MemoryStream Written { get; } = new();

        public override bool CanGetUnflushedBytes => true;

        public override long UnflushedBytes => 0;

        public override Memory<byte> GetMemory(int sizeHint = 0) => _memory = new byte[Math.Max(sizeHint, 1)];

        public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

        public override void Advance(int bytes)
        {
            Pieces++;
            Written.Write(_memory, 0, bytes);
        }

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => default;

        public override void CancelPendingFlush()
        {
        }

        public override void Complete(Exception? exception = null)
        {
        }
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
