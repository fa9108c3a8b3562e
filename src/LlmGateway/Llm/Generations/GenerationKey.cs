using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace LlmGateway.Llm.Generations;

/// <summary>SHA-256 over everything that changes an answer: two requests with the same key may share one.</summary>
internal readonly record struct GenerationKey(ulong A, ulong B, ulong C, ulong D)
{
    // To be raised whenever the same fields come to mean another answer: what was stored before is then not found any more.
    private const int Version = 1;

    public static GenerationKey Of(LlmRequest request)
    {
        // Taken apart by position: a new field does not compile until somebody has decided whether it changes the answer.
        var (task, model, messages, maxOutputTokens, temperature, tool, source, scope, _, _, _, _) = request;
        if (request.KnownKey is { } known && known.IsOf(request)) return known.Key;
        var form = new CanonicalForm(stackalloc byte[CanonicalForm.BufferSize]);
        form.Add(Version);
        form.Add((int)task);
        form.Add(model);
        var count = 0;
        for (var i = 0; i < messages.Count; i++)
            count += messages[i].IsAside ? 0 : 1;
        form.Add(count);
        foreach (var (role, content, isAside) in messages)
        {
            if (isAside) continue;
            form.Add((int)role);
            form.Add(content);
        }
        form.Add(maxOutputTokens);
        form.Add(temperature);
        form.Add(tool is not null ? 1 : 0);
        if (tool is var (name, description, parameters))
        {
            form.Add(name);
            form.Add(description);
            form.Add(parameters.GetRawText());
        }
        form.Add(source ?? "");
        form.Add(scope ?? "");
        return form.Hash();
    }

    /// <summary>Of one input of a request for vectors.</summary>
    public static GenerationKey OfVector(string model, int? dimensions, string input)
    {
        var form = new CanonicalForm(stackalloc byte[CanonicalForm.BufferSize]);
        form.Add(Version);
        // No task has this number.
        form.Add(-1);
        form.Add(model);
        form.Add(dimensions ?? 0);
        form.Add(input);
        return form.Hash();
    }

    /// <summary>A key that no question has.</summary>
    public static GenerationKey Random()
    {
        GenerationKey key = default;
        RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(new Span<GenerationKey>(ref key)));
        return key;
    }

    /// <returns>Null for what is not written as <see cref="ToString"/> writes it.</returns>
    public static GenerationKey? Parse(string text)
    {
        GenerationKey key = default;
        return Convert.FromHexString(text, MemoryMarshal.AsBytes(new Span<GenerationKey>(ref key)), out _, out var written) == OperationStatus.Done
            && written == text.Length / 2 && text.Length == 64
            ? key
            : null;
    }

    /// <returns>64 lower-case hexadecimal digits.</returns>
    public override string ToString()
    {
        var key = this;
        return Convert.ToHexStringLower(MemoryMarshal.AsBytes(new ReadOnlySpan<GenerationKey>(in key)));
    }

    /// <summary>Each field with its length before it, so that no two requests have one form.</summary>
    private ref struct CanonicalForm(Span<byte> buffer)
    {
        public const int BufferSize = 1024;

        [ThreadStatic]
        private static IncrementalHash? _hasher;

        private readonly IncrementalHash _hash = _hasher ??= IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private readonly Span<byte> _buffer = buffer;
        private int _used;

        public void Add(int value)
        {
            Reserve(sizeof(int));
            BinaryPrimitives.WriteInt32LittleEndian(_buffer[_used..], value);
            _used += sizeof(int);
        }

        public void Add(double? value)
        {
            Add(value is null ? 0 : 1);
            Reserve(sizeof(double));
            // Minus zero is zero.
            BinaryPrimitives.WriteDoubleLittleEndian(_buffer[_used..], (value ?? 0) + 0.0);
            _used += sizeof(double);
        }

        public void Add(string text)
        {
            Add(text.Length);
            for (ReadOnlySpan<char> rest = text; !rest.IsEmpty;)
            {
                Reserve(4);
                var status = System.Text.Unicode.Utf8.FromUtf16(rest, _buffer[_used..], out var read, out var written);
                rest = rest[read..];
                _used += written;
                if (status == OperationStatus.DestinationTooSmall) Flush();
            }
        }

        public GenerationKey Hash()
        {
            Flush();
            GenerationKey key = default;
            _hash.GetHashAndReset(MemoryMarshal.AsBytes(new Span<GenerationKey>(ref key)));
            return key;
        }

        private void Reserve(int bytes)
        {
            if (_buffer.Length - _used < bytes) Flush();
        }

        private void Flush()
        {
            _hash.AppendData(_buffer[.._used]);
            _used = 0;
        }
    }
}

/// <summary>A key with the question that it was worked out for: one of which another has been made since has another key.</summary>
internal sealed record KnownKey(LlmRequest Question, GenerationKey Key)
{
    /// <summary>By reference where a comparison would take as long as a new key: what is equal and not the same is worked out again.</summary>
    public bool IsOf(LlmRequest request)
    {
        var (task, model, messages, maxOutputTokens, temperature, tool, source, scope, _, _, _, _) = Question;
        return task == request.Task && model == request.Model && ReferenceEquals(messages, request.Messages) && maxOutputTokens == request.MaxOutputTokens
            && temperature.Equals(request.Temperature) && ReferenceEquals(tool, request.Tool) && ReferenceEquals(source, request.Source) && scope == request.Scope;
    }
}
