using System.Globalization;
using LlmGateway.FakeOpenAI.Wire;

namespace LlmGateway.FakeOpenAI;

/// <summary>Plays one script to one client: waits, gates, faults, and the pace of the tokens.</summary>
/// <remarks>Counts before it writes, so that a client that has read something finds it counted.</remarks>
internal sealed class Player(
    HttpContext context, IWireFormat format, FakeScript script, FakeRequest request, CallLog log, TimeProvider time)
{
    private static readonly byte[] HtmlPage =
        "<!DOCTYPE html>\n<html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>\n"u8.ToArray();

    private readonly HttpResponse _response = context.Response;
    private readonly ConnectionTap _tap = context.Features.Get<ConnectionTap>()!;

    public async Task PlayAsync(IAnswer answer, CancellationToken cancellationToken)
    {
        await PauseAsync(script.Latency, cancellationToken);
        if (script.Gate is { After: < 0 } gate)
            await gate.PassAsync(cancellationToken);

        if (script.Fault is { After: < 0, Kind: FakeFaultKind.Stall or FakeFaultKind.Reset or FakeFaultKind.Close } fault)
            await BreakAsync(fault, default, cancellationToken);
        else if (script.Status >= 400)
            await WriteWholeAsync(format.ErrorBody(Error(script.Status)), FakeOutcome.Failed, cancellationToken);
        else if (script.Html)
            await WriteWholeAsync(HtmlPage, FakeOutcome.Cut, cancellationToken);
        else if (answer.Frames is { } frames)
            await StreamAsync(frames, answer.Tokens, cancellationToken);
        else
            await WriteAnswerAsync(answer, cancellationToken);
    }

    private async Task StreamAsync(IFrames frames, int tokens, CancellationToken cancellationToken)
    {
        log.StreamBegan();
        _response.ContentType = "text/event-stream; charset=utf-8";
        _response.Headers.CacheControl = "no-cache";
        await SendHeadAsync(cancellationToken);

        var events = new EventWriter(_response.BodyWriter, script, time);
        foreach (var frame in frames.Opening())
            await events.WriteAsync(frame, cancellationToken);

        var closing = frames.Closing().ToList();
        for (var i = 0; i <= tokens; i++)
        {
            var next = i < tokens ? frames.Token(i) : closing[0];
            if (script.Gate is { After: >= 0 } gate && Math.Min(gate.After, tokens) == i)
                await gate.PassAsync(cancellationToken);
            if (i > 0 && i < tokens)
                await PauseAsync(script.Delay, cancellationToken);
            if (script.Fault is { } fault && Math.Clamp(fault.After, 0, tokens) == i)
            {
                if (fault.Kind != FakeFaultKind.Garbage)
                {
                    await BreakStreamAsync(fault, events, next, cancellationToken);
                    return;
                }

                await events.WriteAsync(new Frame(next.Data[..(next.Data.Length / 2)]), cancellationToken);
            }

            if (i == tokens)
                break;
            log.TokenSent(request);
            await events.WriteAsync(next, cancellationToken);
        }

        foreach (var frame in closing[..^1])
            await events.WriteAsync(frame, cancellationToken);
        log.End(request, FakeOutcome.Completed);
        await events.WriteAsync(closing[^1], cancellationToken);
    }

    private async Task BreakStreamAsync(FakeFault fault, EventWriter events, Frame next, CancellationToken cancellationToken)
    {
        if (fault.Kind == FakeFaultKind.ErrorEvent)
        {
            log.End(request, FakeOutcome.Cut);
            await events.WriteAsync(format.ErrorFrame(Error(500)), cancellationToken);
        }

        await BreakAsync(fault, fault.Partial ? events.Half(next) : default, cancellationToken);
    }

    private async Task WriteAnswerAsync(IAnswer answer, CancellationToken cancellationToken)
    {
        if (script.Gate is { After: >= 0 } gate)
            await gate.PassAsync(cancellationToken);
        await PauseAsync(script.Delay * Math.Max(0, answer.Tokens - 1), cancellationToken);

        var body = answer.Body();
        var half = body.AsMemory(0, body.Length / 2);
        switch (script.Fault)
        {
            case null:
                log.TokenSent(request, answer.Tokens);
                await WriteWholeAsync(body, FakeOutcome.Completed, cancellationToken);
                break;
            case { Kind: FakeFaultKind.Garbage }:
                await WriteWholeAsync(half, FakeOutcome.Cut, cancellationToken);
                break;
            case { Kind: FakeFaultKind.ErrorEvent }:
                await WriteWholeAsync(format.ErrorBody(Error(500)), FakeOutcome.Cut, cancellationToken);
                break;
            case { } fault:
                _response.ContentType = "application/json";
                await SendHeadAsync(cancellationToken);
                await BreakAsync(fault, half, cancellationToken);
                break;
        }
    }

    private async Task BreakAsync(FakeFault fault, ReadOnlyMemory<byte> rest, CancellationToken cancellationToken)
    {
        if (fault.Kind != FakeFaultKind.Stall)
            log.End(request, FakeOutcome.Cut);
        if (!rest.IsEmpty)
            await _response.BodyWriter.WriteAsync(rest, cancellationToken);

        switch (fault.Kind)
        {
            case FakeFaultKind.Stall:
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
                break;
            case FakeFaultKind.Reset:
                _tap.Reset();
                break;
            case FakeFaultKind.Close:
                if (!_response.HasStarted)
                    _response.Headers.Connection = "close";
                _tap.Swallow();
                break;
        }
    }

    private async Task WriteWholeAsync(ReadOnlyMemory<byte> body, FakeOutcome outcome, CancellationToken cancellationToken)
    {
        if (script.Html)
            body = HtmlPage;
        _response.StatusCode = script.Status;
        _response.ContentType = script.Html ? "text/html" : "application/json";
        _response.ContentLength = body.Length;
        await SendHeadAsync(cancellationToken);
        log.End(request, outcome);
        await _response.BodyWriter.WriteAsync(body, cancellationToken);
    }

    private async Task SendHeadAsync(CancellationToken cancellationToken)
    {
        var headers = _response.Headers;
        headers["x-request-id"] = $"req_{request.Number.ToString(CultureInfo.InvariantCulture)}";
        if (script.Fault is { Kind: FakeFaultKind.Close })
            headers.Connection = "close";
        if (script.RetryAfterDate is { } wait)
            headers.RetryAfter = (time.GetUtcNow() + wait).ToString("R", CultureInfo.InvariantCulture);
        if (script.RetryAfter is { } retryAfter)
            headers.RetryAfter = retryAfter;
        if (script.RetryAfterMs is { } milliseconds)
            headers["retry-after-ms"] = milliseconds;
        foreach (var (name, value) in script.Headers)
            headers[name] = value;

        if (script.HeadDrip == TimeSpan.Zero)
            return;
        _tap.Drip = script.HeadDrip;
        try
        {
            await _response.BodyWriter.FlushAsync(cancellationToken);

            // Kestrel hides from its writers that the client has left, and tells the request only later.
            _tap.Closed.ThrowIfCancellationRequested();
        }
        finally
        {
            _tap.Drip = TimeSpan.Zero;
        }
    }

    private WireError Error(int status)
    {
        var (message, type, code) = status switch
        {
            401 => ("Incorrect API key provided.", OpenAIFormat.InvalidRequest, "invalid_api_key"),
            429 => ("Rate limit reached for requests.", "requests", "rate_limit_exceeded"),
            >= 500 => ("The server had an error while processing your request.", "server_error", null),
            _ => ("The request is not valid.", OpenAIFormat.InvalidRequest, (string?)null),
        };
        return new WireError(status, script.ErrorMessage ?? message, script.ErrorType ?? type, script.ErrorCode ?? code);
    }

    private Task PauseAsync(TimeSpan pause, CancellationToken cancellationToken) =>
        pause > TimeSpan.Zero ? Task.Delay(pause, time, cancellationToken) : Task.CompletedTask;
}
