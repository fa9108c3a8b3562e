using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using LlmGateway.Hosting;
using LlmGateway.Llm;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Net.Http.Headers;

namespace LlmGateway.Endpoints;

/// <summary>
/// The JSON body of a request. The framework's own binding answers 500 to several bodies that are merely wrong (an unknown charset, corrupt
/// gzip) and names no field: this one answers each of them with a 4xx that says what is wrong where.
/// </summary>
public sealed record JsonBody<T>(T Value) : IBindableFromHttpContext<JsonBody<T>>, IEndpointParameterMetadataProvider
    where T : class
{
    private object? _prepared;

    public static async ValueTask<JsonBody<T>?> BindAsync(HttpContext context, ParameterInfo parameter)
    {
        CheckContentType(context.Request);
        var metadata = context.GetEndpoint()!.Metadata;
        var limit = metadata.GetRequiredMetadata<BodyLimit>().Bytes;
        if (context.Request.ContentLength > limit) throw TooLarge(limit);
        var known = metadata.GetRequiredMetadata<ParsedBodies<JsonBody<T>>>();
        if (await FindAsync(context.Request, known, context.RequestAborted) is { } found) return found;
        using var body = await ReadAsync(context.Request, limit, context.RequestAborted);
        if (body.Truncated) throw TooLarge(limit);
        return known.Get(body.Memory.Span, static bytes => new JsonBody<T>(Parse(bytes)));
    }

    /// <summary>
    /// What the endpoint makes of the body, which is kept with it: a body that comes again is not prepared again. Two requests at one time may both prepare it, and
    /// either result is kept.
    /// </summary>
    /// <param name="endpoint">Handed to <paramref name="prepare"/>, which thus needs no object of its own for each request.</param>
    /// <param name="prepare">Is told the body and nothing else that a request says, for its result is another request's too.</param>
    /// <param name="cancellationToken">Ends it.</param>
    internal ValueTask<TPrepared> PreparedOnceAsync<TEndpoint, TPrepared>(
        TEndpoint endpoint, Func<TEndpoint, T, CancellationToken, ValueTask<TPrepared>> prepare, CancellationToken cancellationToken)
        where TPrepared : class =>
        _prepared is { } prepared ? new ValueTask<TPrepared>((TPrepared)prepared) : KeepAsync(prepare(endpoint, Value, cancellationToken));

    public static void PopulateMetadata(ParameterInfo parameter, EndpointBuilder builder)
    {
        builder.Metadata.Add(new AcceptsMetadata(["application/json"], typeof(T)));
        builder.Metadata.Add(new BodyLimit(builder.ApplicationServices.GetRequiredService<HttpOptions>().MaxBodyBytes));
        // Its own for each endpoint: what is prepared depends on the settings of one gateway.
        builder.Metadata.Add(new ParsedBodies<JsonBody<T>>());
    }

    private async ValueTask<TPrepared> KeepAsync<TPrepared>(ValueTask<TPrepared> preparing)
        where TPrepared : class
    {
        var prepared = await preparing;
        _prepared = prepared;
        return prepared;
    }

    private static void CheckContentType(HttpRequest request)
    {
        if (request.ContentType == "application/json") return;
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type) || !type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase))
            throw new LlmException(LlmErrorKind.UnsupportedMediaType, "Send JSON, with the header content-type: application/json.");
        var charset = HeaderUtilities.RemoveQuotes(type.Charset);
        if (charset.HasValue && !charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase) && !charset.Equals("utf8", StringComparison.OrdinalIgnoreCase))
            throw new LlmException(LlmErrorKind.UnsupportedMediaType, "Send the JSON as UTF-8: the content-type names another charset.");
    }

    /// <summary>
    /// A body that came before, found where it stands in the server's own memory; any other one is still to be read, from the stream that shares this memory as
    /// long as nothing puts another one in its place.
    /// </summary>
    private static async ValueTask<JsonBody<T>?> FindAsync(HttpRequest request, ParsedBodies<JsonBody<T>> known, CancellationToken cancellationToken)
    {
        if (request.ContentLength is not (> 0 and <= ParsedBodies<JsonBody<T>>.MaxLength and var length) || request.Headers.ContentEncoding.Count > 0) return null;
        var body = await request.BodyReader.ReadAtLeastAsync((int)length, cancellationToken);
        // Not before its end is there: who is answered earlier is told that the rest of the request was not read.
        var found = body is { IsCompleted: true, Buffer: { IsSingleSegment: true, FirstSpan: var bytes } } ? known.Find(bytes) : null;
        request.BodyReader.AdvanceTo(found is null ? body.Buffer.Start : body.Buffer.End, body.Buffer.End);
        return found;
    }

    private static async ValueTask<BoundedBuffer> ReadAsync(HttpRequest request, long limit, CancellationToken cancellationToken)
    {
        try
        {
            await using var decoded = ContentEncoding.Decode(request);
            return await BoundedBuffer.ReadAsync(decoded, limit, cancellationToken);
        }
        catch (Exception exception) when (exception is InvalidDataException or InvalidOperationException)
        {
            throw new LlmException(LlmErrorKind.InvalidRequest, "The body cannot be decompressed as its content-encoding says.", exception);
        }
        catch (IOException exception) when (exception.InnerException is OverflowException)
        {
            // The one malformed body for which the server has no status of its own.
            throw new LlmException(LlmErrorKind.InvalidRequest, "The body names a chunk of impossible length.", exception);
        }
    }

    private static T Parse(Span<byte> body)
    {
        LoneSurrogates.Replace(body);
        ReadOnlySpan<byte> json = body;
        if (json.StartsWith(Encoding.UTF8.Preamble)) json = json[Encoding.UTF8.Preamble.Length..];
        if (json.IsEmpty) throw Invalid("$", "The body is empty: send a JSON object.");
        try
        {
            var type = (JsonTypeInfo<T>)GatewayJson.Default.GetTypeInfo(typeof(T))!;
            var value = JsonSerializer.Deserialize(json, type) ?? throw Invalid("$", "The body is null: send a JSON object.");
            (value as IHasLongText)?.Text?.Read(json);
            return value;
        }
        catch (JsonException exception)
        {
            throw Malformed(exception);
        }
    }

    private static LlmException Malformed(JsonException exception)
    {
        var place = exception is { LineNumber: { } line, BytePositionInLine: { } column } ? $" (line {line + 1}, byte {column + 1})" : "";
        if (JsonFields.Known(exception.Path, typeof(T)) is not var (name, type)) return Invalid("$", $"The body is not the JSON object that is expected here{place}.");
        return Invalid(name, exception.InnerException switch
        {
            JsonException => $"The JSON is broken here{place}.",
            InvalidOperationException { InnerException: not null } => $"This text is not valid UTF-8{place}.",
            _ when exception.Message.StartsWith("Duplicate", StringComparison.Ordinal) => $"This field is there twice{place}.",
            _ => $"This field takes {JsonFields.Form(type)}{place}.",
        });
    }

    private static LlmException Invalid(string field, string problem) => Validation.Failure(new() { [field] = [problem] });

    private static LlmException TooLarge(long limit) =>
        new(LlmErrorKind.RequestTooLarge, $"The body may have {limit} bytes at most, decompressed.");
}
