using System.Diagnostics;
using Microsoft.Playwright;

namespace LlmGateway.BrowserTests;

/// <summary>Runs where a Chromium is installed; elsewhere it is skipped, but for CI, where that would hide something.</summary>
public sealed class BrowserFactAttribute : FactAttribute
{
    public BrowserFactAttribute()
    {
        if (Browser.Path is null && Environment.GetEnvironmentVariable("CI") != "true") Skip = "There is no chromium on the path.";
    }
}

/// <inheritdoc cref="BrowserFactAttribute"/>
public sealed class BrowserTheoryAttribute : TheoryAttribute
{
    public BrowserTheoryAttribute() => Skip = new BrowserFactAttribute().Skip;
}

/// <summary>One Chromium for the tests of a class; each of them has a context, and so a cache and connections, of its own.</summary>
public sealed class Browser : IAsyncLifetime
{
    private static readonly string[] Arguments =
    [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ];

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public static string? Path { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(System.IO.Path.PathSeparator).Select(folder => System.IO.Path.Combine(folder, "chromium")).FirstOrDefault(File.Exists);

    public async Task InitializeAsync()
    {
        if (Path is null && Environment.GetEnvironmentVariable("CI") != "true") return;
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = Path ?? "chromium", Args = Arguments });
    }

    /// <summary>An empty page of the given address, to be closed by its test.</summary>
    public async Task<IPage> OpenAsync(Uri address, BrowserNewContextOptions? options = null)
    {
        var context = await _browser!.NewContextAsync(options);
        context.SetDefaultTimeout(20_000);
        var page = await context.NewPageAsync();
        await page.GotoAsync(address.ToString());
        return page;
    }

    public async Task DisposeAsync()
    {
        if (_browser is not null) await _browser.DisposeAsync();
        _playwright?.Dispose();
    }
}

internal static class PageExtensions
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Waits until an expression holds. Playwright's own way evaluates it inside the page, which the page's policy forbids.</summary>
    public static async Task UntilAsync(this IPage page, string expression)
    {
        var started = Stopwatch.GetTimestamp();
        while (!await page.EvaluateAsync<bool>($"Boolean({expression})"))
        {
            if (Stopwatch.GetElapsedTime(started) > Patience) throw new TimeoutException($"Not within {Patience}: {expression}");
            await Task.Delay(20);
        }
    }
}
