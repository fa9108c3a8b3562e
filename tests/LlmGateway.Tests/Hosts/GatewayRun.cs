using System.Diagnostics;

namespace LlmGateway.Tests.Hosts;

/// <summary>The program as a process of its own, for what it says before, or instead of, serving.</summary>
internal static class GatewayRun
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Runs it to its end.</summary>
    /// <param name="args">Its arguments.</param>
    /// <param name="environment">All that it inherits but the path.</param>
    public static async Task<(int ExitCode, string Output, string Error)> ToEndAsync(string[] args, params (string Name, string Value)[] environment)
    {
        var start = GatewayProgram.With(args);
        foreach (var name in start.Environment.Keys.Where(name => name.Contains("__", StringComparison.Ordinal)
            || name.StartsWith("ASPNETCORE_", StringComparison.Ordinal) || name is "OPENAI_API_KEY" or "OPENAI_BASE_URL" or "ANTHROPIC_API_KEY" or "ANTHROPIC_BASE_URL").ToList())
            start.Environment.Remove(name);
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        using var timeout = new CancellationTokenSource(Patience);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(timeout.Token);
            var error = process.StandardError.ReadToEndAsync(timeout.Token);
            await process.WaitForExitAsync(timeout.Token);
            return (process.ExitCode, await output, await error);
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }
}
