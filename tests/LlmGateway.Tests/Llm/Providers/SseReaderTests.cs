using System.IO.Pipelines;
using System.Net.ServerSentEvents;
using System.Text;
using LlmGateway.Llm;
using LlmGateway.Llm.Providers;
using Microsoft.Extensions.Time.Testing;

namespace LlmGateway.Tests.Llm.Providers;

public class SseReaderTests
{
    private static readonly TimeSpan MaxSilence = TimeSpan.FromMinutes(1);

    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData("")]
    [InlineData("data: one")]
    [InlineData("data: one\n")]
    [InlineData("\n\n\n")]
    [InlineData(": ping\n\nevent: x\nid: 1\nretry: 5\n\n")]
    [InlineData("dat: one\n\ndatas: one\n\n data: one\n\nDATA: one\n\n")]
    public async Task WhatIsNoEventIsPassedOver(string text)
    {
        Assert.Empty(await ReadAsync(text, 1));
    }

    [Theory]
    [InlineData("data: one\n\ndata: two\n\n", "one", "two")]
    [InlineData("data:one\n\ndata:  two\n\n", "one", " two")]
    [InlineData("data: one\r\n\r\ndata: two\r\n\r\n", "one", "two")]
    [InlineData("data: one\r\rdata: two\r\r", "one", "two")]
    [InlineData("data: one\r\n\ndata: two\n\r\n", "one", "two")]
    [InlineData("data: one\ndata: two\n\n", "one\ntwo")]
    [InlineData("data: one\r\n: ping\r\nevent: x\r\ndata: two\r\ndata\r\ndata:\r\n\r\n", "one\ntwo\n\n")]
    [InlineData("data\n\ndata:\n\n", "", "")]
    [InlineData("\uFEFFdata: one\n\n\uFEFFdata: two\n\n", "one")]
    [InlineData("\uFEFF\ndata: one\n\n", "one")]
    [InlineData("data: é文🎈\n\ndata: \u2028\n\n", "é文🎈", "\u2028")]
    [InlineData("data: one\n\ndata: two\n", "one")]
    public async Task ReadsTheSameWhereverItIsCut(string text, params string[] events)
    {
        for (var cut = 1; cut <= text.Length; cut++)
            Assert.Equal(events, await ReadAsync(text, cut));
    }

    /// <summary>Random streams, most of them wrong in some way, against the system's own parser.</summary>
    [Fact]
    public async Task ReadsWhatTheSystemsParserReads()
    {
        var random = new Random(20261123);
        string[] parts =
        [
            "\n", "\n", "\n\n", "\r", "\r\n", "\r\n\r\n", "data", "data:", "data: ", "data: {\"a\":1}", ":", ": ping", "event: x", "id: 1", "retry: 1", " ", "é",
            "🎈", "\uFEFF", "\0", "data: " + new string('a', 700), new string('b', 3000),
        ];
        for (var i = 0; i < 2000; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(1, 40)).Select(_ => parts[random.Next(parts.Length)]));
            var bytes = Encoding.UTF8.GetBytes(text);
            var expected = SseParser.Create(new MemoryStream(bytes)).Enumerate().Select(item => item.Data).ToList();
            Assert.Equal(expected, await ReadAsync(text, random.Next(1, 2000)));
        }
    }

    [Fact]
    public async Task ReadsALongEventInManyLines()
    {
        var lines = Enumerable.Range(0, 20_000).Select(i => $"line {i}").ToArray();
        var text = string.Concat(lines.Select(line => $"data: {line}\n: passed over\n")) + "\ndata: next\n\n";
        Assert.Equal([string.Join('\n', lines), "next"], await ReadAsync(text, 100));
    }

    [Theory]
    [InlineData("data: ")]
    [InlineData("")]
    [InlineData(": ")]
    public async Task ALineWithoutAnEndIsGivenUp(string beginning)
    {
        var stream = new CutStream(Encoding.UTF8.GetBytes(beginning + new string('a', 1_000_000)), 1000);
        using var reader = Reader(stream, Encoding.UTF8.GetString, 10_000);
        var exception = await Assert.ThrowsAsync<LlmException>(async () => await reader.MoveNextAsync());
        Assert.Equal((LlmErrorKind.UpstreamInvalidResponse, "openai"), (exception.Kind, exception.Provider));
        Assert.InRange(stream.Position, 10_000, 20_000);
    }

    [Fact]
    public async Task AnEventWithoutAnEndIsGivenUp()
    {
        var stream = new CutStream(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("data: a\n", 100_000))), 1000);
        using var reader = Reader(stream, Encoding.UTF8.GetString, 10_000);
        await Assert.ThrowsAsync<LlmException>(async () => await reader.MoveNextAsync());
        Assert.InRange(stream.Position, 10_000, 100_000);
    }

    [Fact]
    public async Task AnEventThatCannotBeReadIsTheProvidersFailure()
    {
        var stream = new MemoryStream("data: 1\n\ndata: x\n\ndata: 2\n\n"u8.ToArray());
        using var reader = Reader(stream, data => int.Parse(data, null), 10_000);
        Assert.True(await reader.MoveNextAsync());
        Assert.Equal(1, reader.Current);

        var next = reader.MoveNextAsync();
        Assert.True(next.IsFaulted);
        var exception = await Assert.ThrowsAsync<LlmException>(async () => await next);
        Assert.Equal((LlmErrorKind.UpstreamInvalidResponse, "openai"), (exception.Kind, exception.Provider));
        Assert.IsType<FormatException>(exception.InnerException);
    }

    [Fact]
    public async Task EndsWithItsToken()
    {
        using var caller = new CancellationTokenSource();
        using var reader = Reader(new Pipe().Reader.AsStream(), Encoding.UTF8.GetString, 10_000, caller.Token);
        var next = reader.MoveNextAsync();
        Assert.False(next.IsCompleted);
        await caller.CancelAsync();
        Assert.Equal(caller.Token, (await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await next)).CancellationToken);
    }

    [Fact]
    public async Task ASilentProviderIsGivenUp()
    {
        using var reader = Reader(new Pipe().Reader.AsStream(), Encoding.UTF8.GetString, 10_000);
        var next = reader.MoveNextAsync();
        _time.Advance(MaxSilence - TimeSpan.FromSeconds(1));
        Assert.False(next.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(1));
        var exception = await Assert.ThrowsAsync<LlmException>(async () => await next);
        Assert.Equal((LlmErrorKind.UpstreamTimeout, "openai"), (exception.Kind, exception.Provider));
    }

    /// <summary>Comments alone are silence, too: nothing is said with them.</summary>
    [Fact]
    public async Task WhatTheReaderOfItTakesIsNotTheProvidersSilence()
    {
        var pipe = new Pipe();
        using var reader = Reader(pipe.Reader.AsStream(), Encoding.UTF8.GetString, 10_000);
        for (var i = 0; i < 3; i++)
        {
            var next = reader.MoveNextAsync();
            Assert.False(next.IsCompleted);
            await pipe.Writer.WriteAsync("data: one\n\n"u8.ToArray());
            Assert.True(await next);
            _time.Advance(10 * MaxSilence);
        }

        var last = reader.MoveNextAsync();
        await pipe.Writer.WriteAsync(": ping\n\n"u8.ToArray());
        _time.Advance(2 * MaxSilence);
        Assert.Equal(LlmErrorKind.UpstreamTimeout, (await Assert.ThrowsAsync<LlmException>(async () => await last)).Kind);
    }

    private SseReader<T> Reader<T>(Stream stream, Func<ReadOnlySpan<byte>, T> parse, int maxBytes, CancellationToken cancellationToken = default) => new(
        stream,
        parse,
        new ProviderCall(new ProviderFailures("openai", "OPENAI_API_KEY")),
        new IdleTimeout(MaxSilence, _time, cancellationToken),
        maxBytes,
        cancellationToken);

    private async Task<List<string>> ReadAsync(string text, int cut)
    {
        using var reader = Reader(new CutStream(Encoding.UTF8.GetBytes(text), cut), Encoding.UTF8.GetString, 1 << 20);
        var events = new List<string>();
        while (await reader.MoveNextAsync())
            events.Add(reader.Current);
        return events;
    }

    /// <summary>Gives no more than some bytes at a time.</summary>
    private sealed class CutStream(byte[] bytes, int cut) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(cut, buffer.Length)], cancellationToken);
    }
}
