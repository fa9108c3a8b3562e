using System.Diagnostics;

namespace LlmGateway.Tests.Hosts;

/// <summary>The gateway as a program: the one that was built with the tests, or the one that <c>GATEWAY_PROGRAM</c> names, as it is published.</summary>
internal static class GatewayProgram
{
    public static ProcessStartInfo With(params IEnumerable<string> args)
    {
        var published = Environment.GetEnvironmentVariable("GATEWAY_PROGRAM");
        var start = string.IsNullOrEmpty(published)
            ? new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", [typeof(Program).Assembly.Location, .. args])
            : new ProcessStartInfo(published, args);
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        return start;
    }
}
