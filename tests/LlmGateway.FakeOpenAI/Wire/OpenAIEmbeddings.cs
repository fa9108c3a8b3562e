using System.Buffers.Binary;
using System.Text.Json;

namespace LlmGateway.FakeOpenAI.Wire;

/// <summary><c>POST /v1/embeddings</c>: unit vectors that depend on nothing but the text and the number of dimensions.</summary>
internal sealed class OpenAIEmbeddings : OpenAIFormat
{
    private const int MaxInputs = 2048;

    public override IAnswer Answer(JsonElement body, FakeScript script, DateTimeOffset now)
    {
        var model = Model(body);
        if (!body.TryGetProperty("input", out var input))
            throw Missing("input");
        var inputs = Inputs(input);
        if (inputs.Count is 0 or > MaxInputs || inputs.Contains(""))
            throw Invalid("input", $"'$.input' is invalid: expected 1 to {MaxInputs} inputs, none of them empty.");

        var full = model.Contains("large", StringComparison.Ordinal) ? 3072 : 1536;
        var dimensions = full;
        if (body.TryGetProperty("dimensions", out var wanted) && wanted.ValueKind != JsonValueKind.Null
            && (!wanted.TryGetInt32(out dimensions) || dimensions < 1 || dimensions > full))
            throw Invalid("dimensions", $"Invalid 'dimensions': expected 1 to {full}.");

        var base64 = body.TryGetProperty("encoding_format", out var encoding) && encoding.ValueEquals("base64");
        var tokens = script.PromptTokens ?? inputs.Sum(EstimateTokens);
        return new Embeddings(model, inputs, dimensions, base64, tokens, script.NoUsage);
    }

    /// <summary>A text, an array of texts, an array of token ids, or an array of such arrays.</summary>
    private static List<string> Inputs(JsonElement input) => input.ValueKind switch
    {
        JsonValueKind.String => [input.GetString()!],
        JsonValueKind.Array when input.GetArrayLength() > 0 && input[0].ValueKind == JsonValueKind.Number => [input.GetRawText()],
        JsonValueKind.Array => input.EnumerateArray()
            .Select(item => item.ValueKind == JsonValueKind.String ? item.GetString()! : item.GetRawText()).ToList(),
        _ => throw Invalid("input", "'$.input' is invalid: expected a string or an array."),
    };

    private sealed record Embeddings(
        string Model, IReadOnlyList<string> Inputs, int Dimensions, bool Base64, int PromptTokens, bool NoUsage) : IAnswer
    {
        public int Tokens => 0;

        public IFrames? Frames => null;

        public byte[] Body() => JsonText.Build(json =>
        {
            json.WriteStartObject();
            json.WriteString("object", "list");
            json.WriteStartArray("data");
            for (var i = 0; i < Inputs.Count; i++)
            {
                json.WriteStartObject();
                json.WriteString("object", "embedding");
                json.WriteNumber("index", i);
                Write(json, Vector(Inputs[i]));
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteText("model", Model);
            if (!NoUsage)
            {
                json.WriteStartObject("usage");
                json.WriteNumber("prompt_tokens", PromptTokens);
                json.WriteNumber("total_tokens", PromptTokens);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        });

        private void Write(Utf8JsonWriter json, float[] vector)
        {
            if (Base64)
            {
                var bytes = new byte[vector.Length * sizeof(float)];
                for (var i = 0; i < vector.Length; i++)
                    BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * sizeof(float)), vector[i]);
                json.WriteBase64String("embedding", bytes);
                return;
            }

            json.WriteStartArray("embedding");
            foreach (var value in vector)
                json.WriteNumberValue(value);
            json.WriteEndArray();
        }

        private float[] Vector(string text)
        {
            // FNV-1a seeds xorshift: both are the same on every machine and in every run, unlike string hashes and Random.
            var state = text.Aggregate(14695981039346656037UL, (hash, c) => unchecked((hash ^ c) * 1099511628211UL)) | 1;
            var vector = new float[Dimensions];
            for (var i = 0; i < vector.Length; i++)
            {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                vector[i] = (state >> 40) / (float)(1 << 23) - 1;
            }

            var norm = MathF.Sqrt(vector.Sum(value => value * value));
            return Array.ConvertAll(vector, value => value / norm);
        }
    }
}
