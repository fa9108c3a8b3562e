using Microsoft.Extensions.Options;

namespace LlmGateway.Llm.Models;

/// <summary>Stops the start if the model of a section is not one that may be asked: it would fail every request that names none.</summary>
/// <param name="provider">Has the model table.</param>
/// <param name="section">The section's path, for the message.</param>
/// <param name="model">Reads the setting.</param>
/// <param name="embeddings">What kind of model it has to be.</param>
internal sealed class ModelListed<T>(IServiceProvider provider, string section, Func<T, string> model, bool embeddings) : IValidateOptions<T>
    where T : class
{
    public ValidateOptionsResult Validate(string? name, T options)
    {
        ModelTable models;
        try
        {
            models = provider.GetRequiredService<ModelTable>();
        }
        catch (OptionsValidationException)
        {
            // The table is wrong, and says so itself.
            return ValidateOptionsResult.Skip;
        }
        var found = models.Find(model(options));
        // Whoever has no key for vectors may do without them.
        if (found?.Embeddings == embeddings && (embeddings || found.Missing is null)) return ValidateOptionsResult.Success;
        if (found is { Missing: { } variable } && found.Embeddings == embeddings)
            return ValidateOptionsResult.Fail($"{section}:Model is {found.Name}, which needs {variable}: set it, or set {section}__Model to one of {string.Join(", ", models.Names(embeddings))}.");
        return ValidateOptionsResult.Fail(
            $"{section}:Model is {model(options)}, which Llm:Models does not list as {(embeddings ? "an embedding" : "a chat")} model: add it there, or set "
            + $"{section}__Model to one of {string.Join(", ", models.Names(embeddings))}.");
    }
}
