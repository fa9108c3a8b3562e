using LlmGateway.Llm;
using Microsoft.Extensions.Options;

namespace LlmGateway.Hosting;

/// <summary>Runs the application; a wrong setting ends it with a sentence that names it rather than with a stack trace.</summary>
internal static class Startup
{
    public const string InlineCompletions = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <summary>
    /// Lets the thread that hears of what a model says handle it, in place of handing each token to another thread: where threads are dear to wake, a token waits a
    /// tenth as long on a busy core. Nothing may block that thread, or keep it for more than a millisecond: what could leaves it by <see cref="SocketThread"/>.
    /// To be called before the first socket is opened, when the runtime reads this from its environment; a value that is set there stands.
    /// </summary>
    public static void CompleteInline() =>
        Environment.SetEnvironmentVariable(InlineCompletions, Environment.GetEnvironmentVariable(InlineCompletions) ?? "1");

    public static async Task<int> RunAsync(Func<WebApplication> build)
    {
        try
        {
            await using var app = build();
            // The host checks too, but logs what it finds with a stack trace.
            app.Services.GetRequiredService<IStartupValidator>().Validate();
            await app.RunAsync();
            return 0;
        }
        catch (Exception exception) when (WrongSettings(exception) is { Count: > 0 } problems)
        {
            foreach (var problem in problems)
                await Console.Error.WriteLineAsync("Configuration: " + problem);
        }
        catch (Exception exception) when (CannotListen(exception))
        {
            await Console.Error.WriteLineAsync($"{exception.Message.TrimEnd('.')}. Set ASPNETCORE_URLS to another address, like http://127.0.0.1:8080.");
        }
        return 1;
    }

    /// <summary>Whether the address is taken, forbidden, of another machine, or none at all.</summary>
    public static bool CannotListen(Exception exception) =>
        exception is System.Net.Sockets.SocketException or FormatException
        || exception is IOException { InnerException: Microsoft.AspNetCore.Connections.AddressInUseException or System.Net.Sockets.SocketException };

    private static List<string> WrongSettings(Exception exception) => exception switch
    {
        // Where several sections are wrong.
        AggregateException several => [.. several.InnerExceptions.SelectMany(WrongSettings)],
        OptionsValidationException wrong => [.. wrong.Failures],
        InvalidOperationException unreadable when IsOfTheBinder(unreadable) => [Plain(unreadable.Message)],
        _ => [],
    };

    /// <summary>The binder names its own option and a class, and not how a time is written.</summary>
    private static string Plain(string message)
    {
        const string unknown = "properties were not found on the instance of ";
        var start = message.IndexOf(unknown, StringComparison.Ordinal);
        if (start < 0) return message.Contains("System.TimeSpan", StringComparison.Ordinal) ? message + " Write it as hours:minutes:seconds, like 00:10:00." : message;
        var (type, names) = message[(start + unknown.Length)..].Split(": ", 2) is [var left, var right] ? (left, right) : ("", message);
        return $"{names}: there is no such setting in {type.Split('.')[^1].Replace("Options", "", StringComparison.Ordinal)}. See appsettings.json for those there are.";
    }

    private static bool IsOfTheBinder(InvalidOperationException exception) =>
        exception.Source?.StartsWith("Microsoft.Extensions.Configuration", StringComparison.Ordinal) == true
        || exception.StackTrace?.Contains("BindingExtensions", StringComparison.Ordinal) == true;
}
