using System.Globalization;

namespace LlmGateway.FakeOpenAI;

/// <summary>Runs the server by itself: <c>dotnet run --project tests/LlmGateway.FakeOpenAI -- --port 19000</c>.</summary>
internal static class Program
{
    private static async Task Main(string[] args)
    {
        var settings = new ConfigurationBuilder().AddCommandLine(args).Build();
        await using var server = await FakeOpenAIServer.StartAsync(int.Parse(settings["port"] ?? "19000", CultureInfo.InvariantCulture));
        Console.WriteLine($"OPENAI_BASE_URL={server.BaseAddress}");
        Console.WriteLine($"ANTHROPIC_BASE_URL={server.AnthropicAddress}");
        await server.RunAsync();
    }
}
