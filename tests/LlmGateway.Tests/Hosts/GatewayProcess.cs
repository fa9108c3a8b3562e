using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using LlmGateway.FakeOpenAI;
using LlmGateway.Hosting;

namespace LlmGateway.Tests.Hosts;

/// <summary>The gateway as it is run: a process of its own, that ends by a signal and has an exit code.</summary>
internal sealed partial class GatewayProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly TaskCompletionSource<Uri> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private readonly List<string> _output = [];
    private bool _disposed;

    private GatewayProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Read(line.Data);
        process.ErrorDataReceived += (_, line) => Read(line.Data);
    }

    public Uri Address { get; private set; } = null!;

    public int Id => _process.Id;

    /// <summary>Standard output and standard error.</summary>
    public string Output
    {
        get
        {
            lock (_lock) return string.Join('\n', _output);
        }
    }

    /// <param name="upstream">Answers in place of the provider.</param>
    /// <param name="settings"><c>Section:Name=value</c>.</param>
    public static Task<GatewayProcess> StartAsync(FakeOpenAIServer upstream, params string[] settings) => StartAsync(upstream, [], settings);

    /// <param name="upstream">Answers in place of the provider.</param>
    /// <param name="environment">Variables beside those that name the upstream.</param>
    /// <param name="settings"><c>Section:Name=value</c>.</param>
    public static async Task<GatewayProcess> StartAsync(FakeOpenAIServer upstream, Dictionary<string, string> environment, params string[] settings)
    {
        var start = GatewayProgram.With(["--environment=Production", "--urls=http://127.0.0.1:0", .. settings.Select(setting => "--" + setting)]);
        start.Environment["OPENAI_API_KEY"] = GatewayHost.Key;
        start.Environment["OPENAI_BASE_URL"] = upstream.BaseAddress.ToString();
        start.Environment["ANTHROPIC_API_KEY"] = GatewayHost.Key;
        start.Environment["ANTHROPIC_BASE_URL"] = upstream.AnthropicAddress.ToString();
        // The tests' own, not the program's.
        start.Environment.Remove(Startup.InlineCompletions);
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        var gateway = new GatewayProcess(Process.Start(start)!);
        gateway._process.BeginOutputReadLine();
        gateway._process.BeginErrorReadLine();
        try
        {
            gateway.Address = await gateway._listening.Task.WaitAsync(TimeSpan.FromSeconds(30));
        }
        catch
        {
            await gateway.DisposeAsync();
            throw;
        }
        return gateway;
    }

    /// <summary>SIGTERM, as from a container's supervisor.</summary>
    public async Task TerminateAsync()
    {
        // The shell's own kill: a machine without the program has the shell.
        using var kill = Process.Start("sh", ["-c", $"kill -TERM {_process.Id.ToString(CultureInfo.InvariantCulture)}"]);
        await kill.WaitForExitAsync();
    }

    /// <returns>The exit code.</returns>
    public async Task<int> WaitForExitAsync(TimeSpan timeout)
    {
        using var late = new CancellationTokenSource(timeout);
        await _process.WaitForExitAsync(late.Token);
        return _process.ExitCode;
    }

    /// <summary>Kills it, if it has not ended by itself; as often as one likes.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private void Read(string? line)
    {
        if (line is null) return;
        lock (_lock) _output.Add(line);
        if (ListeningOn().Match(line) is { Success: true } match) _listening.TrySetResult(new Uri(match.Groups[1].Value));
    }

    [GeneratedRegex("\"Now listening on.*(http://127\\.0\\.0\\.1:[0-9]+)")]
    private static partial Regex ListeningOn();
}
