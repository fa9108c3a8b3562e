using System.IO.Pipelines;
using System.Text;
using LlmGateway.FakeOpenAI.Wire;

namespace LlmGateway.FakeOpenAI;

/// <summary>Writes server-sent events, one flush each, or in slices where the script says so.</summary>
internal sealed class EventWriter(PipeWriter body, FakeScript script, TimeProvider time)
{
    private readonly byte[] _lineEnd = script.Crlf ? "\r\n"u8.ToArray() : "\n"u8.ToArray();

    public async Task WriteAsync(Frame frame, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> rest = Encode(frame, script.Comments);
        var slice = script.SplitBytes > 0 ? script.SplitBytes : rest.Length;
        while (!rest.IsEmpty)
        {
            var length = Math.Min(slice, rest.Length);
            await body.WriteAsync(rest[..length], cancellationToken);
            rest = rest[length..];
            if (!rest.IsEmpty && script.SplitDelay > TimeSpan.Zero)
                await Task.Delay(script.SplitDelay, time, cancellationToken);
        }
    }

    public ReadOnlyMemory<byte> Half(Frame frame)
    {
        var whole = Encode(frame, comment: false);
        return whole.AsMemory(0, whole.Length / 2);
    }

    private byte[] Encode(Frame frame, bool comment) =>
    [
        .. comment ? [.. ": keep-alive"u8, .. _lineEnd, .. _lineEnd] : Array.Empty<byte>(),
        .. frame.Event is { } name ? [.. "event: "u8, .. Encoding.UTF8.GetBytes(name), .. _lineEnd] : Array.Empty<byte>(),
        .. "data: "u8,
        .. frame.Data.Span,
        .. _lineEnd,
        .. _lineEnd,
    ];
}
