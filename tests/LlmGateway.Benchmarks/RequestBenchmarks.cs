using System.Text.Json;
using BenchmarkDotNet.Attributes;

namespace LlmGateway.Benchmarks;

/// <summary>One request through the whole gateway; every text differs, so that no cache answers.</summary>
[MemoryDiagnoser]
public class RequestBenchmarks
{
    private const string Text =
        "The quick brown fox jumps over the lazy dog, and then it writes a longer report about how it did so, who saw it, and what is to be learned. ";

    private static readonly byte[] Template = JsonSerializer.SerializeToUtf8Bytes(new { text = string.Concat(Enumerable.Repeat(Text, 7)) + "000000000000" });

    private GatewayInProcess _gateway = null!;
    private long _sent;

    [GlobalSetup]
    public async Task SetupAsync() => _gateway = await GatewayInProcess.StartAsync(new CannedUpstream());

    [GlobalCleanup]
    public async Task CleanupAsync() => await _gateway.DisposeAsync();

    [Benchmark]
    public Task<long> Summary() => _gateway.SendAsync("POST", "/summarize", json: NextBody());

    [Benchmark]
    public Task<long> ForcedToolCall() => _gateway.SendAsync("POST", "/classify", json: NextBody());

    /// <summary>100 tokens, each by itself.</summary>
    [Benchmark]
    public Task<long> Stream() => _gateway.SendAsync("GET", "/chat-stream", $"?message=hello{_sent++}");

    private byte[] NextBody()
    {
        var body = Template.ToArray();
        _sent++;
        (_sent + 100_000_000_000).TryFormat(body.AsSpan(body.Length - 14), out _);
        return body;
    }
}
