using System.Collections.Concurrent;
using System.Security.Cryptography;
using LlmGateway.Hosting;

namespace LlmGateway.Llm.Generations;

/// <summary>
/// The streams that clients have, and for a while those that they had: whoever lost a connection finds the rest here. What is kept is bounded in
/// time, number and bytes.
/// </summary>
internal sealed class StreamSessions(StreamingOptions options, TimeProvider timeProvider)
{
    private const int IdLength = 24;

    /// <summary>Bytes of a stream that is kept, measured; its text comes on top.</summary>
    public const int Overhead = 1000;

    private const int MaxLeft = 10_000;

    private readonly ConcurrentDictionary<string, StreamSession> _known = new();
    private readonly ConcurrentDictionary<GenerationKey, StreamSession> _unopened = new();
    private readonly ConcurrentDictionary<string, StreamSession> _unopenedTickets = new();
    private readonly LinkedList<StreamSession> _left = [];
    private readonly Lock _lock = new();
    private long _bytes;

    public TimeProvider TimeProvider => timeProvider;

    public TimeSpan ResendGrace => options.ResendGrace;

    public TimeSpan ResumeGrace => options.ResumeGrace;

    /// <summary>Streams that are known.</summary>
    public int Count => _known.Count;

    /// <summary>Whether a stream could have this id.</summary>
    public static bool IsId(string text) => text.Length == IdLength && text.All(char.IsAsciiHexDigitLower);

    /// <summary>To be connected to at once.</summary>
    public StreamSession Start(bool isResumable, bool isFromBrowser = false, bool keepsRunning = false, string? ticket = null)
    {
        var stream = new StreamSession(this, RandomNumberGenerator.GetHexString(IdLength, lowercase: true))
        {
            IsResumable = isResumable,
            IsFromBrowser = isFromBrowser,
            KeepsRunning = keepsRunning,
            Ticket = ticket,
        };
        _known[stream.Id] = stream;
        if (ticket is not null && isFromBrowser) _unopenedTickets[ticket] = stream;
        return stream;
    }

    /// <summary>A stream that was another gateway's.</summary>
    /// <param name="id">Its name.</param>
    /// <param name="keepsRunning">As where it began.</param>
    /// <param name="key">The question.</param>
    /// <param name="generation">The answer, as far as it is here.</param>
    /// <param name="begin">Gets the rest of it, if there is more; done once, however many come back at a time.</param>
    public StreamSession Adopt(string id, bool keepsRunning, GenerationKey key, Generation generation, Action? begin = null)
    {
        var adopted = new StreamSession(this, id) { IsResumable = true, KeepsRunning = keepsRunning };
        adopted.Adopt(key, generation);
        var stream = _known.GetOrAdd(id, adopted);
        if (stream == adopted) begin?.Invoke();
        return stream;
    }

    public StreamSession? Find(string id) =>
        _known.TryGetValue(id, out var stream) && (stream.Left is null || timeProvider.GetTimestamp() < stream.ForgottenAt) ? stream : null;

    public StreamSession? FindUnopened(GenerationKey key) => _unopened.GetValueOrDefault(key);

    public StreamSession? FindUnopened(string ticket) => _unopenedTickets.GetValueOrDefault(ticket);

    public void RememberUnopened(StreamSession stream) => _unopened[stream.Key!.Value] = stream;

    public void ForgetUnopened(StreamSession stream)
    {
        if (stream.IsFromBrowser && stream.Key is { } key) _unopened.TryRemove(new KeyValuePair<GenerationKey, StreamSession>(key, stream));
        if (stream.Ticket is { } ticket) _unopenedTickets.TryRemove(new KeyValuePair<string, StreamSession>(ticket, stream));
    }

    /// <summary>Its client has gone, and may come back.</summary>
    public void Remember(StreamSession stream)
    {
        var forgottenAt = timeProvider.GetTimestamp() + (long)(options.ResumeFor.TotalSeconds * timeProvider.TimestampFrequency);
        lock (_lock)
        {
            Unlink(stream);
            // It has come back at this very moment, and what is there is not forgotten.
            if (!stream.IsLeft) return;
            stream.ForgottenAt = forgottenAt;
            stream.Left = _left.AddLast(stream);
            stream.Counted = stream.Size;
            _bytes += stream.Counted;
        }
        Prune();
    }

    /// <summary>Its client is there again.</summary>
    public void Return(StreamSession stream)
    {
        lock (_lock) Unlink(stream);
    }

    public void Forget(StreamSession stream)
    {
        _known.TryRemove(stream.Id, out _);
        lock (_lock) Unlink(stream);
    }

    /// <summary>Nobody will ask for it again.</summary>
    public void Drop(StreamSession stream)
    {
        Forget(stream);
        stream.LetGo();
    }

    private void Prune()
    {
        while (true)
        {
            StreamSession oldest;
            lock (_lock)
            {
                if (_left.First is not { } first) return;
                oldest = first.Value;
                if (_left.Count <= MaxLeft && _bytes <= options.ResumeBytes && timeProvider.GetTimestamp() < oldest.ForgottenAt) return;
                Unlink(oldest);
            }
            Drop(oldest);
        }
    }

    private void Unlink(StreamSession stream)
    {
        if (stream.Left is not { } node) return;
        _left.Remove(node);
        stream.Left = null;
        _bytes -= stream.Counted;
    }
}
