using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;
using Microsoft.Playwright;

namespace LlmGateway.BrowserTests;

/// <summary>The page at the gateway's own address, by keyboard alone. What it looks like is kept in screenshots beside the tests.</summary>
public class PlaygroundTests(Browser browser) : IClassFixture<Browser>
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(15);

    public static TheoryData<string, int, string> Looks => new()
    {
        { "light", 1280, "light" },
        { "dark", 1280, "dark" },
        { "phone-light", 390, "light" },
        { "phone-dark", 390, "dark" },
    };

    [BrowserTheory]
    [MemberData(nameof(Looks))]
    public async Task ItsThreeToolsAreUsedByKeyboard(string name, int width, string scheme)
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.OnRequest = request => request.Body.Contains("stream\":true", StringComparison.Ordinal)
            ? new FakeScript { Text = "Red, green and blue: three colours that make all others on a screen.", Delay = TimeSpan.FromMilliseconds(5) }
            : new FakeScript { Text = "The city has a second tram line. It is twice as fast as the bus.", Confidence = 0.87 };
        var page = await OpenAsync(gateway.Address, width, scheme);

        await page.Keyboard.PressAsync("Tab");
        Assert.Equal("Skip to the tool", await FocusedAsync(page));
        await TabToAsync(page, "Summarize");
        await TabToAsync(page, "textarea#summarize-text");
        await page.Keyboard.PressAsync("Control+Enter");
        await page.WaitForSelectorAsync("#summarize .facts dd");
        Assert.Equal("The city has a second tram line. It is twice as fast as the bus.", await page.InnerTextAsync("#summarize .text"));
        Assert.Equal("MISS", await FactAsync(page, "summarize", "Cache"));
        Assert.StartsWith("$0.0000", await FactAsync(page, "summarize", "Cost"), StringComparison.Ordinal);
        await ShootAsync(page, name + "-summarize");

        await BackToTabsAsync(page);
        await page.Keyboard.PressAsync("ArrowRight");
        await TabToAsync(page, "textarea#chat-message");
        await page.Keyboard.PressAsync("Control+Enter");
        await page.WaitForSelectorAsync("#chat .facts dd");
        Assert.Equal("Red, green and blue: three colours that make all others on a screen.", await page.InnerTextAsync("#chat .assistant"));
        Assert.Equal("complete", await page.InnerTextAsync("#chat-state"));
        Assert.Matches("^[0-9]+ ms|[0-9.]+ s", await FactAsync(page, "chat", "First token"));
        // The focus is back in the message: the conversation goes on.
        await page.Keyboard.TypeAsync("And yellow?");
        await page.Keyboard.PressAsync("Control+Enter");
        await page.UntilAsync("document.querySelectorAll('#chat .assistant').length === 2 && document.querySelector('#chat .facts dd')");
        Assert.Equal(3, gateway.Upstream.Requests[^1].Json.GetProperty("messages").GetArrayLength());
        await ShootAsync(page, name + "-chat");

        await BackToTabsAsync(page);
        await page.Keyboard.PressAsync("End");
        await TabToAsync(page, "textarea#classify-text");
        await page.Keyboard.PressAsync("Control+Enter");
        await page.WaitForSelectorAsync("#classify .facts dd");
        Assert.Equal("delivery", await page.InnerTextAsync("#classify .text"));
        Assert.Equal("87", await page.GetAttributeAsync("#classify [role=meter]", "aria-valuenow"));
        await page.WaitForTimeoutAsync(600);
        await ShootAsync(page, name + "-classify");

        // Nothing has to be scrolled sideways, and nothing was blocked or broken.
        Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"));
        Assert.Empty(_complaints);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task CopiesWhatWasDone()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var page = await OpenAsync(gateway.Address, 1280, "light");
        await page.FillAsync("#summarize-text", "It's a \"text\".");
        await page.ClickAsync("#summarize .primary");
        await page.WaitForSelectorAsync("#summarize .facts dd");

        await page.ClickAsync("text=Copy as curl");
        Assert.Equal(
            $$"""curl '{{gateway.Address}}summarize' -H 'content-type: application/json' -d '{"text":"It'\''s a \"text\"."}'""",
            await page.EvaluateAsync<string>("navigator.clipboard.readText()"));
        await page.ClickAsync("text=Copy as JavaScript");
        var script = await page.EvaluateAsync<string>("navigator.clipboard.readText()");
        Assert.StartsWith($"import {{ summarize }} from '{gateway.Address}client.js';", script, StringComparison.Ordinal);
        Assert.Empty(_complaints);
        await page.Context.CloseAsync();
    }

    [BrowserTheory]
    [InlineData("events")]
    [InlineData("fetch")]
    public async Task StopsAReply(string transport)
    {
        await using var gateway = await GatewayHost.StartAsync();
        var gate = new FakeGate(2);
        gateway.Upstream.Script = new FakeScript { Pieces = ["one ", "two ", "three"], Gate = gate };
        var page = await OpenAsync(new Uri(gateway.Address, "#chat"), 1280, "light");
        await page.ClickAsync("#chat details summary");
        await page.SelectOptionAsync("#chat-transport", transport);
        await page.ClickAsync("#chat .primary");
        await page.UntilAsync("document.querySelector('#chat .assistant')?.textContent === 'one two '");

        await page.ClickAsync("#chat-stop");

        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, Soon);
        await page.UntilAsync("document.getElementById('chat-state').textContent === 'stopped'");
        Assert.Equal(1, gateway.Upstream.Calls);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task ShowsThatItReconnectsAndLosesNothing()
    {
        await using var gateway = await GatewayHost.StartAsync("Streaming:Retry=00:00:00.500");
        gateway.Upstream.Script = new FakeScript { Tokens = 60, Delay = TimeSpan.FromMilliseconds(25) };
        await using var proxy = new TcpProxy(gateway.Address, request => request.Number == 1 ? new Cut(2000) : null);
        var page = await OpenAsync(new Uri(proxy.Address, "#chat"), 1280, "light");

        await page.ClickAsync("#chat .primary");
        await page.WaitForSelectorAsync("#chat-state[data-state=reconnecting]");
        await ShootAsync(page, "reconnecting");
        await page.WaitForSelectorAsync("#chat-state[data-state=done]");

        var whole = await page.EvaluateAsync<string>(
            "import('/client.js').then(async ({ chat }) => { let text = ''; for await (const delta of chat({ messages: [{ role: 'user', content: 'Name three colours' }] })) text += delta; return text; })");
        Assert.Equal(whole, await page.EvaluateAsync<string>("document.querySelector('#chat .assistant').textContent"));
        Assert.StartsWith("1", await FactAsync(page, "chat", "Reconnects"), StringComparison.Ordinal);
        Assert.Equal(1, gateway.Upstream.Calls);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task SaysWhatWentWrong()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Status = 401 };
        var page = await OpenAsync(gateway.Address, 390, "light");

        await page.ClickAsync("#summarize .primary");
        Assert.Contains("upstream_auth", await page.InnerTextAsync("#summarize [role=alert]"), StringComparison.Ordinal);
        await page.ClickAsync("#theme");
        Assert.Equal("dark", await page.GetAttributeAsync("html", "data-theme"));
        await ShootAsync(page, "error");
        await page.Context.CloseAsync();
    }

    /// <summary>There the conversation is below the form, and grows out of the window.</summary>
    [BrowserFact]
    public async Task FollowsTheReplyOnAPhone()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var page = await OpenAsync(new Uri(gateway.Address, "#chat"), 390, "light");
        for (var i = 1; i <= 3; i++)
        {
            gateway.Upstream.Script = new FakeScript { Pieces = [.. Enumerable.Repeat($"line {i}\n", 20)] };
            await page.FillAsync("#chat-message", $"question {i}");
            await page.ClickAsync("#chat .primary");
            await page.UntilAsync($"document.querySelectorAll('#chat .assistant').length === {i} && document.getElementById('chat-state').textContent === 'complete'");
            var bottom = await page.EvaluateAsync<double>("document.querySelector('#chat-log').lastElementChild.getBoundingClientRect().bottom");
            Assert.InRange(bottom, 0, 841);
        }
        Assert.Equal("chat-message", await page.EvaluateAsync<string>("document.activeElement.id"));
        await page.Context.CloseAsync();
    }

    /// <summary>Whoever scrolls up reads there, while the reply goes on.</summary>
    [BrowserFact]
    public async Task LeavesWhoeverScrollsUpWhereTheyAre()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var gate = new FakeGate(1);
        gateway.Upstream.Script = new FakeScript { Pieces = [string.Concat(Enumerable.Repeat("line\n", 60)), "the end"], Gate = gate };
        var page = await OpenAsync(new Uri(gateway.Address, "#chat"), 390, "light");
        await page.ClickAsync("#chat .primary");
        await page.UntilAsync("document.querySelector('#chat .assistant')?.textContent.length === 300");
        await page.EvaluateAsync("scrollTo(0, 0)");

        gate.Open();

        await page.UntilAsync("document.getElementById('chat-state').textContent === 'complete'");
        Assert.Equal(0, await page.EvaluateAsync<int>("scrollY"));
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task SendsNothingButSpaceToNobody()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var page = await OpenAsync(new Uri(gateway.Address, "#chat"), 1280, "light");
        await page.FillAsync("#chat-message", "   ");
        await page.ClickAsync("#chat .primary");
        Assert.False(await page.EvaluateAsync<bool>("document.getElementById('chat-message').validity.valid"));
        Assert.Equal(0, await page.EvaluateAsync<int>("document.querySelectorAll('#chat-log li').length"));

        await page.FillAsync("#chat-message", "hi");
        await page.ClickAsync("#chat .primary");
        await page.UntilAsync("document.getElementById('chat-state').textContent === 'complete'");
        Assert.Equal(1, gateway.Upstream.Calls);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task ANewConversationBeginsEmptyWhateverIsStillWritten()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Pieces = ["one ", "two"], Gate = new FakeGate(1) };
        var page = await OpenAsync(new Uri(gateway.Address, "#chat"), 1280, "light");
        await page.ClickAsync("#chat .primary");
        await page.UntilAsync("document.querySelector('#chat .assistant')?.textContent === 'one '");
        await page.ClickAsync("#chat-clear");
        await page.UntilAsync("!document.querySelector('#chat .primary').disabled");
        gateway.Upstream.Script = new FakeScript { Pieces = ["yes"] };

        await page.FillAsync("#chat-message", "hi");
        await page.ClickAsync("#chat .primary");

        await page.UntilAsync("document.querySelector('#chat .assistant')?.textContent === 'yes'");
        Assert.DoesNotContain("one", gateway.Upstream.Requests[^1].Body, StringComparison.Ordinal);
        Assert.Empty(_complaints);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task AQuestionThatNobodyAnsweredCanBeAskedAgain()
    {
        await using var gateway = await GatewayHost.StartAsync("Llm:Resilience:MaxRetries=0");
        gateway.Upstream.Script = new FakeScript { Status = 500 };
        var page = await OpenAsync(new Uri(gateway.Address, "#chat"), 1280, "light");
        await page.FillAsync("#chat-message", "hi");
        await page.ClickAsync("#chat .primary");
        await page.UntilAsync("document.getElementById('chat-state').textContent === 'failed'");
        Assert.Equal("hi", await page.InputValueAsync("#chat-message"));
        Assert.Equal(0, await page.EvaluateAsync<int>("document.querySelectorAll('#chat-log li').length"));

        gateway.Upstream.Script = new FakeScript { Pieces = ["yes"] };
        await page.ClickAsync("#chat .primary");
        await page.UntilAsync("document.querySelector('#chat .assistant')?.textContent === 'yes'");
        await page.Context.CloseAsync();
    }

    private readonly List<string> _complaints = [];

    private async Task<IPage> OpenAsync(Uri address, int width, string scheme)
    {
        var page = await browser.OpenAsync(address, new BrowserNewContextOptions
        {
            ViewportSize = new ViewportSize { Width = width, Height = 840 },
            ColorScheme = scheme == "dark" ? ColorScheme.Dark : ColorScheme.Light,
            Permissions = ["clipboard-read", "clipboard-write"],
        });
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning") _complaints.Add(message.Text);
        };
        page.PageError += (_, error) => _complaints.Add(error);
        return page;
    }

    private static Task<string> FocusedAsync(IPage page) =>
        page.EvaluateAsync<string>("document.activeElement.id ? `${document.activeElement.tagName.toLowerCase()}#${document.activeElement.id}` : document.activeElement.textContent");

    /// <summary>By Tab alone, as somebody without a mouse gets there.</summary>
    private static async Task TabToAsync(IPage page, string what)
    {
        for (var i = 0; i < 20; i++)
        {
            if (await FocusedAsync(page) == what || (what == "Summarize" && await FocusedAsync(page) == "button#tab-summarize")) return;
            await page.Keyboard.PressAsync("Tab");
        }
        Assert.Fail($"Tab does not get to {what}.");
    }

    private static async Task BackToTabsAsync(IPage page)
    {
        for (var i = 0; i < 20; i++)
        {
            if ((await FocusedAsync(page)).StartsWith("button#tab-", StringComparison.Ordinal)) return;
            await page.Keyboard.PressAsync("Shift+Tab");
        }
        Assert.Fail("Shift and Tab do not get back to the tabs.");
    }

    private static Task<string> FactAsync(IPage page, string panel, string name) => page.EvaluateAsync<string>(
        "([panel, name]) => [...document.querySelectorAll(`#${panel} .facts div`)].find(fact => fact.firstChild.textContent === name)?.lastChild.firstChild.textContent ?? ''",
        new[] { panel, name });

    private static async Task ShootAsync(IPage page, string name) =>
        await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(AppContext.BaseDirectory, "screenshots", name + ".png"), FullPage = true });
}
