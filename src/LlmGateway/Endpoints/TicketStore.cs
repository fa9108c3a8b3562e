using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using LlmGateway.Llm;
using LlmGateway.Llm.Generations.Redis;

namespace LlmGateway.Endpoints;

/// <summary>What a ticket is for.</summary>
/// <param name="Request">The prompt.</param>
/// <param name="Fresh">As in the query.</param>
/// <param name="Resume">As in the query.</param>
internal sealed record TicketPrompt(ChatRequest Request, bool Fresh, bool Resume);

/// <summary>
/// Keeps the prompts of tickets until they are used, under the hash of the ticket: whoever reads the store has no ticket. In Redis, where there
/// is one, so that any gateway honours them, and in this process, for Redis may have gone by then.
/// </summary>
internal sealed class TicketStore(TicketOptions options, RedisConnection redis, RedisOptions redisOptions, TimeProvider timeProvider)
{
    private const int SecretLength = 32;

    private readonly Dictionary<string, LinkedListNode<Kept>> _kept = [];
    private readonly LinkedList<Kept> _oldestFirst = [];
    private readonly Lock _lock = new();
    private long _bytes;

    public TimeSpan TimeToLive => options.TimeToLive;

    /// <returns>The ticket: it is nowhere else.</returns>
    /// <exception cref="LlmException">There are as many tickets as there may be.</exception>
    public async Task<string> IssueAsync(TicketPrompt prompt, CancellationToken cancellationToken)
    {
        var ticket = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretLength));
        var hash = Hash(ticket);
        var form = JsonSerializer.SerializeToUtf8Bytes(prompt, GatewayJson.Default.TicketPrompt);
        var (_, shared) = await redis.TryAsync(
            database => database.StringSetAsync(RedisKeys.Ticket(redisOptions, hash), form, options.TimeToLive), cancellationToken);
        if (Keep(new Kept(hash, form, shared, timeProvider.GetTimestamp())) || shared) return ticket;
        throw new LlmException(LlmErrorKind.RateLimited, "The gateway has as many unused tickets as it may. Try again shortly.") { RetryAfter = TimeSpan.FromSeconds(1) };
    }

    /// <summary>Takes the prompt out, so that nobody gets it again.</summary>
    /// <exception cref="LlmException">Not a ticket, or one no longer.</exception>
    public async Task<TicketPrompt> TakeAsync(string ticket, CancellationToken cancellationToken)
    {
        var form = await TakeFormAsync(Hash(ticket), cancellationToken);
        try
        {
            if (form is not null && JsonSerializer.Deserialize(form, GatewayJson.Default.TicketPrompt) is { Request: not null } prompt) return prompt;
        }
        catch (JsonException)
        {
            // Another version's: it is none of ours.
        }
        throw new LlmException(LlmErrorKind.TicketNotValid, "The ticket has been used, has expired, or never was one. Get a new one by POST /chat-stream/tickets.");
    }

    public static string Hash(string ticket) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(ticket)));

    private async Task<byte[]?> TakeFormAsync(string hash, CancellationToken cancellationToken)
    {
        Kept? kept = null;
        lock (_lock)
        {
            Prune();
            if (_kept.GetValueOrDefault(hash) is { } node)
            {
                kept = node.Value;
                Remove(node);
            }
        }
        // What Redis did not confirm it may have got all the same: nobody shall find it there any more.
        var (answered, form) = await redis.TryAsync(database => database.StringGetDeleteAsync(RedisKeys.Ticket(redisOptions, hash)), cancellationToken);
        // Without Redis nobody else has it.
        return answered && kept is not { IsShared: false } ? (byte[]?)form : kept?.Form;
    }

    private bool Keep(Kept kept)
    {
        lock (_lock)
        {
            Prune();
            if (_bytes + kept.Form.Length > options.MaxBytes) return false;
            _kept[kept.Hash] = _oldestFirst.AddLast(kept);
            _bytes += kept.Form.Length;
            return true;
        }
    }

    private void Prune()
    {
        while (_oldestFirst.First is { } oldest && timeProvider.GetElapsedTime(oldest.Value.Since) >= options.TimeToLive)
            Remove(oldest);
    }

    /// <summary>A prompt that is not counted any more is not held any more either.</summary>
    private void Remove(LinkedListNode<Kept> node)
    {
        _oldestFirst.Remove(node);
        _kept.Remove(node.Value.Hash);
        _bytes -= node.Value.Form.Length;
    }

    private sealed record Kept(string Hash, byte[] Form, bool IsShared, long Since);
}
