using System.Text.Json;

namespace LlmGateway.FakeOpenAI.Wire;

/// <summary>The shapes of one endpoint of one provider. Knows nothing of timing, faults and counting.</summary>
internal interface IWireFormat
{
    bool IsAuthorized(IHeaderDictionary headers);

    /// <exception cref="WireException">The provider would not take this request.</exception>
    IAnswer Answer(JsonElement body, FakeScript script, DateTimeOffset now);

    byte[] ErrorBody(WireError error);

    Frame ErrorFrame(WireError error);
}

internal interface IAnswer
{
    /// <summary>Tokens in the whole answer.</summary>
    int Tokens { get; }

    /// <summary>The events of a stream; null where one JSON body was asked for.</summary>
    IFrames? Frames { get; }

    byte[] Body();
}

/// <summary>A stream as events: what opens it, one for each token, what closes it.</summary>
internal interface IFrames
{
    IEnumerable<Frame> Opening();

    Frame Token(int index);

    IEnumerable<Frame> Closing();
}

/// <summary>One server-sent event.</summary>
internal readonly record struct Frame(ReadOnlyMemory<byte> Data, string? Event = null);

internal sealed record WireError(int Status, string Message, string Type, string? Code = null, string? Param = null);

internal sealed class WireException(WireError error) : Exception(error.Message)
{
    public WireError Error => error;
}
