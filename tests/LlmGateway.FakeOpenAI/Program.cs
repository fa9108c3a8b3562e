namespace LlmGateway.FakeOpenAI;

internal static class Program
{
    private static void Main(string[] args) => WebApplication.CreateSlimBuilder(args).Build().Run();
}
