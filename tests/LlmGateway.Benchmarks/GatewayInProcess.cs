using LlmGateway.Hosting;
using LlmGateway.Llm.Providers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace LlmGateway.Benchmarks;

/// <summary>
/// The whole program from the first middleware to the request it would send upstream, without sockets on either side: what is measured
/// is the gateway's own work, the same on every machine but for its speed.
/// </summary>
internal sealed class GatewayInProcess : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly NoServer _server;

    private GatewayInProcess(WebApplication app, NoServer server) => (_app, _server) = (app, server);

    /// <param name="upstream">Answers in place of OpenAI.</param>
    public static async Task<GatewayInProcess> StartAsync(HttpMessageHandler upstream)
    {
        var server = new NoServer();
        string[] args = ["--environment=Production", "--OPENAI_API_KEY=sk-benchmark", "--OPENAI_BASE_URL=http://upstream.invalid/v1"];
        var app = Program.Build(args, builder =>
        {
            builder.Services.AddSingleton<IServer>(server);
            builder.Services.AddSingleton(new LogOutput(Stream.Null));
            builder.Services.AddSingleton<ProviderHandlerFactory>(_ => upstream);
        });
        await app.StartAsync();
        return new GatewayInProcess(app, server);
    }

    /// <returns>The bytes of the answer's body.</returns>
    /// <exception cref="InvalidOperationException">The answer was a failure.</exception>
    public Task<long> SendAsync(string method, string path, string query = "", byte[]? json = null) => _server.Process!(method, path, query, json);

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private sealed class NoServer : IServer
    {
        public IFeatureCollection Features { get; } = new FeatureCollection();

        public Func<string, string, string, byte[]?, Task<long>>? Process { get; private set; }

        public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
            where TContext : notnull
        {
            Process = (method, path, query, json) => ProcessAsync(application, method, path, query, json);
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public void Dispose()
        {
        }

        private static async Task<long> ProcessAsync<TContext>(IHttpApplication<TContext> application, string method, string path, string query, byte[]? json)
            where TContext : notnull
        {
            var features = new FeatureCollection();
            var request = new HttpRequestFeature { Method = method, Path = path, QueryString = query, Scheme = "http", Protocol = "HTTP/1.1" };
            if (json is not null)
            {
                request.Body = new MemoryStream(json);
                request.Headers.ContentType = "application/json";
                request.Headers.ContentLength = json.Length;
            }
            var response = new HttpResponseFeature();
            var body = new CountingStream();
            features.Set<IHttpRequestFeature>(request);
            features.Set<IHttpResponseFeature>(response);
            features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(body));
            var context = application.CreateContext(features);
            await application.ProcessRequestAsync(context);
            application.DisposeContext(context, null);
            return response.StatusCode == StatusCodes.Status200OK ? body.Written : throw new InvalidOperationException($"Status {response.StatusCode}.");
        }
    }

    private sealed class CountingStream : Stream
    {
        public long Written { get; private set; }

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => Written; set => throw new NotSupportedException(); }

        public override void Flush()
        {
        }

        public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => Written += count;

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Written += buffer.Length;
            return default;
        }
    }
}
