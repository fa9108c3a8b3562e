using System.Buffers;
using System.Runtime.CompilerServices;

namespace LlmGateway.Llm.Providers;

/// <summary>
/// The data of server-sent events, one after the other, as HTML's standard has them; their other fields are passed over. The system's own parser allocates for
/// each read, which is for each token, and holds a line of any length.
/// </summary>
/// <param name="stream">Not disposed.</param>
/// <param name="parse">Makes of an event's data what is read here; what it throws at data that it cannot read is told as the provider's failure.</param>
/// <param name="call">Names what goes wrong.</param>
/// <param name="idle">Ends the reading, for the caller too.</param>
/// <param name="maxBytes">Of one event.</param>
/// <param name="cancellationToken">The caller's.</param>
internal sealed class SseReader<T>(
    Stream stream, Func<ReadOnlySpan<byte>, T> parse, ProviderCall call, IdleTimeout idle, int maxBytes, CancellationToken cancellationToken) : IDisposable
{
    // An event to each token, of some hundred bytes.
    private const int FirstSize = 1024;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(FirstSize);
    private int _end;

    /// <summary>Where the line that is being read begins, and how much of it holds no end.</summary>
    private int _line;
    private int _searched;

    /// <summary>What the lines before it have said; null as long as there is nothing.</summary>
    private (int Start, int Length)? _data;

    /// <summary>A line ended with a carriage return, behind which a line feed ends no other one.</summary>
    private bool _afterReturn;
    private bool _isFirstLine = true;

    /// <summary>What has been made of the last event.</summary>
    public T Current { get; private set; } = default!;

    /// <summary>Waits for the next event, and no longer than the provider may be silent.</summary>
    /// <returns>Whether there was one: what was not ended by an empty line is none.</returns>
    /// <exception cref="LlmException">The provider has failed, or says what cannot be read. Thrown by the task, as all others are.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> MoveNextAsync()
    {
        try
        {
            // One that is there already is no reason to look at the clock.
            if (TryTake()) return true;
            idle.Listen();
            do
            {
                MakeRoom();
                var read = await stream.ReadAsync(_buffer.AsMemory(_end), idle.Token);
                if (read == 0) return false;
                _end += read;
            }
            while (!TryTake());
            return true;
        }
        catch (Exception exception) when (exception is not LlmException)
        {
            if (call.Failure(exception, idle, cancellationToken) is { } failure) throw failure;
            throw;
        }
        finally
        {
            idle.Heard();
        }
    }

    public void Dispose()
    {
        if (_buffer.Length > 0) ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        (_line, _searched, _end, _data) = (0, 0, 0, null);
    }

    /// <returns>Whether the buffer held the end of an event.</returns>
    private bool TryTake()
    {
        while (TryReadLine(out var start, out var length))
        {
            if (length > 0) TakeField(start, length);
            else if (_data is { } data)
            {
                _data = null;
                Current = parse(_buffer.AsSpan(data.Start, data.Length));
                return true;
            }
        }
        return false;
    }

    private bool TryReadLine(out int start, out int length)
    {
        if (_afterReturn && _line < _end)
        {
            if (_buffer[_line] == '\n') _searched = ++_line;
            _afterReturn = false;
        }
        start = _line;
        var found = _buffer.AsSpan(_searched, _end - _searched).IndexOfAny((byte)'\r', (byte)'\n');
        if (found < 0)
        {
            _searched = _end;
            length = 0;
            return false;
        }
        var end = _searched + found;
        _afterReturn = _buffer[end] == '\r';
        _line = _searched = end + 1;
        if (_isFirstLine && _buffer.AsSpan(start, end - start).StartsWith("\uFEFF"u8)) start += 3;
        _isFirstLine = false;
        length = end - start;
        return true;
    }

    private void TakeField(int start, int length)
    {
        var line = _buffer.AsSpan(start, length);
        if (!line.StartsWith("data"u8)) return;
        var value = line[4..];
        if (value.Length > 0)
        {
            if (value[0] != ':') return;
            value = value[1..];
            if (value.Length > 0 && value[0] == ' ') value = value[1..];
        }
        if (_data is not { } data)
        {
            _data = (start + length - value.Length, value.Length);
            return;
        }
        // The lines of one event are joined where they are: "data" and the end of the line before leave more room than the line feed takes.
        var joined = data.Start + data.Length;
        _buffer[joined] = (byte)'\n';
        value.CopyTo(_buffer.AsSpan(joined + 1));
        _data = (data.Start, data.Length + 1 + value.Length);
    }

    private void MakeRoom()
    {
        var (start, length) = _data ?? (_line, 0);
        var rest = _end - _line;
        var kept = length + rest;
        if (kept > maxBytes) throw call.TooLong(maxBytes);
        if (kept > 0 && _end < _buffer.Length) return;
        // Half of it has to be free, or a long event in many lines would be moved for each of them.
        var target = kept <= _buffer.Length / 2 ? _buffer : ArrayPool<byte>.Shared.Rent((int)Math.Min(2L * _buffer.Length, Array.MaxLength));
        _buffer.AsSpan(start, length).CopyTo(target);
        _buffer.AsSpan(_line, rest).CopyTo(target.AsSpan(length));
        if (target != _buffer) ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = target;
        if (_data is not null) _data = (0, length);
        _searched += length - _line;
        (_line, _end) = (length, kept);
    }
}
