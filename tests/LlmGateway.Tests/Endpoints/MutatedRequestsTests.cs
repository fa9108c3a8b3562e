using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Endpoints;

/// <summary>
/// Ten thousand requests that were right once. A failure names the number of the request, which is the seed of its mutations, and holds
/// its bytes.
/// </summary>
[Collection(nameof(MutatedRequestsTests))]
[CollectionDefinition(nameof(MutatedRequestsTests), DisableParallelization = true)]
public class MutatedRequestsTests
{
    private const int Connections = 16;
    private const long MemoryLimit = 100 * 1024 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Afterthought = TimeSpan.FromMilliseconds(50);

    [Theory]
    [InlineData(0, 7000, "Llm:Provider=offline", "Llm:Offline:TokensPerSecond=0", "Llm:Offline:FirstToken=00:00:00")]
    [InlineData(7000, 3000, "Llm:Provider=auto", "Llm:Resilience:BreakerMinimumThroughput=1000000", "Llm:Resilience:MaxRetries=0")]
    public async Task MakeNothingFail(int first, int count, params string[] settings)
    {
        await using var gateway = await GatewayHost.StartAsync([.. settings, "Log:Level=Warning"]);
        await AssertWellAsync(gateway);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var next = first - 1;

        await Task.WhenAll(Enumerable.Range(0, Connections).Select(_ => Task.Run(async () =>
        {
            using var connection = new Reconnecting(gateway.Address);
            while (Interlocked.Increment(ref next) is var seed && seed < first + count)
                await SendAsync(connection, RequestMutator.Create(seed));
        })));

        await AssertWellAsync(gateway);
        Assert.Empty(gateway.Log.Of("UnexpectedFailure"));
        Assert.Empty(gateway.Log.Of("ApplicationError"));
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, MemoryLimit);
    }

    private static async Task AssertWellAsync(GatewayHost gateway)
    {
        Assert.Equal(HttpStatusCode.OK, (await gateway.Client.GetAsync("/health/live")).StatusCode);
        foreach (var endpoint in GatewayCalls.Endpoints)
        {
            using var response = await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint));
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
    }

    private static async Task SendAsync(Reconnecting connection, MutatedRequest request)
    {
        try
        {
            using var timeout = new CancellationTokenSource(Patience);
            var response = request.IsFramed
                ? await connection.CallAsync(request, timeout.Token)
                : await connection.CallOnceAsync(request, Afterthought, timeout.Token);
            if (request.IsFramed) Assert.NotNull(response);
            Assert.True(response is null || response.Status < 500 || IsVersionRefused(response), $"{response?.Status} {response?.Body}");
        }
        catch (Exception exception)
        {
            Assert.Fail($"Request {request.Seed} of {Encoding.Latin1.GetString(request.Bytes.AsSpan(0, Math.Min(60, request.Bytes.Length)))}…: "
                + $"{exception.Message}\n{Convert.ToBase64String(request.Bytes)}");
        }
    }

    /// <summary>The server itself says so to a version of HTTP that there is not, with 505.</summary>
    private static bool IsVersionRefused(RawResponse response) => response is { Status: 505, Body: "" };

    /// <summary>A connection that is opened again when the server has closed it.</summary>
    private sealed class Reconnecting(Uri address) : IDisposable
    {
        private RawConnection? _connection;

        public async Task<RawResponse?> CallAsync(MutatedRequest request, CancellationToken cancellationToken)
        {
            if (_connection is { IsOpen: true })
            {
                // An idle connection may be closed at any time: that is no answer to this request.
                if (await TryCallAsync(request, cancellationToken) is { } response) return response;
            }
            _connection?.Dispose();
            _connection = await RawConnection.OpenAsync(address, cancellationToken);
            return await TryCallAsync(request, cancellationToken);
        }

        /// <summary>A connection of its own, for what may claim to be longer than it is: it is told that nothing more comes.</summary>
        public async Task<RawResponse?> CallOnceAsync(MutatedRequest request, TimeSpan afterthought, CancellationToken cancellationToken)
        {
            using var connection = await RawConnection.OpenAsync(address, cancellationToken);
            try
            {
                await connection.SendAsync(request.Bytes, cancellationToken);
                var answer = connection.ReadAsync(request.IsHead, cancellationToken);
                await Task.WhenAny(answer, Task.Delay(afterthought, cancellationToken));
                if (!answer.IsCompleted) connection.EndSending();
                return await answer;
            }
            catch (Exception exception) when (exception is InvalidDataException or SocketException)
            {
                // Half a request, half an answer: the server may break off what its caller broke off.
                return null;
            }
        }

        public void Dispose() => _connection?.Dispose();

        private async Task<RawResponse?> TryCallAsync(MutatedRequest request, CancellationToken cancellationToken)
        {
            try
            {
                await _connection!.SendAsync(request.Bytes, cancellationToken);
                return await _connection.ReadAsync(request.IsHead, cancellationToken);
            }
            catch (SocketException)
            {
                return null;
            }
        }
    }

    /// <param name="Seed">Makes the same request again.</param>
    /// <param name="Bytes">As they are sent.</param>
    /// <param name="IsFramed">Whether it is as long as it says, so that there must be an answer to it.</param>
    /// <param name="IsHead">Whether the answer has no body.</param>
    private sealed record MutatedRequest(int Seed, byte[] Bytes, bool IsFramed, bool IsHead);

    private static class RequestMutator
    {
        private static readonly string[] Targets =
        [
            "POST /summarize", "POST /summarize?fresh=1&dry_run=1", "POST /classify", "POST /chat", "POST /chat-stream", "GET /chat-stream?message=hello&max_tokens=5",
            "GET /health/live", "GET /health/ready", "GET /openapi/v1.json", "HEAD /summarize", "OPTIONS /chat", "DELETE /streams/abc",
        ];

        private static readonly string[] Bodies =
        [
            """{"text":"The boats go down the river. They come back at night.","model":"gpt-4o-mini","max_tokens":50,"long_input":"auto"}""",
            """{"text":"My invoice is wrong.","categories":["billing",{"name":"other","description":"everything else"}]}""",
            """{"message":"Hello","system":"Be kind.","model":"gpt-4o","max_tokens":20,"temperature":0.5}""",
            """{"messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"Hi"},{"role":"assistant","content":"Yes?"},{"role":"user","content":"größer 更大 😀"}]}""",
            """{"input":["a","b"],"dimensions":8}""",
        ];

        private static readonly string[] Headers =
        [
            "content-type: application/json", "content-type: application/json; charset=utf-8", "accept: application/json", "accept: text/event-stream",
            "accept: */*;q=0.5, text/html", "content-encoding: identity", "content-encoding: gzip",
            "content-encoding: br", "content-encoding: deflate", "x-request-id: abc-123", "expect: 100-continue", "origin: http://localhost:3000",
            "last-event-id: 17", "idempotency-key: k", "authorization: Bearer x", "accept-encoding: gzip, br", "connection: keep-alive", "range: bytes=0-1",
            "if-none-match: *", "upgrade: websocket", "te: trailers",
        ];

        private static readonly string[] Splices =
        [
            "\0", "\"", "\\", "{", "}", "[", "]", ":", ",", "null", "true", "NaN", "-Infinity", "1e999", "-1e-999", "9223372036854775808", "-0", "0.1e", "\\u0000", "\\ud83d",
            "\\udE00", "\\u", "\u00ff", "\ufeff", "\u2028", "😀", "\r\n", "\n\n", "data: [DONE]\n\n", "%00", "%ff", "%", "..", "//", "\t", "<|endoftext|>", "{{", "$(x)",
            "\"text\":", "\"messages\":[{}]", "\"role\":\"system\"", "\"max_tokens\":-1", "\"model\":\"x\"", "\"text\":\"a\"", "\u200d\u0301\u0301", "\u202e",
        ];

        private static readonly string[] Numbers = ["0", "-1", "2147483647", "2147483648", "-2147483649", "1e400", "0.0000001", "1.0", "00", "1e2", "99999999999999999999999"];

        public static MutatedRequest Create(int seed)
        {
            var random = new Random(seed);
            var (method, target) = (Pick(random, Targets).Split(' ') is [var m, var t]) ? (m, t) : throw new UnreachableException();
            var body = method is "POST" ? Encoding.UTF8.GetBytes(Pick(random, Bodies)) : [];
            var headers = Pick(random, Headers, random.Next(4)).Prepend(method == "POST" ? Headers[0] : "accept: */*").ToList();
            if (body.Length > 0 && random.Next(10) == 0)
            {
                headers.Add("content-encoding: gzip");
                body = Compress(body);
            }
            for (var i = random.Next(1, 4); i > 0; i--)
            {
                switch (random.Next(10))
                {
                    case 0: target = Encoding.Latin1.GetString(MutateText(random, Encoding.UTF8.GetBytes(target))); break;
                    case 1 or 2: headers[random.Next(headers.Count)] = Encoding.Latin1.GetString(MutateText(random, Encoding.UTF8.GetBytes(Pick(random, headers)))); break;
                    default: body = Mutate(random, body); break;
                }
            }
            if (random.Next(50) == 0) method = Pick(random, ["PUT", "PATCH", "TRACE", "FOO", "post", "HEAD", "CONNECT"]);
            var head = new StringBuilder($"{method} {target} HTTP/1.1\r\nhost: localhost\r\n");
            foreach (var header in headers.Where(header => !IsFraming(header)))
                head.Append(header).Append("\r\n");
            var chunked = random.Next(8) == 0 && body.Length > 0;
            head.Append(chunked ? "transfer-encoding: chunked\r\n\r\n" : string.Create(CultureInfo.InvariantCulture, $"content-length: {body.Length}\r\n\r\n"));
            byte[] bytes = [.. Encoding.Latin1.GetBytes(head.ToString()), .. chunked ? Chunk(random, body) : body];
            // Any byte of the whole: then nobody knows any more where it ends.
            if (random.Next(10) == 0) return new MutatedRequest(seed, Mutate(random, bytes), IsFramed: false, IsHead: method == "HEAD");
            return new MutatedRequest(seed, bytes, IsFramed: true, IsHead: method == "HEAD");
        }

        private static bool IsFraming(string header) =>
            header.Length == 0 || header.StartsWith("content-length", StringComparison.OrdinalIgnoreCase) || header.StartsWith("transfer-encoding", StringComparison.OrdinalIgnoreCase)
            || header.Contains('\n', StringComparison.Ordinal) || header.Contains('\r', StringComparison.Ordinal);

        /// <summary>Without line ends, which would make two requests of one.</summary>
        private static byte[] MutateText(Random random, byte[] text) => [.. Mutate(random, text).Where(b => b is not ((byte)'\r' or (byte)'\n'))];

        private static byte[] Mutate(Random random, byte[] bytes)
        {
            var (from, to) = (random.Next(bytes.Length + 1), random.Next(bytes.Length + 1));
            if (from > to) (from, to) = (to, from);
            var (before, part, after) = (bytes[..from], bytes[from..to], bytes[to..]);
            return random.Next(9) switch
            {
                0 => Flip(random, bytes),
                1 => before,
                2 => [.. before, .. after],
                3 => [.. before, .. part, .. part, .. after],
                4 => [.. before, .. Encoding.UTF8.GetBytes(Pick(random, Splices)), .. part, .. after],
                5 => [.. before, .. Encoding.UTF8.GetBytes(Pick(random, Bodies)), .. after],
                6 => ReplaceNumber(random, bytes),
                7 => [.. before, .. Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(Pick(random, Splices), random.Next(1, 300)))), .. after],
                _ => [.. before, .. Noise(random), .. part, .. after],
            };
        }

        private static byte[] Flip(Random random, byte[] bytes)
        {
            var flipped = bytes.ToArray();
            for (var i = random.Next(1, 5); i > 0 && flipped.Length > 0; i--)
                flipped[random.Next(flipped.Length)] ^= (byte)(1 << random.Next(8));
            return flipped;
        }

        private static byte[] ReplaceNumber(Random random, byte[] bytes)
        {
            var start = Array.FindIndex(bytes, b => b is >= (byte)'0' and <= (byte)'9');
            if (start < 0) return bytes;
            var end = start;
            while (end < bytes.Length && bytes[end] is >= (byte)'0' and <= (byte)'9')
                end++;
            return [.. bytes[..start], .. Encoding.UTF8.GetBytes(Pick(random, Numbers)), .. bytes[end..]];
        }

        private static byte[] Noise(Random random)
        {
            var noise = new byte[random.Next(1, 40)];
            random.NextBytes(noise);
            return noise;
        }

        private static byte[] Compress(byte[] body)
        {
            using var compressed = new MemoryStream();
            using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest))
                gzip.Write(body);
            return compressed.ToArray();
        }

        private static byte[] Chunk(Random random, byte[] body)
        {
            var cut = random.Next(1, body.Length + 1);
            var rest = body.Length - cut;
            return
            [
                .. Encoding.ASCII.GetBytes($"{cut:x}\r\n"), .. body[..cut], .. "\r\n"u8,
                .. rest > 0 ? [.. Encoding.ASCII.GetBytes($"{rest:x}\r\n"), .. body[cut..], .. "\r\n"u8] : Array.Empty<byte>(),
                .. "0\r\n\r\n"u8,
            ];
        }

        private static string Pick(Random random, IReadOnlyList<string> choices) => choices[random.Next(choices.Count)];

        private static List<string> Pick(Random random, IReadOnlyList<string> choices, int count) =>
            [.. Enumerable.Range(0, count).Select(_ => Pick(random, choices))];
    }
}
