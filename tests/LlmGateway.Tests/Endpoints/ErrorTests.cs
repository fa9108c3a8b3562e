using System.IO.Compression;
using System.Net;
using System.Text;
using LlmGateway.FakeOpenAI;
using LlmGateway.Llm;
using LlmGateway.Tests.Hosts;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace LlmGateway.Tests.Endpoints;

/// <summary>Every row of the table of errors that is not the upstream's doing, at every endpoint that it can happen to.</summary>
public class ErrorTests(SharedGateway shared) : IClassFixture<SharedGateway>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly GatewayHost _gateway = shared.Gateway;

    [Theory]
    [MemberData(nameof(AllEndpoints))]
    public async Task RefusesWhatItHasNoRoomFor(string endpoint)
    {
        await using var gateway = await GatewayHost.StartAsync("Http:MaxConcurrentRequests=1");
        var gate = new FakeGate();
        gateway.Upstream.Enqueue(new FakeScript { Gate = gate });
        var first = gateway.SummarizeAsync();
        await gate.Reached.WaitAsync(Patience);

        using var refused = await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint));

        await Problem.AssertAsync(refused, 429, "rate_limited", retryable: true);
        Assert.Equal(1, gateway.Upstream.Calls);
        gate.Open();
        Assert.Equal(HttpStatusCode.OK, (await first).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await gateway.SummarizeAsync()).StatusCode);
    }

    [Theory]
    [MemberData(nameof(AllEndpoints))]
    public async Task TakesNoNewWorkWhileItStops(string endpoint)
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();

        using var response = await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint));

        await Problem.AssertAsync(response, 503, "upstream_unavailable", retryable: true);
        Assert.Equal(0, gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData("/summarize", """{"text":"hi","model":"gpt-9"}""")]
    [InlineData("/summarize", """{"text":"hi","model":"text-embedding-3-small"}""")]
    [InlineData("/summarize", """{"text":"hi","model":"GPT-4O-MINI"}""")]
    [InlineData("/summarize", """{"text":"hi","model":""}""")]
    [InlineData("/classify", """{"text":"hi","model":"gpt-9"}""")]
    [InlineData("/chat", """{"message":"hi","model":"gpt-9"}""")]
    [InlineData("/chat-stream", """{"message":"hi","model":"\u0000"}""")]
    [InlineData("GET /chat-stream?message=hi&model=gpt-9", "")]
    public async Task OffersOnlyTheModelsOfTheTable(string path, string body)
    {
        _gateway.Upstream.Reset();

        using var response = path.StartsWith("GET ", StringComparison.Ordinal)
            ? await _gateway.Client.GetAsync(path[4..])
            : await _gateway.PostAsync(path, body);

        var problem = await Problem.AssertAsync(response, 400, "model_not_allowed");
        Assert.Equal("model", Assert.Single(Problem.FieldsOf(problem)));
        Assert.Contains("gpt-4o-mini", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, _gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData(2048, HttpStatusCode.OK)]
    [InlineData(2049, HttpStatusCode.RequestEntityTooLarge)]
    public async Task TakesABodyUpToTheLimit(int length, HttpStatusCode expected)
    {
        await using var gateway = await GatewayHost.StartAsync("Http:MaxBodyBytes=1024", "Summarize:MaxBodyBytes=2048");
        foreach (var content in new HttpContent[] { GatewayCalls.Json(TextOf(length, 'a')), Chunked(TextOf(length, 'b')), Compressed(Encoding.UTF8.GetBytes(TextOf(length, 'c'))) })
        {
            gateway.Upstream.Reset();
            using var response = await gateway.Client.SendAsync(GatewayCalls.Post("/summarize", content));

            Assert.Equal(expected, response.StatusCode);
            if (expected != HttpStatusCode.OK) await Problem.AssertAsync(response, 413, "request_too_large");
            Assert.Equal(expected == HttpStatusCode.OK ? 1 : 0, gateway.Upstream.Calls);
        }

        static string TextOf(int length, char letter) => $$"""{"text":"{{new string(letter, length - 11)}}"}""";
    }

    [Theory]
    [InlineData("/classify", 40 * 1024 * 1024)]
    [InlineData("/chat", (8 * 1024 * 1024) + 1)]
    [InlineData("/chat-stream", 12 * 1024 * 1024)]
    public async Task RefusesMoreThanEightMebibytes(string path, int length)
    {
        _gateway.Upstream.Reset();
        using var large = await _gateway.Client.SendAsync(GatewayCalls.Post(path, GatewayCalls.Bytes(new byte[length])));
        using var bomb = await _gateway.Client.SendAsync(GatewayCalls.Post(path, Compressed(new byte[100 * 1024 * 1024])));

        await Problem.AssertAsync(large, 413, "request_too_large");
        await Problem.AssertAsync(bomb, 413, "request_too_large");
        Assert.Equal(0, _gateway.Upstream.Calls);
    }

    [Fact]
    public async Task RefusesATextOfMoreThanSixtyFourMebibytes()
    {
        _gateway.Upstream.Reset();
        using var large = await _gateway.Client.SendAsync(GatewayCalls.Post("/summarize", GatewayCalls.Bytes(new byte[(64 * 1024 * 1024) + 1])));
        using var bomb = await _gateway.Client.SendAsync(GatewayCalls.Post("/summarize", Compressed(new byte[100 * 1024 * 1024])));

        await Problem.AssertAsync(large, 413, "request_too_large");
        await Problem.AssertAsync(bomb, 413, "request_too_large");
        Assert.Equal(0, _gateway.Upstream.Calls);
    }

    [Fact]
    public async Task RefusesABodyThatGrowsOverTheLimitWhileItComes()
    {
        _gateway.Upstream.Reset();
        using var response = await _gateway.Client.SendAsync(GatewayCalls.Post("/chat", Chunked(new string(' ', (8 * 1024 * 1024) + 1))));

        await Problem.AssertAsync(response, 413, "request_too_large");
        Assert.Equal(0, _gateway.Upstream.Calls);
    }

    [Fact]
    public async Task EndsARequestThatComesTooSlowly()
    {
        await using var gateway = await GatewayHost.StartAsync(builder => builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(1_000_000, TimeSpan.FromSeconds(1.1))));
        using var timeout = new CancellationTokenSource(Patience);
        using var connection = await RawConnection.OpenAsync(gateway.Address, timeout.Token);

        await connection.SendAsync(
            "POST /summarize HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"te"u8.ToArray(), timeout.Token);
        var response = await connection.ReadAsync(head: false, timeout.Token);

        Assert.Equal(408, response!.Status);
        Assert.Contains("\"request_timeout\"", response.Body, StringComparison.Ordinal);
        Assert.Equal(0, gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData("GET", "/index.html")]
    [InlineData("POST", "/summarise")]
    [InlineData("GET", "/openapi/v2.json")]
    [InlineData("GET", "/health")]
    [InlineData("POST", "/summarize/more")]
    [InlineData("DELETE", "/%ff")]
    public async Task SaysThatThereIsNothing(string method, string path)
    {
        using var response = await _gateway.Client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));

        await Problem.AssertAsync(response, 404, "not_found");
    }

    [Theory]
    [InlineData("GET", "/summarize", "POST")]
    [InlineData("PUT", "/classify", "POST")]
    [InlineData("DELETE", "/chat", "POST")]
    [InlineData("OPTIONS", "/summarize", "POST")]
    [InlineData("TRACE", "/summarize", "POST")]
    [InlineData("PROPFIND", "/summarize", "POST")]
    [InlineData("PATCH", "/chat-stream", "GET, POST")]
    [InlineData("POST", "/health/live", "GET")]
    [InlineData("POST", "/openapi/v1.json", "GET")]
    public async Task NamesTheMethodsThatWork(string method, string path, string allowed)
    {
        using var response = await _gateway.Client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));

        await Problem.AssertAsync(response, 405, "method_not_allowed");
        Assert.Equal(allowed.Split(", "), response.Content.Headers.Allow.Order());
    }

    [Fact]
    public async Task TellsNothingOfAFailureOfItsOwn()
    {
        await using var gateway = await GatewayHost.StartAsync(builder => builder.Services.AddSingleton<ILlmClient>(new Broken()));
        foreach (var endpoint in GatewayCalls.Endpoints)
        {
            using var response = await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint));

            await Problem.AssertAsync(response, 500, "internal_error");
            Assert.DoesNotContain(Broken.Secret, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
        Assert.Equal(GatewayCalls.Endpoints.Count, gateway.Log.Of("UnexpectedFailure").Count);
        Assert.Contains(nameof(Broken), gateway.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(Broken.Secret, gateway.Log.Text, StringComparison.Ordinal);
    }

    public static TheoryData<string> AllEndpoints() => [.. GatewayCalls.Endpoints];

    private static UnknownLength Chunked(string json) => new UnknownLength(Encoding.UTF8.GetBytes(json));

    private static HttpContent Compressed(byte[] bytes)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest))
            gzip.Write(bytes);
        var content = GatewayCalls.Bytes(compressed.ToArray());
        content.Headers.ContentEncoding.Add("gzip");
        return content;
    }

    private sealed class UnknownLength : HttpContent
    {
        private readonly byte[] _bytes;

        public UnknownLength(byte[] bytes)
        {
            _bytes = bytes;
            Headers.TryAddWithoutValidation("content-type", "application/json");
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => stream.WriteAsync(_bytes).AsTask();

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }

    private sealed class Broken : ILlmClient
    {
        public const string Secret = "a secret that the failure quotes";

        public Task<LlmResponse> CompleteAsync(LlmRequest request, CancellationToken cancellationToken) => throw new InvalidOperationException(Secret);

        public IAsyncEnumerable<LlmUpdate> StreamAsync(LlmRequest request, CancellationToken cancellationToken) => throw new InvalidOperationException(Secret);

        public Task<EmbeddingResponse> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken) => throw new InvalidOperationException(Secret);
    }
}
