using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json.Serialization;
using LlmGateway.Llm;
using LlmGateway.Llm.Models;

namespace LlmGateway.Endpoints;

/// <param name="Message">One message of the user's; instead of <paramref name="Messages"/>.</param>
/// <param name="Messages">A conversation, in order.</param>
/// <param name="System">Told to the model before the conversation.</param>
/// <param name="Model">A model of the table; the configured one unless told.</param>
/// <param name="MaxTokens">Tokens of the reply, at most.</param>
/// <param name="Temperature">0 to 2.</param>
/// <param name="Overflow">
/// What is done with a conversation that does not fit the model. <c>error</c>, the default: it is refused; <c>drop_oldest</c>: its oldest turns are left out.
/// </param>
public sealed record ChatRequest(
    string? Message, IReadOnlyList<ChatMessage?>? Messages, string? System, string? Model, int? MaxTokens, double? Temperature, string? Overflow = null)
{
    internal static readonly string[] Overflows = ["error", "drop_oldest"];

    private const double MaxTemperature = 2;

    /// <summary>The parameters of a GET, named like the fields of a POST.</summary>
    internal static ChatRequest FromQuery(IQueryCollection query)
    {
        var validation = new Validation();
        int? maxTokens = null;
        double? temperature = null;
        if (query["max_tokens"] is [{ Length: > 0 } tokens])
        {
            validation.Require(int.TryParse(tokens, NumberStyles.None, CultureInfo.InvariantCulture, out var number), "max_tokens", "This parameter takes a whole number.");
            maxTokens = number;
        }
        if (query["temperature"] is [{ Length: > 0 } degrees])
        {
            validation.Require(double.TryParse(degrees, NumberStyles.Float, CultureInfo.InvariantCulture, out var number), "temperature", "This parameter takes a number.");
            temperature = number;
        }
        foreach (var (name, values) in query)
            validation.Require(values.Count == 1, IsKnown(name) ? name : "query", "Give each parameter once.");
        validation.Text(query["message"], "message");
        validation.Throw();
        return new ChatRequest(query["message"], null, Given("system"), Given("model"), maxTokens, temperature);

        string? Given(string name) => query[name].ToString() is { Length: > 0 } value ? value : null;
    }

    /// <exception cref="LlmException">A field is wrong, the model is not offered, or it cannot hold the conversation.</exception>
    internal ValueTask<FittedRequest> FitAsync(ChatOptions options, ModelTable models, CancellationToken cancellationToken)
    {
        var request = ToLlmRequest(options, models);
        return ContextWindow.FitAsync(request, models.GetChat(request.Model), Overflow == "drop_oldest", cancellationToken);
    }

    /// <summary>A ticket has all that is asked: nothing else may say so too.</summary>
    internal static string TicketFromQuery(IQueryCollection query)
    {
        var validation = new Validation();
        foreach (var (name, values) in query)
        {
            validation.Require(values.Count == 1, IsKnown(name) ? name : "query", "Give each parameter once.");
            validation.Require(!IsKnown(name) || name is "ticket" or "resume", name, "The ticket says this already: leave it out.");
        }
        validation.Text(query["ticket"], "ticket");
        validation.Throw();
        return query["ticket"]!;
    }

    private static bool IsKnown(string name) => name is "message" or "system" or "model" or "max_tokens" or "temperature" or "fresh" or "resume" or "ticket";

    /// <exception cref="LlmException">A field is wrong, or the model is not offered.</exception>
    private LlmRequest ToLlmRequest(ChatOptions options, ModelTable models)
    {
        Check(options);
        var messages = new List<LlmMessage>();
        if (!string.IsNullOrWhiteSpace(System)) messages.Add(new LlmMessage(LlmRole.System, System));
        if (Message is not null) messages.Add(new LlmMessage(LlmRole.User, Message));
        foreach (var message in Messages ?? [])
            messages.Add(new LlmMessage(message!.Role!.Value, message.Content!));
        return new LlmRequest(LlmTask.Chat, models.GetChat(Model ?? options.Model).Name, messages, MaxTokens ?? options.MaxOutputTokens, Temperature);
    }

    private void Check(ChatOptions options)
    {
        var validation = new Validation();
        if (Messages is null) validation.Text(Message, "message");
        else CheckMessages(Messages, validation, options);
        validation.MaxTokens(MaxTokens, options.MaxOutputTokensLimit);
        validation.OneOf(Overflow, Overflows, "overflow");
        validation.Require(Temperature is null or (>= 0 and <= MaxTemperature), "temperature", $"This field takes a number from 0 to {MaxTemperature}.");
        validation.Throw();
    }

    private void CheckMessages(IReadOnlyList<ChatMessage?> messages, Validation validation, ChatOptions options)
    {
        validation.Require(Message is null, "message", "Send either message or messages.");
        if (messages.Count == 0 || messages.Count > options.MaxMessages)
        {
            // A list of millions is not looked through only to say what else is wrong with it.
            validation.Require(false, "messages", $"Send 1 to {options.MaxMessages} messages.");
            return;
        }
        for (var i = 0; i < messages.Count; i++)
        {
            validation.Require(messages[i]?.Role is not null, $"messages[{i}].role", "This field takes system, user or assistant.");
            validation.Text(messages[i]?.Content, $"messages[{i}].content");
            validation.Require(messages[i]?.Role != LlmRole.System || (i == 0 && System is null), $"messages[{i}].role", "One system message may come, as the first.");
        }
        validation.Require(messages is not [{ Role: LlmRole.System }], "messages", "A system message alone asks nothing.");
    }
}

/// <param name="Role">Who says it.</param>
/// <param name="Content">What is said.</param>
public sealed record ChatMessage(
    [property: Required, JsonConverter(typeof(LlmRoleConverter))] LlmRole? Role,
    [property: Required] string? Content);
