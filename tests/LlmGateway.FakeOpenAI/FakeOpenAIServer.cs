using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace LlmGateway.FakeOpenAI;

/// <summary>
/// A scripted server that speaks OpenAI's and Anthropic's wire formats on a real socket of 127.0.0.1. What a call gets is decided by, in this order:
/// <see cref="OnRequest"/>, a <see cref="FakeDirective"/> in the body, <see cref="Enqueue"/>, <see cref="Script"/>.
/// </summary>
public sealed class FakeOpenAIServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly CallLog _log;
    private readonly ConcurrentQueue<FakeScript> _queue = new();

    private FakeOpenAIServer(int port, TimeProvider time)
    {
        _log = new CallLog(time);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(2));

        // Inline: when a flush returns, the socket has the bytes. Slices are TCP writes of their own, and nothing is lost before a reset.
        builder.WebHost.UseSockets(options => options.UnsafePreferInlineScheduling = true);
        builder.WebHost.ConfigureKestrel(options =>
        {
            options.AddServerHeader = false;
            options.Limits.MaxRequestBodySize = null;
            options.Limits.MinRequestBodyDataRate = null;
            options.Limits.MinResponseDataRate = null;
            options.Listen(System.Net.IPAddress.Loopback, port, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.Use(next => connection => ConnectionTap.RunAsync(connection, next, time));
            });
        });
        _app = builder.Build();
        FakeEndpoints.Map(_app, this, _log, time);
    }

    /// <summary>What OpenAI's base address is: includes <c>/v1</c>.</summary>
    public Uri BaseAddress { get; private set; } = null!;

    /// <summary>What Anthropic's base address is: without <c>/v1</c>.</summary>
    public Uri AnthropicAddress => new(BaseAddress, "/");

    /// <summary>What a call gets that nothing else decides. A directive changes single settings of it.</summary>
    public FakeScript Script { get; set; } = new();

    /// <summary>Asked first; null leaves the call to the rest.</summary>
    public Func<FakeRequest, FakeScript?>? OnRequest { get; set; }

    /// <summary>What all calls together may do; null for anything.</summary>
    public FakeRateLimit? RateLimit { get; set; }

    public FakeStats Stats => _log.Stats;

    public int Calls => Stats.Calls;
    public int InFlight => Stats.InFlight;
    public int MaxInFlight => Stats.MaxInFlight;
    public int Streams => Stats.Streams;
    public long TokensSent => Stats.TokensSent;
    public int Completed => Stats.Completed;
    public int Failed => Stats.Failed;
    public int Cut => Stats.Cut;
    public int Aborted => Stats.Aborted;
    public int BadRequests => Stats.BadRequests;
    public int AuthFailures => Stats.AuthFailures;

    /// <summary>The last calls, oldest first; at most 1,000, or 64 Mi characters.</summary>
    public IReadOnlyList<FakeRequest> Requests => _log.Requests;

    /// <param name="port">0 takes a free one.</param>
    /// <param name="timeProvider">Times every delay and timestamp; the system's by default.</param>
    /// <param name="cancellationToken">Stops the start.</param>
    public static async Task<FakeOpenAIServer> StartAsync(
        int port = 0, TimeProvider? timeProvider = null, CancellationToken cancellationToken = default)
    {
        var server = new FakeOpenAIServer(port, timeProvider ?? TimeProvider.System);
        await server._app.StartAsync(cancellationToken);
        var address = server._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        server.BaseAddress = new Uri(address + "/v1");
        return server;
    }

    /// <summary>Scripts for the next calls, one each, in their order of arrival.</summary>
    public void Enqueue(params FakeScript[] scripts)
    {
        foreach (var script in scripts)
            _queue.Enqueue(script);
    }

    /// <summary>Waits, in real time, until the condition holds; it is asked again after every change of a counter.</summary>
    /// <exception cref="TimeoutException">It did not come to hold in time; the message has the counters.</exception>
    public async Task WaitForAsync(Func<FakeOpenAIServer, bool> condition, TimeSpan timeout)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            var changed = _log.Changed();
            if (condition(this))
                return;
            try
            {
                var left = timeout - Stopwatch.GetElapsedTime(started);
                await changed.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero);
            }
            catch (TimeoutException exception)
            {
                throw new TimeoutException($"Not within {timeout}: {Stats}", exception);
            }
        }
    }

    /// <summary>Forgets counters, requests, queued scripts and counted failures, and goes back to the default script.</summary>
    public void Reset()
    {
        _queue.Clear();
        Script = new FakeScript();
        OnRequest = null;
        RateLimit = null;
        _log.Reset();
    }

    /// <summary>Ends open answers and stops.</summary>
    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    internal Task RunAsync() => _app.WaitForShutdownAsync();

    /// <exception cref="FormatException">The body holds a bad directive.</exception>
    internal FakeScript ScriptFor(FakeRequest request)
    {
        var script = OnRequest?.Invoke(request) ?? FakeDirective.Find(request.Body, Script)
            ?? (_queue.TryDequeue(out var queued) ? queued : Script);
        if (script.FailFirst == 0)
            return script;
        if (_log.CountFailure(script.Key ?? request.Body) > script.FailFirst)
            return script.Healed();
        return script.Fails ? script : script with { Status = 500 };
    }
}
