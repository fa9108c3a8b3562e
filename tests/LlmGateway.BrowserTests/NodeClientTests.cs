using System.Diagnostics;
using System.Text.Json;
using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.BrowserTests;

/// <summary>Runs where Node and npm are installed; elsewhere it is skipped, but for CI, where that would hide something.</summary>
public sealed class NodeFactAttribute : FactAttribute
{
    private static readonly string[] Programs = ["node", "npm"];

    public NodeFactAttribute()
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        var missing = Programs.Where(program => !folders.Any(folder => File.Exists(Path.Combine(folder, program)))).ToList();
        if (missing.Count > 0 && Environment.GetEnvironmentVariable("CI") != "true") Skip = $"There is no {string.Join(", no ", missing)} on the path.";
    }
}

/// <summary>Clients from npm, in the script <c>tests/node-clients/clients.mjs</c>: they too understand the streams as they are written.</summary>
public class NodeClientTests
{
    private static readonly string[] Pieces =
        [.. Enumerable.Range(0, 40).Select(i => (i % 4) switch { 0 => $"é日本👩‍👧{i} ", 1 => $"data: {i}\n\nid: 9:9\n\n", 2 => $"\r\n\u2028\0{i}", _ => $"word{i} " })];

    [NodeFact]
    public async Task ClientsFromNpmReadStreamsToTheirEnd()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Pieces = Pieces, Delay = TimeSpan.FromMilliseconds(5) };
        await using var proxy = new TcpProxy(gateway.Address, request => request.IsReturn ? null : new Cut(1800));
        using var folder = new ScriptFolder();
        await RunAsync(folder.Path, "npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"], "");

        var output = await RunAsync(folder.Path, "node", ["clients.mjs", gateway.Address.ToString(), proxy.Address.ToString()], JsonSerializer.Serialize(string.Concat(Pieces)));

        Assert.Equal(7, output.Split('\n').Count(line => line.StartsWith("ok: ", StringComparison.Ordinal)));
        // Each question was asked once, whatever became of the connections: no prompt came to the upstream twice.
        var prompts = gateway.Upstream.Requests.Where(request => request.Json.TryGetProperty("messages", out _))
            .Select(request => request.Json.GetProperty("messages").EnumerateArray().Last().GetProperty("content").GetString()!)
            .Where(prompt => prompt.StartsWith("question", StringComparison.Ordinal)).ToList();
        Assert.Equal(prompts.Distinct(), prompts);
    }

    private static async Task<string> RunAsync(string folder, string program, string[] arguments, string expected)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["EXPECTED"] = expected;
        using var process = Process.Start(start)!;
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(120));
        try
        {
            var (output, error) = (process.StandardOutput.ReadToEndAsync(late.Token), process.StandardError.ReadToEndAsync(late.Token));
            await process.WaitForExitAsync(late.Token);
            Assert.True(process.ExitCode == 0, $"{program} {arguments[0]}: {await output} {await error}");
            return await output;
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>The script and what it needs, where packages can be put beside it.</summary>
    private sealed class ScriptFolder : IDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("node-clients");

        public ScriptFolder()
        {
            foreach (var file in new[] { "package.json", "package-lock.json", "clients.mjs" })
                File.Copy(System.IO.Path.Combine(AppContext.BaseDirectory, "node-clients", file), System.IO.Path.Combine(Path, file));
        }

        public string Path => _folder.FullName;

        public void Dispose() => _folder.Delete(recursive: true);
    }
}
