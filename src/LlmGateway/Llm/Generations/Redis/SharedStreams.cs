using System.Collections.Concurrent;
using System.Globalization;
using System.Threading.Channels;
using LlmGateway.Hosting;
using StackExchange.Redis;

namespace LlmGateway.Llm.Generations.Redis;

/// <summary>
/// Tells other gateways what the streams of this one read, so that a client that comes back may come to any of them; and which streams are to
/// be stopped. Without Redis each gateway knows its own alone.
/// </summary>
internal sealed class SharedStreams : BackgroundService
{
    /// <summary>Stops that wait for another gateway at once; those beyond are not waited for.</summary>
    private const int MaxStopping = 1000;

    /// <summary>The longest that a stop waits for the gateway that has the stream to say so.</summary>
    private static readonly TimeSpan StopPatience = TimeSpan.FromMilliseconds(500);

    private readonly StreamSessions _streams;
    private readonly RedisConnection _connection;
    private readonly RedisAnswers _answers;
    private readonly RedisOptions _options;
    private readonly StreamingOptions _streaming;
    private readonly TimeProvider _timeProvider;
    private readonly Channel<(string Id, string Form)> _told;
    private readonly Channel<string> _stopped;
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _stopping = new();
    private readonly ConcurrentDictionary<Generation, Task> _followed = new();

    public SharedStreams(
        StreamSessions streams, RedisConnection connection, RedisAnswers answers, RedisOptions options, StreamingOptions streaming, TimeProvider timeProvider)
    {
        (_streams, _connection, _answers, _options, _streaming, _timeProvider) = (streams, connection, answers, options, streaming, timeProvider);
        _told = Channel.CreateBounded<(string, string)>(new BoundedChannelOptions(options.WriteQueueLimit) { SingleReader = true });
        // Apart from the rest, for somebody waits for it.
        _stopped = Channel.CreateBounded<string>(new BoundedChannelOptions(options.WriteQueueLimit) { SingleReader = true });
        connection.Listen(RedisKeys.Stops(options), id => StopForOther(id.ToString()));
        connection.Listen(RedisKeys.Stopped(options), id => HearStopped(id.ToString()));
    }

    /// <summary>Does not wait: nobody comes back at once, and who comes back too early is told that there is nothing.</summary>
    public void Tell(StreamSession stream)
    {
        if (_connection.IsConnected && stream is { IsResumable: true, Key: { } key, Result: { } result })
            _told.Writer.TryWrite((stream.Id, new SharedStream(stream.Shared ?? new SharedName(key, ""), result.Status, stream.KeepsRunning).ToString()));
    }

    /// <param name="id">Of a stream that this gateway does not know.</param>
    /// <param name="from">Characters that the client has.</param>
    /// <param name="cancellationToken">Ends the search.</param>
    public async Task<StreamSession?> FindAsync(string id, int from, CancellationToken cancellationToken)
    {
        if (!_connection.IsConnected) return null;
        var (_, form) = await _connection.TryAsync(database => database.StringGetAsync(RedisKeys.Stream(_options, id)), cancellationToken);
        if (SharedStream.Parse(form) is not var (name, status, keepsRunning)) return null;
        var generation = new Generation { Source = new CacheResult(status), IsResumable = true };
        if (name.Owner.Length > 0)
        {
            var call = new FollowedCall(name.Key, name.Owner, generation, _connection, _options, _timeProvider);
            if (await call.IsThereAsync(cancellationToken))
            {
                generation.Shared = name;
                return _streams.Adopt(id, keepsRunning, name.Key, generation, () => Follow(call, generation));
            }
        }
        // The stored answer may have been replaced since: it is of use only to who has the whole text, and lacks the end.
        if (await _answers.GetAsync(name.Key, cancellationToken) is not { } entry || entry.Response.Text.Length != from) return null;
        return _streams.Adopt(id, keepsRunning, name.Key, Generation.Of(entry.Response, entry.Result(status, _timeProvider.GetUtcNow())));
    }

    /// <returns>Whether the stream was known, here or elsewhere.</returns>
    public async Task<bool> StopAsync(string id, CancellationToken cancellationToken)
    {
        var known = StopHere(id);
        if (!_connection.IsConnected) return known;
        var stopped = _stopping.GetOrAdd(id, static _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        try
        {
            var (_, told) = await _connection.TryAsync(database => database.KeyDeleteAsync(RedisKeys.Stream(_options, id)), cancellationToken);
            var (_, gateways) = await _connection.TryAsync(database => database.PublishAsync(RedisChannel.Literal(RedisKeys.Stops(_options)), id), cancellationToken);
            if (known || told) return true;
            // This one heard it too. What has no ids is told nowhere: only who has it knows that it was there.
            if (gateways < 2 || _stopping.Count > MaxStopping) return false;
            await stopped.Task.WaitAsync(StopPatience, _timeProvider, cancellationToken);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
        finally
        {
            _stopping.TryRemove(new KeyValuePair<string, TaskCompletionSource>(id, stopped));
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(TellStreamsAsync(stoppingToken), TellStoppedAsync(stoppingToken));

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        foreach (var generation in _followed.Keys)
            generation.Abort();
        await Task.WhenAll(_followed.Values);
        await base.StopAsync(cancellationToken);
    }

    private async Task TellStreamsAsync(CancellationToken cancellationToken)
    {
        var kept = _streaming.MaxDuration + _streaming.ResumeFor;
        await foreach (var (id, form) in _told.Reader.ReadAllAsync(cancellationToken))
            await _connection.TryAsync(database => database.StringSetAsync(RedisKeys.Stream(_options, id), form, kept), cancellationToken);
    }

    private async Task TellStoppedAsync(CancellationToken cancellationToken)
    {
        await foreach (var id in _stopped.Reader.ReadAllAsync(cancellationToken))
            await _connection.TryAsync(database => database.PublishAsync(RedisChannel.Literal(RedisKeys.Stopped(_options)), id), cancellationToken);
    }

    private bool StopHere(string id)
    {
        if (_streams.Find(id) is not { } stream) return false;
        _streams.Forget(stream);
        stream.Stop();
        return true;
    }

    private void StopForOther(string id)
    {
        if (StopHere(id)) _stopped.Writer.TryWrite(id);
    }

    private void HearStopped(string id)
    {
        if (_stopping.TryGetValue(id, out var stopped)) stopped.TrySetResult();
    }

    private void Follow(FollowedCall call, Generation generation)
    {
        _followed[generation] = Task.CompletedTask;
        _followed.TryUpdate(generation, FollowAsync(call, generation), Task.CompletedTask);
    }

    private async Task FollowAsync(FollowedCall call, Generation generation)
    {
        try
        {
            if (await call.ReadAsync(generation.Aborted) is { } response) generation.Complete(response);
            else generation.Fail(Generation.Lost());
        }
        catch (LlmException failure)
        {
            generation.Fail(failure);
        }
        catch (Exception)
        {
            // Aborted; or whatever Redis holds is no call of this version. Readers must not wait for ever.
            generation.Fail(Generation.Lost());
        }
        finally
        {
            _followed.TryRemove(generation, out _);
        }
    }
}

/// <summary>What a stream reads, as it is told in Redis.</summary>
/// <param name="Name">The call; without an owner where only the stored answer can be read.</param>
/// <param name="Status">How its client came by it.</param>
/// <param name="KeepsRunning">Whether the call goes on for a while when the client has gone.</param>
internal sealed record SharedStream(SharedName Name, CacheStatus Status, bool KeepsRunning)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Name.Key} {Status} {(KeepsRunning ? "1" : "0")} {Name.Owner}");

    /// <returns>Null for what is none.</returns>
    public static SharedStream? Parse(RedisValue form) =>
        form.ToString().Split(' ') is [var key, var status, var keepsRunning, var owner]
            && GenerationKey.Parse(key) is { } question
            && Enum.TryParse<CacheStatus>(status, out var known) && Enum.IsDefined(known)
            ? new SharedStream(new SharedName(question, owner), known, keepsRunning == "1")
            : null;
}
