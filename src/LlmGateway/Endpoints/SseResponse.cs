using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;
using LlmGateway.Hosting;
using LlmGateway.Llm;
using Microsoft.AspNetCore.Http.Features;

namespace LlmGateway.Endpoints;

/// <summary>
/// A response of server-sent events. Frames are written at once and flushed before the next wait, so that those which come together
/// leave together. While its owner waits, and only then, comments keep the connection alive.
/// </summary>
internal sealed class SseResponse : IAsyncDisposable
{
    /// <summary>More than this is sent although more is there already, or an upstream that is always ahead would be held in memory whole.</summary>
    private const int MaxUnflushed = 16 * 1024;

    /// <summary>Characters: for a longer text, room would be asked for that the rest of the server's block does not have.</summary>
    private const int MaxPlainDelta = 256;

    private static readonly JsonWriterOptions JsonOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private readonly HttpContext _context;
    private readonly StreamingOptions _options;
    private readonly TimeProvider _timeProvider;
    private readonly PipeWriter _output;
    private readonly Utf8JsonWriter _json;
    private readonly SemaphoreSlim _gate = new(0, 1);
    private readonly CancellationTokenSource _closed = new();
    private readonly Task _pings;
    private byte[]? _id;
    private long _lastFlush;
    private bool _unflushed;

    private int MaxEndLength => 2 + (_id is null ? 0 : _id.Length + StreamPlace.MaxLength + 1);

    private SseResponse(HttpContext context, StreamingOptions options, TimeProvider timeProvider)
    {
        _context = context;
        _options = options;
        _timeProvider = timeProvider;
        _output = context.Response.BodyWriter;
        _json = new Utf8JsonWriter(_output, JsonOptions);
        _lastFlush = timeProvider.GetTimestamp();
        _pings = PingAsync();
    }

    /// <summary>Waits for what is to be sent first, until the response has to open without it.</summary>
    /// <param name="first">Completes when it is there.</param>
    /// <param name="ended">Says what has ended it, where the caller has not.</param>
    /// <param name="options">How long to wait.</param>
    /// <param name="timeProvider">The clock.</param>
    /// <param name="cancellationToken">The caller has gone.</param>
    /// <exception cref="LlmException">It failed before anything was sent: a status can still say so.</exception>
    public static async Task WaitForFirstAsync(
        Task<bool> first, Func<LlmException> ended, StreamingOptions options, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        await ((Task)first).WaitAsync(options.OpenAfter, timeProvider, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!first.IsCompleted) return;
        try
        {
            await first;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw ended();
        }
    }

    /// <summary>Writes the headers, which go out with the first flush: from here on a failure is a frame.</summary>
    public static SseResponse Open(HttpContext context, StreamingOptions options, TimeProvider timeProvider)
    {
        var headers = context.Response.Headers;
        headers.ContentType = "text/event-stream";
        headers.CacheControl = "no-cache, no-transform";
        headers["x-accel-buffering"] = "no";
        context.Features.GetRequiredFeature<IHttpResponseBodyFeature>().DisableBuffering();
        return new SseResponse(context, options, timeProvider) { _unflushed = true };
    }

    /// <summary>From here on frames carry ids: whose, a colon, and the place after the frame.</summary>
    /// <param name="name">Letters and digits.</param>
    /// <param name="retry">How long EventSource waits before it reconnects.</param>
    public void UseIds(string name, TimeSpan retry)
    {
        _id = Encoding.ASCII.GetBytes($"id: {name}:");
        _output.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"retry: {(long)retry.TotalMilliseconds}\n")));
    }

    /// <summary>A <c>data:</c> frame of JSON.</summary>
    public void Write<T>(T value, JsonTypeInfo<T> type, StreamPlace place = default)
    {
        _output.Write("data: "u8);
        JsonSerializer.Serialize(_json, value, type);
        EndFrame(place);
    }

    /// <summary>The frame <c>{"delta":"…"}</c>: there is one to every token.</summary>
    public void WriteDelta(string text, StreamPlace place = default)
    {
        if (TryWritePlainDelta(text, place)) return;
        _output.Write("data: "u8);
        _json.WriteStartObject();
        _json.WriteString("delta"u8, text);
        _json.WriteEndObject();
        EndFrame(place);
    }

    public void WriteDone()
    {
        if (_id is not null) _output.Advance(FormatId(_output.GetSpan(MaxEndLength), _id, StreamPlace.Done));
        _output.Write("data: [DONE]\n\n"u8);
        _unflushed = true;
    }

    /// <summary>Waits for what comes next; sends what has been written first, and comments in between.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<T> WaitAsync<T>(ValueTask<T> next)
    {
        if (next.IsCompleted && _output.UnflushedBytes < MaxUnflushed) return await next;
        if (!await FlushAsync())
        {
            // What is awaited ends by the same token as the connection; it must have ended before its owner may dispose of it.
            await next;
            // The token follows the connection by a moment, and until then this would look like another kind of end.
            await Task.Delay(Timeout.InfiniteTimeSpan, _context.RequestAborted);
        }
        _gate.Release();
        try
        {
            return await next;
        }
        finally
        {
            await _gate.WaitAsync(CancellationToken.None);
        }
    }

    /// <returns>False if the reader has gone, or has taken nothing for too long.</returns>
    public async ValueTask<bool> FlushAsync()
    {
        if (!_unflushed) return true;
        _unflushed = false;
        _lastFlush = _timeProvider.GetTimestamp();
        var flush = _output.FlushAsync(CancellationToken.None);
        var result = flush.IsCompletedSuccessfully ? flush.Result : await WithinTimeAsync(flush.AsTask());
        return !result.IsCompleted;
    }

    public async ValueTask DisposeAsync()
    {
        await _closed.CancelAsync();
        await _pings;
        await _json.DisposeAsync();
        _closed.Dispose();
        _gate.Dispose();
    }

    /// <summary>Each piece that the server is handed takes two locks: a text that needs no escapes is one piece with its frame.</summary>
    /// <returns>False where it needs some, or is long: nothing has been written.</returns>
    private bool TryWritePlainDelta(string text, StreamPlace place)
    {
        if (text.Length > MaxPlainDelta) return false;
        var before = "data: {\"delta\":\""u8;
        var after = "\"}"u8;
        var span = _output.GetSpan(before.Length + Encoding.UTF8.GetMaxByteCount(text.Length) + after.Length + MaxEndLength);
        before.CopyTo(span);
        var written = before.Length;
        if (Utf8.FromUtf16(text, span[written..], out _, out var length, replaceInvalidSequences: false) != OperationStatus.Done
            || JsonOptions.Encoder!.FindFirstCharacterToEncodeUtf8(span.Slice(written, length)) >= 0)
            return false;
        written += length;
        after.CopyTo(span[written..]);
        written += after.Length;
        written += FormatEnd(span[written..], place);
        _output.Advance(written);
        _unflushed = true;
        return true;
    }

    private void EndFrame(StreamPlace place)
    {
        _json.Flush();
        _json.Reset();
        _output.Advance(FormatEnd(_output.GetSpan(MaxEndLength), place));
        _unflushed = true;
    }

    /// <summary>The end of a line of data, and of its frame.</summary>
    /// <returns>How many bytes it took, at most <see cref="MaxEndLength"/>.</returns>
    private int FormatEnd(Span<byte> utf8, StreamPlace place)
    {
        utf8[0] = (byte)'\n';
        var written = 1;
        // After the data: there are clients that take an id for theirs as soon as they see it, whether the frame comes whole or not.
        if (_id is not null) written += FormatId(utf8[written..], _id, place);
        utf8[written] = (byte)'\n';
        return written + 1;
    }

    /// <summary>There is one to every token: not a string is made for it.</summary>
    private static int FormatId(Span<byte> utf8, byte[] id, StreamPlace place)
    {
        id.CopyTo(utf8);
        var written = id.Length + place.Format(utf8[id.Length..]);
        utf8[written] = (byte)'\n';
        return written + 1;
    }

    private async Task<FlushResult> WithinTimeAsync(Task<FlushResult> flush)
    {
        try
        {
            return await flush.WaitAsync(_options.WriteTimeout, _timeProvider, CancellationToken.None);
        }
        catch (TimeoutException)
        {
            // The socket is full and stays so: nothing more can be said to this reader, not even goodbye.
            _context.Abort();
            return await flush;
        }
    }

    private async Task PingAsync()
    {
        try
        {
            while (!_closed.IsCancellationRequested)
            {
                var left = _options.PingInterval - _timeProvider.GetElapsedTime(_lastFlush);
                if (left > TimeSpan.Zero)
                {
                    // The end of every stream finds it here, and an exception would cost as much as ten tokens.
                    await Task.Delay(left, _timeProvider, _closed.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    continue;
                }
                await _gate.WaitAsync(_closed.Token);
                try
                {
                    if (_timeProvider.GetElapsedTime(_lastFlush) < _options.PingInterval) continue;
                    _output.Write(": ping\n\n"u8);
                    _unflushed = true;
                    await FlushAsync();
                }
                finally
                {
                    _gate.Release();
                }
            }
        }
        catch (OperationCanceledException) when (_closed.IsCancellationRequested)
        {
            // The stream has come to its end.
        }
    }
}
