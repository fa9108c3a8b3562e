using System.Text.Json;

namespace LlmGateway.FakeOpenAI;

/// <summary>Counts calls, keeps the last of them, and wakes those who wait for a change.</summary>
internal sealed class CallLog(TimeProvider time)
{
    private const int KeptRequests = 1000;
    private const long KeptCharacters = 64 << 20;

    private readonly Lock _lock = new();
    private readonly Queue<FakeRequest> _requests = new();
    private readonly HashSet<FakeRequest> _open = [];
    private readonly Dictionary<string, int> _failures = [];
    private long _number;
    private long _characters;
    private FakeStats _stats = new();
    private TaskCompletionSource? _changed;

    public FakeStats Stats
    {
        get
        {
            lock (_lock)
                return _stats;
        }
    }

    public IReadOnlyList<FakeRequest> Requests
    {
        get
        {
            lock (_lock)
                return [.. _requests];
        }
    }

    public FakeRequest Begin(string path, IReadOnlyDictionary<string, string> headers, string body, JsonElement json)
    {
        lock (_lock)
        {
            var request = new FakeRequest
            {
                Number = ++_number,
                Path = path,
                Headers = headers,
                Body = body,
                Json = json,
                ArrivedAt = time.GetUtcNow(),
            };
            _open.Add(request);
            _requests.Enqueue(request);
            _characters += body.Length;
            while (_requests.Count > KeptRequests || (_characters > KeptCharacters && _requests.Count > 1))
                _characters -= _requests.Dequeue().Body.Length;
            var inFlight = _stats.InFlight + 1;
            Change(_stats with { Calls = _stats.Calls + 1, InFlight = inFlight, MaxInFlight = Math.Max(_stats.MaxInFlight, inFlight) });
            return request;
        }
    }

    public void StreamBegan()
    {
        lock (_lock)
            Change(_stats with { Streams = _stats.Streams + 1 });
    }

    public void TokenSent(FakeRequest request, int count = 1)
    {
        lock (_lock)
        {
            request.TokensSent += count;
            Change(_stats with { TokensSent = _stats.TokensSent + count });
        }
    }

    /// <summary>The first outcome counts: a client that leaves after its answer did not abort it.</summary>
    public void End(FakeRequest request, FakeOutcome outcome)
    {
        lock (_lock)
        {
            if (request.Outcome is not null)
                return;
            request.Outcome = outcome;
            request.EndedAt = time.GetUtcNow();

            // A call that was open at the last reset is no longer part of the counts.
            if (!_open.Remove(request))
                return;
            var stats = _stats with { InFlight = _stats.InFlight - 1 };
            Change(outcome switch
            {
                FakeOutcome.Completed => stats with { Completed = stats.Completed + 1 },
                FakeOutcome.Failed => stats with { Failed = stats.Failed + 1 },
                FakeOutcome.Cut => stats with { Cut = stats.Cut + 1 },
                FakeOutcome.Aborted => stats with { Aborted = stats.Aborted + 1 },
                FakeOutcome.BadRequest => stats with { BadRequests = stats.BadRequests + 1 },
                _ => stats with { AuthFailures = stats.AuthFailures + 1 },
            });
        }
    }

    /// <summary>Which failure of <paramref name="key"/> this is, from 1.</summary>
    public int CountFailure(string key)
    {
        lock (_lock)
            return _failures[key] = _failures.GetValueOrDefault(key) + 1;
    }

    public void Reset()
    {
        lock (_lock)
        {
            _requests.Clear();
            _characters = 0;
            _open.Clear();
            _failures.Clear();
            Change(new FakeStats());
        }
    }

    /// <summary>Completes at the next change after this call.</summary>
    public Task Changed()
    {
        lock (_lock)
            return (_changed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
    }

    private void Change(FakeStats stats)
    {
        _stats = stats;
        _changed?.TrySetResult();
        _changed = null;
    }
}
