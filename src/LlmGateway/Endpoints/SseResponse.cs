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

    /// <summary>Characters: a token has a few.</summary>
    private const int MaxPlainDelta = 256;

    private const int MaxUtf8PerChar = 3;

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

    private int MaxIdLength => _id is null ? 0 : _id.Length + StreamPlace.MaxLength + 1;

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
        WriteId(StreamPlace.Done);
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

    /// <summary>A text that stands in JSON as it is, in one piece: for each that the server is handed, it takes a lock twice.</summary>
    private bool TryWritePlainDelta(string text, StreamPlace place)
    {
        if (text.Length > MaxPlainDelta) return false;
        var before = "data: {\"delta\":\""u8;
        var after = "\"}\n"u8;
        var span = _output.GetSpan(before.Length + (text.Length * MaxUtf8PerChar) + after.Length + MaxIdLength + 1);
        before.CopyTo(span);
        if (Utf8.FromUtf16(text, span[before.Length..], out _, out var length, replaceInvalidSequences: false) != OperationStatus.Done
            || JsonOptions.Encoder!.FindFirstCharacterToEncodeUtf8(span.Slice(before.Length, length)) >= 0)
            return false;
        length += before.Length;
        after.CopyTo(span[length..]);
        length += after.Length;
        length += FormatId(span[length..], place);
        span[length++] = (byte)'\n';
        _output.Advance(length);
        _unflushed = true;
        return true;
    }

    private void EndFrame(StreamPlace place)
    {
        _json.Flush();
        _json.Reset();
        _output.Write("\n"u8);
        // After the data: there are clients that take an id for theirs as soon as they see it, whether the frame comes whole or not.
        WriteId(place);
        _output.Write("\n"u8);
        _unflushed = true;
    }

    private void WriteId(StreamPlace place)
    {
        var length = FormatId(_output.GetSpan(MaxIdLength), place);
        _output.Advance(length);
    }

    /// <summary>There is one to every token: not a string is made for it.</summary>
    /// <returns>How many bytes it took, at most <see cref="MaxIdLength"/>.</returns>
    private int FormatId(Span<byte> utf8, StreamPlace place)
    {
        if (_id is null) return 0;
        _id.CopyTo(utf8);
        var length = _id.Length + place.Format(utf8[_id.Length..]);
        utf8[length] = (byte)'\n';
        return length + 1;
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
