using System.Net;
using System.Text;

namespace LlmGateway.Benchmarks;

/// <summary>Answers as OpenAI does, from memory; a stream brings one event with each read.</summary>
internal sealed class CannedUpstream : HttpMessageHandler
{
    public const int StreamTokens = 100;

    private static readonly byte[][] Summary = [
        """{"id":"chatcmpl-1","object":"chat.completion","created":1790000000,"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":"A fox jumps over a dog. It writes a report about it, and nobody reads the report.","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":260,"completion_tokens":19,"total_tokens":279,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default","system_fingerprint":"fp_1"}"""u8.ToArray(),
    ];

    private static readonly byte[][] ToolCall = [
        """{"id":"chatcmpl-2","object":"chat.completion","created":1790000000,"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"submit_classification","arguments":"{\"category\":\"billing\",\"confidence\":0.93}"}}],"refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":160,"completion_tokens":12,"total_tokens":172,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default","system_fingerprint":"fp_1"}"""u8.ToArray(),
    ];

    private static readonly byte[][] Events = [
        .. Enumerable.Range(0, StreamTokens).Select(i => Event($$"""{"index":0,"delta":{"content":" word{{i}}"},"logprobs":null,"finish_reason":null}""", "null")),
        Event("""{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}""", "null"),
        Event("", """{"prompt_tokens":9,"completion_tokens":100,"total_tokens":109,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0}}"""),
        "data: [DONE]\n\n"u8.ToArray(),
    ];

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var sent = await request.Content!.ReadAsByteArrayAsync(cancellationToken);
        byte[][] reads = sent.AsSpan().IndexOf("\"stream\":true"u8) >= 0 ? Events : sent.AsSpan().IndexOf("\"tool_choice\""u8) >= 0 ? ToolCall : Summary;
        return new HttpResponseMessage(HttpStatusCode.OK) { Content = new StreamContent(new ReadStream(reads)) };
    }

    private static byte[] Event(string choice, string usage) => Encoding.UTF8.GetBytes(
        $$"""data: {"id":"chatcmpl-3","object":"chat.completion.chunk","created":1790000000,"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_1","choices":[{{choice}}],"usage":{{usage}}}""" + "\n\n");

    /// <summary>Each read waits once, as it does on a socket.</summary>
    private sealed class ReadStream(byte[][] reads) : Stream
    {
        private int _next;
        private int _offset;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Yield();
            if (_next == reads.Length) return 0;
            var count = Math.Min(reads[_next].Length - _offset, buffer.Length);
            reads[_next].AsSpan(_offset, count).CopyTo(buffer.Span);
            _offset += count;
            if (_offset == reads[_next].Length) (_next, _offset) = (_next + 1, 0);
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
