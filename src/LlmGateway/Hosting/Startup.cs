using Microsoft.Extensions.Options;

namespace LlmGateway.Hosting;

/// <summary>Runs the application; a wrong setting ends it with a sentence that names it rather than with a stack trace.</summary>
internal static class Startup
{
    public static async Task<int> RunAsync(Func<WebApplication> build)
    {
        try
        {
            await using var app = build();
            await app.RunAsync();
            return 0;
        }
        catch (OptionsValidationException exception)
        {
            foreach (var failure in exception.Failures)
                await Console.Error.WriteLineAsync("Configuration: " + failure);
        }
        catch (InvalidOperationException exception) when (exception.Source is { } source && source.StartsWith("Microsoft.Extensions.Configuration", StringComparison.Ordinal)
            || exception.TargetSite?.DeclaringType?.FullName?.Contains("BindingExtensions", StringComparison.Ordinal) == true)
        {
            await Console.Error.WriteLineAsync("Configuration: " + exception.Message);
        }
        catch (IOException exception) when (exception.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException)
        {
            await Console.Error.WriteLineAsync($"{exception.Message} Set ASPNETCORE_URLS to another address.");
        }
        return 1;
    }
}
