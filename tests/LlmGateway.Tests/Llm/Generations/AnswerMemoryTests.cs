using System.Text;
using LlmGateway.Llm;
using LlmGateway.Llm.Generations;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Llm.Generations;

/// <summary>Weighs the process, in which nothing else may then run.</summary>
[Collection(Quiet.Name)]
public sealed class AnswerMemoryTests
{
    [Fact]
    public async Task TenThousandAnswersTakeNoMoreMemoryThanTheCacheMayHave()
    {
        const long Limit = 64 * 1024 * 1024;
        const long Slack = 12 * 1024 * 1024;
        await using var harness = new GeneratingHarness(new CacheOptions { MemoryBytes = Limit });
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var random = new Random(31);
        for (var i = 0; i < 10_000; i++)
        {
            // Each is made into a body, which is kept with it.
            var call = harness.Complete(GeneratingHarness.Ask(i % 2 == 0 ? LlmTask.Chat : LlmTask.Summarize, $"{i}"));
            harness.Upstream.TakeCall().Answer(new string('x', random.Next(1, 20_000)));
            var response = await call;
            response.Rendering!.Body = Encoding.UTF8.GetBytes(response.Text);
        }

        var grown = GC.GetTotalMemory(forceFullCollection: true) - before;
        // The cache is full, so that this says something of its bound.
        Assert.InRange(grown, Limit / 2, Limit + Slack);
        await harness.AssertNothingIsLeft();
    }
}
