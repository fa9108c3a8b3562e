using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Microsoft.Playwright;

namespace LlmGateway.BrowserTests;

/// <summary>The browser's own EventSource, used as naively as it can be, and over connections that break.</summary>
public class EventSourceTests(Browser browser) : IClassFixture<Browser>
{
    /// <summary>Shows what comes, and never closes its source: whether it comes back for more is for the gateway to decide.</summary>
    private const string Open =
        """
        url => {
          window.text = ''; window.events = []; window.opened = 0; window.errors = 0;
          window.source = new EventSource(url);
          source.onopen = () => window.opened++;
          source.onerror = () => window.errors++;
          source.onmessage = e => { window.events.push(e.data); if (e.data !== '[DONE]') window.text += JSON.parse(e.data).delta; };
        }
        """;

    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(15);

    /// <summary>More than a buffer's worth, with what breaks those who count bytes, units or lines.</summary>
    private static readonly string[] Pieces =
        [.. Enumerable.Range(0, 40).Select(i => (i % 5) switch { 0 => $"é日本{i} ", 1 => $"👩‍👧{i} ", 2 => $"data: {i}\n\nid: 9:9\n\n", 3 => $"\r\n\u2028\0{i}", _ => $"word{i} " })];

    [BrowserFact]
    public async Task AStreamThatHasEndedIsNotAskedForAgain()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Pieces = Pieces };
        var page = await browser.OpenAsync(gateway.Address);

        await page.EvaluateAsync(Open, "/chat-stream?message=hi");
        await page.UntilAsync("source.readyState === EventSource.CLOSED");
        // Long enough for ten reconnects, had it not been told to stop.
        await page.WaitForTimeoutAsync(10_000);

        Assert.Equal(string.Concat(Pieces), await page.EvaluateAsync<string>("text"));
        Assert.Equal("[DONE]", await page.EvaluateAsync<string>("events.at(-1)"));
        Assert.Equal(Pieces.Length + 2, await page.EvaluateAsync<int>("events.length"));
        Assert.Equal(1, gateway.Upstream.Calls);
        // The stream, and the one time that the browser came back.
        Assert.Equal(["200", "204"], Statuses(gateway, "/chat-stream"));
        await page.Context.CloseAsync();
    }

    /// <summary>Cut three times, at places that no frame knows of.</summary>
    [BrowserTheory]
    [InlineData("&resume=1")]
    [InlineData("&resume=1&fresh=1")]
    public async Task ALostConnectionLosesNothing(string more)
    {
        await using var gateway = await GatewayHost.StartAsync("Streaming:Retry=00:00:00.050");
        gateway.Upstream.Script = new FakeScript { Pieces = Pieces, Delay = TimeSpan.FromMilliseconds(20) };
        await using var proxy = new TcpProxy(gateway.Address, request => request.Number switch { 1 => new Cut(1500), 2 => new Cut(1337), 3 => new Cut(1201), _ => null });
        var page = await browser.OpenAsync(proxy.Address);

        await page.EvaluateAsync(Open, "/chat-stream?message=hi" + more);
        await page.UntilAsync("source.readyState === EventSource.CLOSED");

        Assert.Equal(string.Concat(Pieces), await page.EvaluateAsync<string>("text"));
        Assert.Equal(1, await page.EvaluateAsync<int>("events.filter(data => data.includes('finish_reason')).length"));
        // Four connections with a part each, and one that is told that this was all.
        Assert.Equal(5, proxy.Requests);
        Assert.Equal((1, 0), (gateway.Upstream.Calls, gateway.Upstream.Aborted));
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task ALostConnectionWithoutTheWishToResumeIsPaidForOnce()
    {
        await using var gateway = await GatewayHost.StartAsync("Streaming:Retry=00:00:00.050");
        // Behind the cut, and never opened: a model that is not stopped would speak for ever.
        gateway.Upstream.Script = new FakeScript { Pieces = Pieces, Delay = TimeSpan.FromMilliseconds(20), Gate = new FakeGate(35) };
        await using var proxy = new TcpProxy(gateway.Address, request => request.Number == 1 ? new Cut(1500) : null);
        var page = await browser.OpenAsync(proxy.Address);

        await page.EvaluateAsync(Open, "/chat-stream?message=hi");
        await page.UntilAsync("source.readyState === EventSource.CLOSED");

        Assert.StartsWith(await page.EvaluateAsync<string>("text"), string.Concat(Pieces), StringComparison.Ordinal);
        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, Soon);
        Assert.Equal(1, gateway.Upstream.Calls);
        await page.Context.CloseAsync();
    }

    /// <summary>
    /// A kept connection that dies under a new request, before a byte of the answer: browsers send such a request again at once, by
    /// themselves, and without a last id.
    /// </summary>
    [BrowserTheory]
    [InlineData("")]
    [InlineData("&fresh=1")]
    [InlineData("ticket")]
    public async Task ARequestThatTheBrowserSendsAgainByItselfIsPaidForOnce(string more)
    {
        await using var gateway = await GatewayHost.StartAsync();
        var gate = new FakeGate(FakeFault.Head);
        gateway.Upstream.Script = new FakeScript { Pieces = Pieces, Gate = gate };
        await using var proxy = new TcpProxy(gateway.Address, request => request.Number == 1 ? new Cut(0) { When = gate.Reached } : null);
        var page = await browser.OpenAsync(proxy.Address);
        var url = more == "ticket" ? await TicketAsync(page) : "/chat-stream?message=hi" + more;

        await page.EvaluateAsync(Open, url);
        await Until.TrueAsync(() => proxy.Requests == 2, Soon);
        gate.Open();
        await page.UntilAsync("source.readyState === EventSource.CLOSED");

        Assert.Equal(string.Concat(Pieces), await page.EvaluateAsync<string>("text"));
        // No error was seen: the page knows nothing of it.
        Assert.Equal((1, 0), (gateway.Upstream.Calls, gateway.Upstream.Aborted));
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task AClosedTabEndsTheCall()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var gate = new FakeGate(3);
        gateway.Upstream.Script = new FakeScript { Pieces = Pieces, Gate = gate };
        var page = await browser.OpenAsync(gateway.Address);
        await page.EvaluateAsync(Open, "/chat-stream?message=hi");
        await page.UntilAsync("events.length === 3");

        await page.CloseAsync();

        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, Soon);
        Assert.Equal(1, gateway.Upstream.Calls);
        await page.Context.CloseAsync();
    }

    /// <summary>With a grace that outlasts the test: only the stop itself can end the call.</summary>
    [BrowserFact]
    public async Task AStopBeforeTheFirstTokenEndsTheCall()
    {
        await using var gateway = await GatewayHost.StartAsync("Streaming:OpenAfter=00:00:00.050", "Streaming:ResumeGrace=00:05:00");
        var gate = new FakeGate(0);
        gateway.Upstream.Script = new FakeScript { Pieces = Pieces, Gate = gate };
        var page = await browser.OpenAsync(gateway.Address);
        await page.EvaluateAsync("import('/client.js').then(({ chatEvents }) => { window.reply = chatEvents({ message: 'hi' }); })");
        await page.UntilAsync("window.reply?.streamId");

        var end = await page.EvaluateAsync<string>("reply.stop(), reply.done.then(({ text, stopped }) => `${text}${stopped}`)");

        Assert.Equal("true", end);
        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, Soon);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task ATicketIsGoodForOneStream()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Pieces = Pieces };
        var page = await browser.OpenAsync(gateway.Address);
        var url = await TicketAsync(page);

        await page.EvaluateAsync(Open, url);
        await page.UntilAsync("source.readyState === EventSource.CLOSED");
        Assert.Equal(string.Concat(Pieces), await page.EvaluateAsync<string>("text"));
        await page.EvaluateAsync(Open, url);
        await page.UntilAsync("source.readyState === EventSource.CLOSED");

        Assert.Equal((0, 0, 1), (await page.EvaluateAsync<int>("opened"), await page.EvaluateAsync<int>("events.length"), await page.EvaluateAsync<int>("errors")));
        Assert.Equal(1, gateway.Upstream.Calls);
        Assert.Equal(["200", "204", "410"], Statuses(gateway, "/chat-stream").Order());
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task ATicketThatHasExpiredOpensNothing()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var gateway = await GatewayHost.StartAsync(builder => builder.Services.AddSingleton<TimeProvider>(time));
        var page = await browser.OpenAsync(gateway.Address);
        var url = await TicketAsync(page);

        time.Advance(TimeSpan.FromSeconds(61));
        await page.EvaluateAsync(Open, url);
        await page.UntilAsync("source.readyState === EventSource.CLOSED");

        Assert.Equal(0, await page.EvaluateAsync<int>("opened"));
        Assert.Equal(0, gateway.Upstream.Calls);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task APageOfAForeignOriginIsNotPaidFor()
    {
        await using var foreign = await BlankPage.StartAsync();
        await using var gateway = await GatewayHost.StartAsync("Cors:Origins:0=https://app.example.com");
        var page = await browser.OpenAsync(foreign.Address);
        var streamed = new Uri(gateway.Address, "/chat-stream?message=hi").ToString();

        await page.EvaluateAsync(Open, streamed);
        await page.UntilAsync("source.readyState === EventSource.CLOSED");
        var posted = await page.EvaluateAsync<string>(
            "url => fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{\"message\":\"hi\"}' }).then(() => 'read', () => 'hidden')", streamed);
        await page.EvaluateAsync("url => new Promise(done => Object.assign(new Image(), { onerror: done, src: url }))", streamed);
        var module = await page.EvaluateAsync<string>("url => import(url).then(() => 'read', () => 'hidden')", new Uri(gateway.Address, "/client.js").ToString());

        Assert.Equal((0, "hidden", "hidden"), (await page.EvaluateAsync<int>("opened"), posted, module));
        Assert.Equal(0, gateway.Upstream.Calls);
        Assert.Equal(["403", "403"], Statuses(gateway, "/chat-stream").Take(2));
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task APageOfAConfiguredOriginHasEverything()
    {
        await using var app = await BlankPage.StartAsync();
        await using var gateway = await GatewayHost.StartAsync("Cors:Origins:0=" + app.Address.GetLeftPart(UriPartial.Authority), "Streaming:Retry=00:00:00.050");
        gateway.Upstream.Script = new FakeScript { Pieces = Pieces, Delay = TimeSpan.FromMilliseconds(10) };
        await using var proxy = new TcpProxy(gateway.Address, request => request.Number == 1 ? new Cut(2000) : null);
        var page = await browser.OpenAsync(app.Address);

        var summary = await page.EvaluateAsync<string>(
            "async url => { const { summarize } = await import(url); const answer = await summarize({ text: 'hello' }); return `${answer.meta.cache} ${answer.meta.requestId.length} ${answer.meta.attempts}`; }",
            new Uri(gateway.Address, "/client.js").ToString());
        var text = await page.EvaluateAsync<string>(
            "async url => { const { chatEvents } = await import(url); return (await chatEvents({ message: 'hi' }).done).text; }", new Uri(proxy.Address, "/client.js").ToString());
        var credentials = await page.EvaluateAsync<int>(
            "url => fetch(url, { credentials: 'include' }).then(response => response.status)", new Uri(gateway.Address, "/health/live").ToString());

        Assert.Equal(("MISS 24 1", 200), (summary, credentials));
        Assert.Equal(string.Concat(Pieces), text);
        Assert.Equal(2, gateway.Upstream.Calls);
        await page.Context.CloseAsync();
    }

    private static Task<string> TicketAsync(IPage page) => page.EvaluateAsync<string>(
        "fetch('/chat-stream/tickets', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{\"message\":\"hi\"}' }).then(r => r.json()).then(t => t.url)");

    private static IReadOnlyList<string> Statuses(GatewayHost gateway, string route) =>
        [.. gateway.Log.Of("Request").Where(logged => logged.Properties.GetValueOrDefault("Route")?.ToString() == $"\"{route}\"").Select(logged => logged.Properties["Status"].ToString())];
}
