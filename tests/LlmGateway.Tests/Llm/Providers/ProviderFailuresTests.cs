using LlmGateway.Llm;
using LlmGateway.Llm.Providers;

namespace LlmGateway.Tests.Llm.Providers;

public class ProviderFailuresTests
{
    private static readonly ProviderFailures Failures = new("openai", "OPENAI_API_KEY");

    public static TheoryData<Exception> Connections => new(
        // What a connection that is not made in time looks like, by the handler's own account.
        new TaskCanceledException("late", new TimeoutException()),
        new HttpRequestException("refused"),
        new IOException("reset"));

    [Theory]
    [MemberData(nameof(Connections))]
    public void AConnectionThatFailsMayBeTriedAgain(Exception exception) =>
        Assert.Equal(LlmErrorKind.UpstreamUnavailable, Failures.FromException(exception)?.Kind);

    [Fact]
    public void AFailureThatIsKnownStaysWhatItIs()
    {
        var known = Failures.Filtered();

        Assert.Same(known, Failures.FromException(known));
    }
}
