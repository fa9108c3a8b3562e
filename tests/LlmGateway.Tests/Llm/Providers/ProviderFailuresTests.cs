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

    [Theory]
    [InlineData(HttpRequestError.NameResolutionError, "The name of the model's provider was not found.")]
    [InlineData(HttpRequestError.SecureConnectionError, "The model's provider has no certificate that the gateway trusts, or does not speak TLS.")]
    [InlineData(HttpRequestError.ConnectionError, "The connection to the model's provider failed.")]
    public void SaysWhatBrokeAConnection(HttpRequestError error, string message)
    {
        var failure = Failures.Lost(new InvalidOperationException("an SDK's own", new HttpRequestException(error)));

        Assert.Equal((error, message), (failure.ConnectionError, failure.Message));
        Assert.Equal(error, failure.Of("slice 1").ConnectionError);
    }

    [Theory]
    [MemberData(nameof(Connections))]
    public void SaysNothingOfWhatItDoesNotKnow(Exception exception) => Assert.Null(Failures.Lost(exception).ConnectionError);

    [Fact]
    public void AFailureThatIsKnownStaysWhatItIs()
    {
        var known = Failures.Filtered();

        Assert.Same(known, Failures.FromException(known));
    }
}
