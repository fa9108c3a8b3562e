using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using LlmGateway.Llm.Providers;
using LlmGateway.Llm.Providers.OpenAI;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LlmGateway.Tests.Llm.Providers;

public class ProviderConnectionTests
{
    [Fact]
    public async Task ChecksACertificateInTheThreadPool()
    {
        using var certificate = SelfSigned();
        await using var server = await StartAsync(certificate);
        using var handler = ProviderTransport.CreateHandler(new OpenAIOptions());
        var inPool = new ConcurrentQueue<bool>();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, presented, _, _) =>
        {
            inPool.Enqueue(Thread.CurrentThread.IsThreadPoolThread);
            return certificate.Equals(presented);
        };
        using var client = ProviderTransport.CreateHttpClient(handler);
        client.BaseAddress = new Uri(server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

        Assert.Equal(new string('a', 100_000), await client.GetStringAsync("/"));
        Assert.Equal(new string('a', 100_000), await client.GetStringAsync("/"));

        Assert.Equal([true], inPool);
    }

    private static async Task<WebApplication> StartAsync(X509Certificate2 certificate)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate)));
        var app = builder.Build();
        app.Run(context => context.Response.WriteAsync(new string('a', 100_000), context.RequestAborted));
        await app.StartAsync();
        return app;
    }

    private static X509Certificate2 SelfSigned()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = DateTimeOffset.UtcNow;
        return new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
    }
}
