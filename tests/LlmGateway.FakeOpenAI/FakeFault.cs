namespace LlmGateway.FakeOpenAI;

public enum FakeFaultKind
{
    /// <summary>Silence until the client leaves.</summary>
    Stall,

    /// <summary>TCP RST.</summary>
    Reset,

    /// <summary>The connection ends (FIN) inside the chunked body.</summary>
    Close,

    /// <summary>The HTTP body ends properly, but without what the format promises at its end.</summary>
    End,

    /// <summary>An error event, then the end of the body.</summary>
    ErrorEvent,

    /// <summary>An event that is not JSON; the stream goes on after it.</summary>
    Garbage,
}

/// <summary>What breaks, and where.</summary>
/// <param name="Kind">What happens.</param>
/// <param name="After">
/// After how many tokens; 0 is after the head and before the first token, <see cref="Head"/> before the head (stall, reset and close only),
/// more than there are is before the end. A JSON answer breaks in the middle of its body.
/// </param>
/// <param name="Partial">Whether half an event goes out first.</param>
public sealed record FakeFault(FakeFaultKind Kind, int After, bool Partial = false)
{
    /// <summary>Before the head of the response.</summary>
    public const int Head = -1;
}
