using LlmGateway.Llm;
using LlmGateway.Llm.Providers.OpenAI;

namespace LlmGateway.Tests.Llm.Providers.OpenAI;

public class OpenAIFailuresTests
{
    public static TheoryData<Exception> Connections => new(
        // What a connection that is not made in time looks like, by the handler's own account.
        new TaskCanceledException("late", new TimeoutException()),
        new HttpRequestException("refused"),
        new IOException("reset"));

    [Theory]
    [MemberData(nameof(Connections))]
    public void AConnectionThatFailsMayBeTriedAgain(Exception exception) =>
        Assert.Equal(LlmErrorKind.UpstreamUnavailable, OpenAIFailures.FromException(exception)?.Kind);

    [Fact]
    public void AFailureThatIsKnownStaysWhatItIs()
    {
        var known = OpenAIFailures.Filtered();

        Assert.Same(known, OpenAIFailures.FromException(known));
    }
}
