using LlmGateway.FakeOpenAI;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.BrowserTests;

/// <summary><c>client.js</c> in a page: what its promises and loops end with.</summary>
public class ClientTests(Browser browser) : IClassFixture<Browser>
{
    /// <summary>What a failure is, in the words that a page can act on.</summary>
    private const string Told = "error => `${error.name} ${error.code} ${error.retryable} ${error.cause?.name}`";

    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(15);
    private static readonly string[] Words = ["one ", "two ", "three"];

    [BrowserFact]
    public async Task AStoppedReplyEndsItsLoop()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Pieces = Words, Gate = new FakeGate(2) };
        var page = await browser.OpenAsync(gateway.Address);

        var said = await page.EvaluateAsync<string>(
            """
            async () => {
              const { chat } = await import('/client.js');
              const reply = chat({ message: 'hi' });
              let text = '';
              for await (const delta of reply) if ((text += delta) === 'one two ') reply.stop();
              return `${text}${reply.stopped} ${reply.end}`;
            }
            """);

        Assert.Equal("one two true undefined", said);
        await gateway.Upstream.WaitForAsync(upstream => upstream.Aborted == 1, Soon);
        Assert.Equal(1, gateway.Upstream.Calls);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task AReplyIsIteratedOverOnce()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var page = await browser.OpenAsync(gateway.Address);

        var failure = await page.EvaluateAsync<string>(
            """
            async () => {
              const { chat } = await import('/client.js');
              const reply = chat({ message: 'hi' });
              const read = async () => { for await (const _ of reply); };
              await read();
              return read().then(() => 'read', error => `${error.name} ${error.message}`);
            }
            """);

        Assert.Equal("TypeError A reply is iterated over once: call chat() for another one.", failure);
        Assert.Equal(1, gateway.Upstream.Calls);
        await page.Context.CloseAsync();
    }

    /// <summary>As in Node. It is said before a ticket is asked for.</summary>
    [BrowserFact]
    public async Task WhereThereIsNoEventSourceItSaysSo()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var page = await browser.OpenAsync(gateway.Address);

        var failure = await page.EvaluateAsync<string>(
            """
            async () => {
              const { chatEvents } = await import('/client.js');
              try { chatEvents({ message: 'hi' }, { EventSource: null }); } catch (error) { return `${error.name} ${error.message.slice(0, 28)}`; }
            }
            """);

        Assert.Equal("TypeError There is no EventSource here", failure);
        Assert.DoesNotContain("/chat-stream/tickets", gateway.Log.Text, StringComparison.Ordinal);
        await page.Context.CloseAsync();
    }

    /// <summary>Nobody listens there; or a gateway that does not know the page, of which the browser says no more.</summary>
    [BrowserTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AGatewayThatCannotBeReadIsANamedError(bool isThere)
    {
        await using var app = await BlankPage.StartAsync();
        await using var gateway = await GatewayHost.StartAsync("Cors:Origins:0=" + app.Address.GetLeftPart(UriPartial.Authority));
        await using var other = await GatewayHost.StartAsync();
        var address = other.Address.ToString();
        if (!isThere) await other.StopAsync();
        var page = await browser.OpenAsync(app.Address);

        var failures = await page.EvaluateAsync<string[]>(
            $$"""
            async ([client, baseUrl]) => {
              const { createClient } = await import(client);
              const { summarize, chat, chatEvents } = createClient({ baseUrl });
              const told = {{Told}};
              const read = async reply => { for await (const _ of reply); };
              return Promise.all([summarize({ text: 'hi' }), read(chat({ message: 'hi' })), chatEvents({ message: 'hi' }).done].map(call => call.then(() => 'read', told)));
            }
            """,
            new[] { new Uri(gateway.Address, "/client.js").ToString(), address });

        Assert.Equal(Enumerable.Repeat("GatewayError network_error true TypeError", 3), failures);
        Assert.Equal(0, other.Upstream.Calls);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task AReplyThatBreaksOffIsANamedError()
    {
        await using var gateway = await GatewayHost.StartAsync();
        gateway.Upstream.Script = new FakeScript { Pieces = [.. Enumerable.Repeat("word ", 200)], Delay = TimeSpan.FromMilliseconds(5) };
        await using var proxy = new TcpProxy(gateway.Address, _ => new Cut(1500));
        var page = await browser.OpenAsync(proxy.Address);

        var failure = await page.EvaluateAsync<string>(
            $$"""
            async () => {
              const { chat } = await import('/client.js');
              const told = {{Told}};
              try {
                for await (const _ of chat({ message: 'hi' }, { fresh: true }));
              } catch (error) {
                return told(error);
              }
            }
            """);

        Assert.Equal("GatewayError connection_lost true TypeError", failure);
        await page.Context.CloseAsync();
    }

    /// <summary>It is the caller's own mistake, and no connection's.</summary>
    [BrowserFact]
    public async Task AHeaderThatIsNoneStaysATypeError()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var page = await browser.OpenAsync(gateway.Address);

        var name = await page.EvaluateAsync<string>(
            "import('/client.js').then(({ createClient }) => createClient({ headers: { 'no header': 'a' } }).summarize({ text: 'hi' })).catch(error => error.name)");

        Assert.Equal("TypeError", name);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task APageOfAConfiguredOriginMayNameItsRequests()
    {
        await using var app = await BlankPage.StartAsync();
        await using var gateway = await GatewayHost.StartAsync("Cors:Origins:0=" + app.Address.GetLeftPart(UriPartial.Authority));
        var page = await browser.OpenAsync(app.Address);

        var id = await page.EvaluateAsync<string>(
            "url => import(url).then(({ createClient }) => createClient({ headers: { 'x-request-id': 'my-own' } }).summarize({ text: 'hi' })).then(({ meta }) => meta.requestId)",
            new Uri(gateway.Address, "/client.js").ToString());

        Assert.Equal("my-own", id);
        await page.Context.CloseAsync();
    }
}
