using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Options;

namespace LlmGateway.Hosting;

/// <summary>A section of the configuration that can tell what is wrong with it.</summary>
internal interface ISettings
{
    /// <returns>One sentence for each wrong setting: its name, a colon, what to give instead.</returns>
    IEnumerable<string> Problems();
}

/// <param name="Name">A section that somebody reads.</param>
internal sealed record SettingsSection(string Name);

internal static class SettingsExtensions
{
    /// <summary>Checks the section at start and lets it be injected as it is.</summary>
    /// <param name="builder">Bound to the section.</param>
    /// <param name="section">The section's path, for the messages.</param>
    public static void Checked<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] T>(this OptionsBuilder<T> builder, string section)
        where T : class, ISettings
    {
        builder.Services.AddSingleton<IValidateOptions<T>>(new Validator<T>(section));
        builder.Services.AddSingleton(new SettingsSection(section));
        builder.Services.AddSingleton(services => services.GetRequiredService<IOptions<T>>().Value);
        builder.ValidateOnStart();
    }

    private sealed class Validator<T>(string section) : IValidateOptions<T>
        where T : class, ISettings
    {
        public ValidateOptionsResult Validate(string? name, T options)
        {
            var problems = options.Problems().Select(problem => $"{section}:{problem}").ToList();
            return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
        }
    }
}
