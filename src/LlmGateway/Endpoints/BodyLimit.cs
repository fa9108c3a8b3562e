namespace LlmGateway.Endpoints;

/// <summary>An endpoint whose bodies may have another length than those of the others.</summary>
/// <param name="Of">Reads the setting: bytes, decompressed.</param>
internal sealed record BodyLimit(Func<IServiceProvider, long> Of);
