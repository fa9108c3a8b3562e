using System.Text;
using LlmGateway.Endpoints;

namespace LlmGateway.Tests.Endpoints;

public class ParsedBodiesTests
{
    private int _parsed;

    [Fact]
    public void WhatComesAgainIsParsedTwiceAtMost()
    {
        var bodies = new ParsedBodies<string>();
        var texts = Enumerable.Range(0, 5).Select(_ => Get(bodies, "one")).ToList();
        Assert.All(texts, text => Assert.Equal("ONE", text));
        Assert.Equal(2, _parsed);
        Assert.Same(texts[1], texts[4]);
    }

    [Fact]
    public void OnlyWhatIsKeptIsFound()
    {
        var bodies = new ParsedBodies<string>();
        Get(bodies, "one");
        Assert.Null(bodies.Find("one"u8));
        var kept = Get(bodies, "one");
        Assert.Same(kept, bodies.Find("one"u8));
        Assert.Null(bodies.Find("One"u8));
        Assert.Null(bodies.Find("on"u8));
        Assert.Null(bodies.Find(new byte[4097]));
        Assert.Equal(2, _parsed);
    }

    [Fact]
    public void ABodyIsKnownAsItCame()
    {
        var bodies = new ParsedBodies<string>();
        for (var i = 0; i < 3; i++)
        {
            // Parsing has changed it, and the memory it came in is used again.
            var body = "one"u8.ToArray();
            Assert.Equal("ONE", bodies.Get(body, Upper));
            body.AsSpan().Fill((byte)'x');
        }
        Assert.Equal(2, _parsed);
    }

    [Fact]
    public void WhatIsLongIsParsedEachTime()
    {
        var bodies = new ParsedBodies<string>();
        var body = new string('a', 4097);
        for (var i = 0; i < 3; i++)
            Assert.Equal(body.ToUpperInvariant(), Get(bodies, body));
        Assert.Equal(3, _parsed);
    }

    /// <summary>Far more than there are places, so that nearly each of them takes another one's.</summary>
    [Fact]
    public void NoneIsTakenForAnother()
    {
        var bodies = new ParsedBodies<string>();
        var random = new Random(20261123);
        Parallel.For(0, 8, _ =>
        {
            for (var i = 0; i < 5000; i++)
            {
                int number;
                lock (random) number = random.Next(2000);
                Assert.Equal($"TEXT {number}", Get(bodies, $"text {number}"));
                Assert.Equal($"TEXT {number}", Get(bodies, $"text {number}"));
            }
        });
    }

    [Fact]
    public void WhatCannotBeParsedIsNotKept()
    {
        var bodies = new ParsedBodies<string>();
        for (var i = 0; i < 3; i++)
            Assert.Throws<FormatException>(() => bodies.Get("one"u8.ToArray(), _ => throw new FormatException()));
        Assert.Equal("ONE", Get(bodies, "one"));
    }

    private string Get(ParsedBodies<string> bodies, string text) => bodies.Get(Encoding.UTF8.GetBytes(text), Upper);

    private string Upper(Span<byte> body)
    {
        Interlocked.Increment(ref _parsed);
        var text = Encoding.UTF8.GetString(body).ToUpperInvariant();
        body.Clear();
        return text;
    }
}
