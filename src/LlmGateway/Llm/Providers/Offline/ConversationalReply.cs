using System.Globalization;

namespace LlmGateway.Llm.Providers.Offline;

/// <summary>Answers a conversation in a way that shows that it was read, and that nobody was asked.</summary>
internal static class ConversationalReply
{
    /// <param name="messages">The conversation, the message to answer last.</param>
    public static string To(IReadOnlyList<LlmMessage> messages)
    {
        var said = messages.Where(message => message.Role == LlmRole.User).Select(message => message.Content).ToList();
        var message = said.Count > 0 ? said[^1] : "";
        var intro = SimpleTask.Do(message) is { } done ? $"{done}\n\n" : "";
        return $"{intro}This is the gateway's offline provider: no model was asked. I read {Described(message)}{Before(said)}. "
            + "For an answer from a real model, set OPENAI_API_KEY and start the gateway again; nothing else has to change.";
    }

    private static string Described(string message)
    {
        var words = 0;
        foreach (var _ in new Words(message)) words++;
        var size = words == 1 ? "1 word" : string.Create(CultureInfo.InvariantCulture, $"{words:N0} words");
        return KeyPhrase.Of(message) is { Length: > 0 } phrase ? $"your message about “{phrase}” ({size})" : $"your message ({size})";
    }

    private static string Before(List<string> said) => said.Count switch
    {
        < 2 => ", the first of this conversation",
        2 => $", which follows {Earlier(said[0], "one")}",
        _ => $", which follows {Earlier(said[^2], $"{said.Count - 1} earlier ones, the last")}",
    };

    private static string Earlier(string message, string which) =>
        KeyPhrase.Of(message) is { Length: > 0 } phrase ? $"{which} about “{phrase}”" : $"{which} without a word";
}
