using System.IO.Compression;
using System.Net;
using System.Text;
using LlmGateway.Tests.Hosts;

namespace LlmGateway.Tests.Endpoints;

/// <summary>Nothing that a caller sends makes the gateway fail, or costs an upstream call before it is known to be right.</summary>
public class BadInputTests(SharedGateway shared) : IClassFixture<SharedGateway>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static readonly string[] Paths = ["/summarize", "/classify", "/chat", "/chat-stream"];

    /// <summary>Each wrong value that a field may have, by the field; in JSON.</summary>
    private static readonly IReadOnlyDictionary<string, string[]> WrongValues = new Dictionary<string, string[]>
    {
        ["/summarize text"] = ["null", "\"\"", "\"  \\n\"", "1", "true", "[]", "{}", "[\"a\"]", "1e999"],
        ["/summarize max_tokens"] = ["0", "-1", "1001", "1.5", "\"5\"", "true", "[]", "{}", "2147483648", "1e999", "-1e999"],
        ["/summarize model"] = ["1", "true", "[]", "{}"],
        ["/classify text"] = ["null", "\"\"", "\"\\u00a0\"", "1", "false", "[]", "{}"],
        ["/classify model"] = ["1", "true", "[]", "{}"],
        ["/classify categories"] =
        [
            "[]", "[\"one\"]", "{}", "\"a,b\"", "5", $"[{string.Join(',', Enumerable.Range(0, 101).Select(i => $"\"c{i}\""))}]",
        ],
        ["/classify categories[1]"] =
        [
            "[\"a\",null]", "[\"a\",1]", "[\"a\",true]", "[\"a\",[]]", "[\"a\",{\"name\":1}]", "[\"a\",{\"name\":[]}]", "[\"a\",{\"name\":\"b\",\"description\":1}]",
        ],
        ["/classify categories[1].name"] =
        [
            "[\"a\",\"a\"]", "[\"a\",\"\"]", "[\"a\",\" \"]", "[\"a\",{}]", "[\"a\",{\"name\":null}]", "[\"a\",{\"description\":\"d\"}]",
            "[\"a\",\"line\\nbreak\"]", "[\"a\",\"nul\\u0000\"]", $"[\"a\",\"{new string('b', 101)}\"]",
        ],
        ["/classify categories[1].description"] = [$"[\"a\",{{\"name\":\"b\",\"description\":\"{new string('c', 1001)}\"}}]"],
        ["/chat message"] = ["null", "\"\"", "\" \"", "1", "true", "[]", "{}"],
        ["/chat system"] = ["1", "true", "[]", "{}"],
        ["/chat model"] = ["1", "true", "[]", "{}"],
        ["/chat max_tokens"] = ["0", "-1", "4097", "1.5", "\"5\"", "1e999", "9223372036854775808"],
        ["/chat temperature"] = ["-0.1", "2.1", "\"1\"", "true", "[]", "1e999", "-1e999"],
        ["/chat messages"] = ["[]", "{}", "\"hi\"", "1", "true", $"[{string.Join(',', Enumerable.Repeat("""{"role":"user","content":"a"}""", 1001))}]", """[{"role":"system","content":"a"}]"""],
        ["/chat messages[0].role"] =
        [
            """[{"content":"a"}]""", """[{"role":null,"content":"a"}]""",
            """[{"role":"robot","content":"a"}]""", """[{"role":"User","content":"a"}]""", """[{"role":1,"content":"a"}]""", """[{"role":"","content":"a"}]""",
            """[{"role":"tool","content":"a"}]""", """[{"role":["user"],"content":"a"}]""", """[{"role":{},"content":"a"}]""",
        ],
        ["/chat messages[0].content"] =
        [
            """[{"role":"user","content":1}]""", """[{"role":"user","content":[]}]""", """[{"role":"user","content":[{"type":"text","text":"a"}]}]""",
            """[{"role":"user"}]""", """[{"role":"user","content":null}]""", """[{"role":"user","content":""}]""", """[{"role":"user","content":"\t"}]""",
        ],
        ["/chat messages[0]"] = ["[1]", "[[]]", "[\"a\"]", """[{"role":"user","secret.name":[tru""", """[{"role":"user","secret":{"name":tru"""],
        ["/chat messages[1].role"] = ["""[{"role":"user","content":"a"},{"role":"system","content":"b"},{"role":"user","content":"c"}]"""],
    };

    /// <summary>Bodies that are no object of the contract, whatever they are sent to.</summary>
    private static readonly IReadOnlyDictionary<string, byte[]> Malformed = new Dictionary<string, byte[]>
    {
        ["nothing"] = [],
        ["blanks"] = "  \r\n\t "u8.ToArray(),
        ["null"] = "null"u8.ToArray(),
        ["an array"] = "[]"u8.ToArray(),
        ["an array of objects"] = """[{"text":"a","message":"a"}]"""u8.ToArray(),
        ["a string"] = "\"text\""u8.ToArray(),
        ["a number"] = "1"u8.ToArray(),
        ["NaN"] = "NaN"u8.ToArray(),
        ["true"] = "true"u8.ToArray(),
        ["an empty object"] = "{}"u8.ToArray(),
        ["an open object"] = "{"u8.ToArray(),
        ["a cut string"] = """{"text":"a"""u8.ToArray(),
        ["a cut escape"] = """{"text":"a\u12"""u8.ToArray(),
        ["a cut surrogate"] = """{"text":"a\ud8"""u8.ToArray(),
        ["a cut pair"] = """{"text":"a\ud83d\"""u8.ToArray(),
        ["a bad escape"] = """{"text":"\x41","message":"\x41"}"""u8.ToArray(),
        ["a line break in a string"] = "{\"text\":\"a\nb\",\"message\":\"a\nb\"}"u8.ToArray(),
        ["a NUL"] = [.. """{"text":"a","message":"a"}"""u8, 0],
        ["two objects"] = """{"text":"a","message":"a"}{"text":"a","message":"a"}"""u8.ToArray(),
        ["something after it"] = """{"text":"a","message":"a"} x"""u8.ToArray(),
        ["a comma at the end"] = """{"text":"a","message":"a",}"""u8.ToArray(),
        ["a comment"] = """{"text":"a","message":"a"/* b */}"""u8.ToArray(),
        ["single quotes"] = "{'text':'a','message':'a'}"u8.ToArray(),
        ["no quotes"] = "{text:\"a\",message:\"a\"}"u8.ToArray(),
        ["NaN as a value"] = """{"text":"a","message":"a","max_tokens":NaN}"""u8.ToArray(),
        ["Infinity as a value"] = """{"text":"a","message":"a","temperature":Infinity,"max_tokens":Infinity}"""u8.ToArray(),
        ["a duplicate field"] = """{"text":"a","text":"b","message":"a","message":"b"}"""u8.ToArray(),
        ["an escaped duplicate field"] = """{"text":"a","\u0074ext":"b","message":"a","\u006dessage":"b"}"""u8.ToArray(),
        ["deep arrays"] = Encoding.UTF8.GetBytes(new string('[', 100_000)),
        ["deep objects"] = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("{\"a\":", 100_000))),
        ["depth in an unknown field"] = Encoding.UTF8.GetBytes($$"""{"text":"a","message":"a","x":{{new string('[', 500)}}{{new string(']', 500)}}}"""),
        ["depth in a known field"] = Encoding.UTF8.GetBytes($$"""{"text":{{new string('[', 500)}}{{new string(']', 500)}}}"""),
        ["UTF-16"] = Encoding.Unicode.GetBytes("""{"text":"a","message":"a"}"""),
        ["UTF-32"] = Encoding.UTF32.GetBytes("""{"text":"a","message":"a"}"""),
        ["two BOMs"] = [0xEF, 0xBB, 0xBF, 0xEF, 0xBB, 0xBF, .. """{"text":"a","message":"a"}"""u8],
        ["half a BOM"] = [0xEF, 0xBB, .. """{"text":"a","message":"a"}"""u8],
        ["a byte that is no UTF-8"] = [.. """{"text":"a"""u8, 0xFF, .. "\",\"message\":\"a"u8, 0xFF, .. "\"}"u8],
        ["a cut sequence"] = [.. """{"text":"a"""u8, 0xF0, 0x9F, .. "\",\"message\":\"a"u8, 0xF0, 0x9F, .. "\"}"u8],
        ["an overlong sequence"] = [.. """{"text":"a"""u8, 0xC0, 0x80, .. "\",\"message\":\"a"u8, 0xC0, 0x80, .. "\"}"u8],
        ["a surrogate in UTF-8"] = [.. """{"text":"a"""u8, 0xED, 0xA0, 0x80, .. "\",\"message\":\"a"u8, 0xED, 0xA0, 0x80, .. "\"}"u8],
        ["bad UTF-8 and an escape"] = [.. """{"text":"\n"""u8, 0xFF, .. "\",\"message\":\"\\n"u8, 0xFF, .. "\"}"u8],
        ["random bytes"] = Noise(5000),
        ["gzip that nobody announced"] = Compress("""{"text":"a","message":"a"}"""u8.ToArray(), stream => new GZipStream(stream, CompressionLevel.Fastest)),
        ["a form"] = "text=a&message=a"u8.ToArray(),
    };

    private static readonly IReadOnlyDictionary<string, (string Encoding, byte[] Body, int Status)> Encoded = new Dictionary<string, (string, byte[], int)>
    {
        ["gzip"] = ("gzip", Compress(Good, stream => new GZipStream(stream, CompressionLevel.Optimal)), 200),
        ["GZIP"] = ("GZIP", Compress(Good, stream => new GZipStream(stream, CompressionLevel.Optimal)), 200),
        ["x-gzip"] = ("x-gzip", Compress(Good, stream => new GZipStream(stream, CompressionLevel.Optimal)), 200),
        ["br"] = ("br", Compress(Good, stream => new BrotliStream(stream, CompressionLevel.Optimal)), 200),
        ["deflate"] = ("deflate", Compress(Good, stream => new ZLibStream(stream, CompressionLevel.Optimal)), 200),
        ["identity"] = ("identity", Good, 200),
        ["corrupt gzip"] = ("gzip", Corrupt(Compress(Good, stream => new GZipStream(stream, CompressionLevel.Optimal))), 400),
        ["corrupt br"] = ("br", [0x5B, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x13], 400),
        ["corrupt deflate"] = ("deflate", [0x78, 0x9C, 0xFF, 0xFF, 0xFF, 0xFF], 400),
        ["cut gzip"] = ("gzip", Compress(Good, stream => new GZipStream(stream, CompressionLevel.Optimal))[..^12], 400),
        ["no gzip at all"] = ("gzip", Good, 400),
        ["empty gzip"] = ("gzip", [], 400),
        ["no br at all"] = ("br", Good, 400),
        ["zstd"] = ("zstd", Good, 415),
        ["unknown"] = ("bogus", Good, 415),
        ["two encodings"] = ("gzip, br", Good, 415),
    };

    private static byte[] Good => Encoding.UTF8.GetBytes($$"""{"text":"{{GatewayCalls.NewText()}}"}""");

    private readonly GatewayHost _gateway = shared.Gateway;

    public static TheoryData<string, string> EachWrongValue()
    {
        var data = new TheoryData<string, string>();
        foreach (var (field, values) in WrongValues)
        {
            foreach (var value in values)
                data.Add(field, value);
        }
        return data;
    }

    public static TheoryData<string, string> EachMalformedBody()
    {
        var data = new TheoryData<string, string>();
        foreach (var name in Malformed.Keys)
        {
            foreach (var path in Paths)
                data.Add(name, path);
        }
        return data;
    }

    public static TheoryData<string> EachEncoding() => [.. Encoded.Keys];

    [Theory]
    [MemberData(nameof(EachWrongValue))]
    public async Task NamesTheFieldThatIsWrong(string field, string value)
    {
        var (path, name) = (field.Split(' ')[0], field.Split(' ')[1]);
        var known = name.Split('[')[0];
        var body = (path, known) switch
        {
            (_, "text") => $$"""{"text":{{value}}}""",
            ("/chat", "message") => $$"""{"message":{{value}}}""",
            ("/chat", "messages") => $$"""{"messages":{{value}}}""",
            ("/chat", _) => $$"""{"message":"a","{{known}}":{{value}}}""",
            _ => $$"""{"text":"a","{{known}}":{{value}}}""",
        };
        _gateway.Upstream.Reset();

        using var response = await _gateway.PostAsync(path, body);

        var problem = await Problem.AssertAsync(response, 400, "invalid_request");
        Assert.Equal(name, Assert.Single(Problem.FieldsOf(problem)));
        Assert.NotEqual("", problem.GetProperty("errors").GetProperty(name)[0].GetString());
        Assert.StartsWith(name + ": ", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, _gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData("/summarize", "", "$", "The body is empty: send a JSON object.")]
    [InlineData("/summarize", """{"text":5}""", "text", "This field takes a text in quotes (line 1, byte 10).")]
    [InlineData("/summarize", """{"text":"a","max_tokens":"5"}""", "max_tokens", "This field takes a whole number, without quotes (line 1, byte 29).")]
    [InlineData("/summarize", """{"text":"a","text":"b"}""", "text", "This field is there twice (line 1, byte 20).")]
    [InlineData("/summarize", """{"text":"a""", "text", "The JSON is broken here (line 1, byte 11).")]
    [InlineData("/chat", """{"message":"a","temperature":"1"}""", "temperature", "This field takes a number, without quotes (line 1, byte 33).")]
    [InlineData("/chat", """{"messages":"a"}""", "messages", "This field takes a list; each part of it is an object with role and content (line 1, byte 16).")]
    [InlineData("/chat", """{"messages":[{"role":"bot","content":"a"}]}""", "messages[0].role", "This field takes system, user or assistant (line 1, byte 27).")]
    [InlineData("/classify", """{"text":"a","categories":["a",5]}""", "categories[1]", "This field takes a name, or an object with name and description (line 1, byte 32).")]
    [InlineData("/embeddings", """{"input":5}""", "input", "This field takes a text, or a list of texts (line 1, byte 11).")]
    [InlineData("/embeddings", """{"input":["a",""]}""", "input[1]", "This field is empty.")]
    [InlineData("/embeddings", """{"input":["a",["b"]]}""", "input[1]", "This field takes a text in quotes.")]
    [InlineData("/embeddings", """{"input":[null]}""", "input[0]", "This field takes a text in quotes.")]
    [InlineData("/embeddings", """{"input":""}""", "input", "This field is empty.")]
    [InlineData("/chat", """{"messages":[{"role":"system","content":"a"}]}""", "messages", "A system message alone asks nothing.")]
    public async Task SaysWhatAFieldTakes(string path, string body, string field, string said)
    {
        using var response = await _gateway.PostAsync(path, body);

        var problem = await Problem.AssertAsync(response, 400, "invalid_request");
        Assert.Equal(said, Assert.Single(problem.GetProperty("errors").GetProperty(field).EnumerateArray()).GetString());
    }

    [Fact]
    public async Task SaysWhereATextIsNoUtf8()
    {
        using var content = new ByteArrayContent([.. """{"message":"a"""u8, 0xFF, .. "\"}"u8]);
        content.Headers.ContentType = new("application/json");

        using var response = await _gateway.Client.PostAsync("/chat", content);

        var problem = await Problem.AssertAsync(response, 400, "invalid_request");
        Assert.StartsWith("message: This text is not valid UTF-8", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(EachMalformedBody))]
    public async Task RefusesWhatIsNoObjectOfTheContract(string name, string path)
    {
        _gateway.Upstream.Reset();

        using var response = await _gateway.Client.SendAsync(GatewayCalls.Post(path, GatewayCalls.Bytes(Malformed[name])));

        var problem = await Problem.AssertAsync(response, 400, "invalid_request");
        Assert.NotEmpty(Problem.FieldsOf(problem));
        Assert.Equal(0, _gateway.Upstream.Calls);
    }

    /// <summary>It is not alone, and it is in the wrong place: only that is said.</summary>
    [Fact]
    public async Task SaysOfALastSystemMessageThatItIsNotTheFirst()
    {
        using var response = await _gateway.PostAsync("/chat", """{"messages":[{"role":"user","content":"a"},{"role":"system","content":"b"}]}""");

        var problem = await Problem.AssertAsync(response, 400, "invalid_request");
        Assert.Equal("messages[1].role: One system message may come, as the first.", problem.GetProperty("detail").GetString());
    }

    [Fact]
    public async Task NamesEveryFieldThatIsWrongAtOnce()
    {
        using var response = await _gateway.PostAsync("/chat", """{"message":" ","max_tokens":0,"temperature":9}""");

        var problem = await Problem.AssertAsync(response, 400, "invalid_request");
        Assert.Equal(["message", "max_tokens", "temperature"], Problem.FieldsOf(problem));
    }

    [Theory]
    [InlineData("[null]")]
    [InlineData("[{}]")]
    public async Task NamesBothFieldsOfAMessageThatHasNeither(string messages)
    {
        using var response = await _gateway.PostAsync("/chat", $$"""{"messages":{{messages}}}""");

        var problem = await Problem.AssertAsync(response, 400, "invalid_request");
        Assert.Equal(["messages[0].role", "messages[0].content"], Problem.FieldsOf(problem));
    }

    [Theory]
    [InlineData(1_000, 51)]
    [InlineData(2_000_000, 1)]
    public async Task SaysNoMoreOfAWrongListThanAReaderCanUse(int messages, int mostFields)
    {
        var list = string.Join(',', Enumerable.Repeat("{}", messages));

        using var response = await _gateway.PostAsync("/chat", $$"""{"messages":[{{list}}]}""");

        var problem = await Problem.AssertAsync(response, 400, "invalid_request");
        Assert.InRange(Problem.FieldsOf(problem).Count(), 1, mostFields);
        Assert.InRange(response.Content.Headers.ContentLength ?? long.MaxValue, 1, 20_000);
    }

    [Fact]
    public async Task RefusesTwoQuestionsInOne()
    {
        using var response = await _gateway.PostAsync("/chat", """{"message":"a","messages":[{"role":"user","content":"b"}]}""");

        var problem = await Problem.AssertAsync(response, 400, "invalid_request");
        Assert.Equal("message", Assert.Single(Problem.FieldsOf(problem)));
    }

    [Theory]
    [InlineData(null, 415)]
    [InlineData("", 415)]
    [InlineData("text/plain", 415)]
    [InlineData("application/x-www-form-urlencoded", 415)]
    [InlineData("application/jsonp", 415)]
    [InlineData("application/", 415)]
    [InlineData("json", 415)]
    [InlineData(";;;", 415)]
    [InlineData("application/json, text/plain", 415)]
    [InlineData("application/json; charset=bogus", 415)]
    [InlineData("application/json; charset=utf-7", 415)]
    [InlineData("application/json; charset=utf-16", 415)]
    [InlineData("application/json; charset=iso-8859-1", 415)]
    [InlineData("application/json; charset=\"", 415)]
    [InlineData("application/json", 200)]
    [InlineData("APPLICATION/JSON", 200)]
    [InlineData("application/json;charset=utf-8", 200)]
    [InlineData("application/json; charset=UTF8", 200)]
    [InlineData("application/json; charset=\"utf-8\"", 200)]
    [InlineData("application/json; charset=\"UTF-8\"; profile=x", 200)]
    [InlineData("application/json; charset=", 415)]
    public async Task TakesJsonInUtf8Alone(string? contentType, int status)
    {
        _gateway.Upstream.Reset();

        using var response = await _gateway.Client.SendAsync(GatewayCalls.Post("/summarize", GatewayCalls.Bytes(Good, contentType)));

        Assert.Equal(status, (int)response.StatusCode);
        if (status == 415) await Problem.AssertAsync(response, 415, "unsupported_media_type");
        Assert.Equal(status == 200 ? 1 : 0, _gateway.Upstream.Calls);
    }

    [Theory]
    [MemberData(nameof(EachEncoding))]
    public async Task TakesCompressedBodiesThatAreWhole(string name)
    {
        var (encoding, body, status) = Encoded[name];
        var content = GatewayCalls.Bytes(body);
        content.Headers.TryAddWithoutValidation("content-encoding", encoding);
        _gateway.Upstream.Reset();

        using var response = await _gateway.Client.SendAsync(GatewayCalls.Post("/summarize", content));

        if (status == 200) Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        else await Problem.AssertAsync(response, status, status == 400 ? "invalid_request" : "unsupported_media_type");
        Assert.Equal(status == 200 ? 1 : 0, _gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData("\\ud83d", "\ufffd")]
    [InlineData("\\uDE00", "\ufffd")]
    [InlineData("\\ude00\\ud83d", "\ufffd\ufffd")]
    [InlineData("\\ud83d\\ud83d\\ude00", "\ufffd😀")]
    [InlineData("\\ud83d x", "\ufffd x")]
    [InlineData("\\uD83D\\uDE00", "😀")]
    [InlineData("\\\\ud83d", "\\ud83d")]
    public async Task TakesHalvesOfCharactersForReplacementCharacters(string escaped, string expected)
    {
        foreach (var (path, body) in new[]
        {
            ("/summarize?fresh=1", """{"text":"half: %","\ud83d":1}"""),
            ("/classify?fresh=1", """{"text":"half: %"}"""),
            ("/chat?fresh=1", """{"messages":[{"role":"user","content":"half: %"}]}"""),
        })
        {
            _gateway.Upstream.Reset();

            using var response = await _gateway.PostAsync(path, body.Replace("%", escaped, StringComparison.Ordinal));

            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            await response.Content.ReadAsStringAsync();
            Assert.Equal("half: " + expected, LastMessage());
        }
    }

    [Fact]
    public async Task TakesAByteOrderMark()
    {
        _gateway.Upstream.Reset();

        using var response = await _gateway.Client.SendAsync(GatewayCalls.Post("/summarize", GatewayCalls.Bytes([0xEF, 0xBB, 0xBF, .. Good])));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData("")]
    [InlineData("?")]
    [InlineData("?message")]
    [InlineData("?message=")]
    [InlineData("?message=%20%09")]
    [InlineData("?Messages=a")]
    [InlineData("?=a")]
    [InlineData("?message=a&message=b", "message")]
    [InlineData("?message=a&model=gpt-4o&model=gpt-4o-mini", "model")]
    [InlineData("?message=a&max_tokens=1&max_tokens=1", "max_tokens")]
    [InlineData("?message=a&other=1&other=2", "query")]
    [InlineData("?message=a&fresh=maybe", "fresh")]
    [InlineData("?message=a&fresh=1&fresh=1", "fresh")]
    [InlineData("?message=a&max_tokens=ten", "max_tokens")]
    [InlineData("?message=a&max_tokens=0", "max_tokens")]
    [InlineData("?message=a&max_tokens=-1", "max_tokens")]
    [InlineData("?message=a&max_tokens=1.0", "max_tokens")]
    [InlineData("?message=a&max_tokens=4097", "max_tokens")]
    [InlineData("?message=a&max_tokens=99999999999999999999", "max_tokens")]
    [InlineData("?message=a&max_tokens=%D9%A1", "max_tokens")]
    [InlineData("?message=a&temperature=hot", "temperature")]
    [InlineData("?message=a&temperature=NaN", "temperature")]
    [InlineData("?message=a&temperature=Infinity", "temperature")]
    [InlineData("?message=a&temperature=1e999", "temperature")]
    [InlineData("?message=a&temperature=-1", "temperature")]
    [InlineData("?message=a&temperature=1,5", "temperature")]
    public async Task NamesTheParameterThatIsWrong(string query, string field = "message")
    {
        _gateway.Upstream.Reset();

        using var response = await _gateway.Client.GetAsync("/chat-stream" + query);

        var problem = await Problem.AssertAsync(response, 400, "invalid_request");
        Assert.Equal(field, Assert.Single(Problem.FieldsOf(problem)));
        Assert.Equal(0, _gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData("message=%E6%9B%B4%E5%A4%A7+%F0%9F%98%80", "更大 😀")]
    [InlineData("message=%", "%")]
    [InlineData("message=%zz%4", "%zz%4")]
    [InlineData("message=100%25", "100%")]
    [InlineData("message=%00", "\0")]
    [InlineData("message=a=b=c", "a=b=c")]
    [InlineData("&&message=a&&", "a")]
    [InlineData("MESSAGE=a", "a")]
    [InlineData("message=a&system=&model=&max_tokens=&temperature=", "a")]
    [InlineData("message=a&unknown=b", "a")]
    [InlineData("message=%0d%0adata:%20x", "\r\ndata: x")]
    public async Task TakesTheMessageAsTheQueryHasIt(string query, string message)
    {
        using var timeout = new CancellationTokenSource(Patience);
        _gateway.Upstream.Reset();

        var response = await RawAsync($"GET /chat-stream?{query}&fresh=1 HTTP/1.1\r\nhost: x\r\n\r\n", timeout.Token);

        Assert.Equal(200, response!.Status);
        Assert.Equal(message, LastMessage());
    }

    [Theory]
    [InlineData("message=%ff%fe%80")]
    [InlineData("message=%ed%a0%bd")]
    [InlineData("message=%c0%80")]
    [InlineData("message=\u00ff")]
    public async Task SurvivesAMessageThatIsNoText(string query)
    {
        using var timeout = new CancellationTokenSource(Patience);

        var response = await RawAsync($"GET /chat-stream?{query} HTTP/1.1\r\nhost: x\r\n\r\n", timeout.Token);

        Assert.True(response!.Status is 200 or 400);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("*/*")]
    [InlineData("text/event-stream")]
    [InlineData("text/html, application/xhtml+xml")]
    [InlineData("application/json;q=0")]
    [InlineData("application/json;q=0.1, text/event-stream")]
    [InlineData("garbage")]
    [InlineData(";;;,,,///")]
    [InlineData("application/größer")]
    public async Task StreamsToWhoeverDoesNotAskForJson(string? accept)
    {
        using var timeout = new CancellationTokenSource(Patience);
        var body = $$"""{"message":"{{GatewayCalls.NewText()}}"}""";
        var header = accept is null ? "" : $"accept: {accept}\r\n";

        var response = await RawAsync(
            $"POST /chat HTTP/1.1\r\nhost: x\r\n{header}content-type: application/json\r\ncontent-length: {body.Length}\r\n\r\n{body}", timeout.Token);

        Assert.Equal(200, response!.Status);
        Assert.Equal("text/event-stream", Assert.Single(response.Headers["content-type"]));
        Assert.EndsWith("data: [DONE]\n\n", response.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("APPLICATION/JSON; charset=utf-8")]
    [InlineData("text/event-stream;q=0.5, application/json")]
    [InlineData("text/html, application/json;q=0.2")]
    public async Task AnswersInOnePieceWhoeverAsksForJson(string accept)
    {
        using var request = GatewayCalls.NewRequest("POST /chat");
        request.Headers.TryAddWithoutValidation("accept", accept);

        using var response = await _gateway.Client.SendAsync(request);

        Assert.Equal("application/json", response.Content.Headers.ContentType!.ToString());
    }

    [Theory]
    [InlineData("a")]
    [InlineData("0b8f6a1c-7d52-4f0e-9d6b-5a3c1e2f4a6b")]
    [InlineData("trace_1.2-3")]
    [InlineData("0123456789012345678901234567890123456789012345678901234567890123")]
    public async Task GivesACallersOwnIdBack(string id)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/health/live");
        request.Headers.Add("x-request-id", id);

        using var response = await _gateway.Client.SendAsync(request);

        Assert.Equal(id, Assert.Single(response.Headers.GetValues("x-request-id")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("with blanks")]
    [InlineData("a,b")]
    [InlineData("%0d%0aset-cookie:x")]
    [InlineData("<script>")]
    [InlineData("01234567890123456789012345678901234567890123456789012345678901234")]
    [InlineData("größer")]
    [InlineData("a\r\nx-request-id: b")]
    public async Task GivesAnIdOfItsOwnInsteadOfOneThatALogCannotBear(string id)
    {
        using var timeout = new CancellationTokenSource(Patience);

        var response = await RawAsync($"GET /health/live HTTP/1.1\r\nhost: x\r\nx-request-id: {id}\r\n\r\n", timeout.Token);

        Assert.Equal(200, response!.Status);
        Assert.Matches("^[0-9a-f]{24}$", Assert.Single(response.Headers["x-request-id"]));
    }

    [Fact]
    public async Task GivesEveryRequestAnIdOfItsOwn()
    {
        var ids = await Task.WhenAll(Enumerable.Range(0, 50).Select(async _ =>
            Assert.Single((await _gateway.Client.GetAsync("/health/live")).Headers.GetValues("x-request-id"))));

        Assert.Equal(50, ids.Distinct().Count());
    }

    [Theory]
    [InlineData("/summarize", 405)]
    [InlineData("/chat-stream?message=a", 405)]
    [InlineData("/health/live", 405)]
    [InlineData("/nowhere", 404)]
    public async Task AnswersAHeadWithoutABody(string path, int status)
    {
        _gateway.Upstream.Reset();

        using var response = await _gateway.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, path));

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.ToString());
        Assert.Empty(await response.Content.ReadAsByteArrayAsync());
        Assert.Equal(0, _gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData("GARBAGE\r\n\r\n")]
    [InlineData("GET\r\n\r\n")]
    [InlineData("GET / HTTP/9.9\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nhost: x\r\nno colon\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nhost: x\r\nbad\0name: y\r\n\r\n")]
    [InlineData("GET \0 HTTP/1.1\r\nhost: x\r\n\r\n")]
    [InlineData("GET /%00%zz HTTP/1.1\r\nhost: x\r\n\r\n")]
    [InlineData("GET //// HTTP/1.1\r\nhost: x\r\n\r\n")]
    [InlineData("GET /../../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n")]
    [InlineData("GET http://[ HTTP/1.1\r\nhost: x\r\n\r\n")]
    [InlineData("CONNECT x:1 HTTP/1.1\r\nhost: x:1\r\n\r\n")]
    [InlineData("OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n")]
    [InlineData("POST /summarize HTTP/1.1\r\nhost: x\r\ncontent-length: abc\r\n\r\n")]
    [InlineData("POST /summarize HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n")]
    [InlineData("POST /summarize HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999\r\n\r\n")]
    [InlineData("POST /summarize HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9223372036854775807\r\n\r\n")]
    [InlineData("POST /summarize HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n")]
    [InlineData("POST /summarize HTTP/1.1\r\nhost: x\r\ntransfer-encoding: bogus\r\n\r\n")]
    [InlineData("POST /summarize HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n")]
    [InlineData("POST /summarize HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n")]
    [InlineData("POST /summarize HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\r\n")]
    [InlineData("POST /summarize HTTP/1.0\r\ncontent-type: application/json\r\n\r\n")]
    public async Task AnswersWhatIsHardlyHttp(string bytes)
    {
        using var timeout = new CancellationTokenSource(Patience);

        var response = await RawAsync(bytes, timeout.Token);

        Assert.NotNull(response);
        Assert.InRange(response.Status, 400, 505);
        Assert.True(response.Status < 500 || bytes.Contains("HTTP/9.9", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(9_000, 431, 414)]
    [InlineData(40_000, 431, 414)]
    [InlineData(3_000, 200, 200)]
    public async Task BoundsTheHead(int length, int header, int query)
    {
        using var timeout = new CancellationTokenSource(Patience);
        var manyHeaders = string.Concat(Enumerable.Range(0, length / 10).Select(i => $"x{i:0000}: y\r\n"));

        Assert.Equal(query, (await RawAsync($"GET /chat-stream?message={new string('a', length)} HTTP/1.1\r\nhost: x\r\n\r\n", timeout.Token))!.Status);
        Assert.Equal(header == 200 ? 431 : header, (await RawAsync($"GET /health/live HTTP/1.1\r\nhost: x\r\n{manyHeaders}\r\n", timeout.Token))!.Status);
    }

    [Theory]
    [InlineData("/summarize", "maybe")]
    [InlineData("/classify", "1,0")]
    [InlineData("/chat", "%ff")]
    [InlineData("/chat-stream", "TRUE")]
    public async Task TakesAFlagAsYesOrNo(string path, string value)
    {
        using var response = await _gateway.PostAsync($"{path}?fresh={value}", """{"text":"a","message":"a"}""");

        var problem = await Problem.AssertAsync(response, 400, "invalid_request");
        Assert.Equal("fresh", Assert.Single(Problem.FieldsOf(problem)));
    }

    [Fact]
    public async Task DecodesNothingTwice()
    {
        using var timeout = new CancellationTokenSource(Patience);
        _gateway.Upstream.Reset();

        await RawAsync("GET /chat-stream?message=%2541%26model%3dx HTTP/1.1\r\nhost: x\r\n\r\n", timeout.Token);

        Assert.Equal("%41&model=x", LastMessage());
    }

    private static byte[] Compress(byte[] bytes, Func<Stream, Stream> compress)
    {
        using var compressed = new MemoryStream();
        using (var compressor = compress(compressed))
            compressor.Write(bytes);
        return compressed.ToArray();
    }

    private static byte[] Corrupt(byte[] bytes)
    {
        for (var i = 12; i < bytes.Length - 8; i++)
            bytes[i] = (byte)~bytes[i];
        return bytes;
    }

    private static byte[] Noise(int length)
    {
        var noise = new byte[length];
        new Random(1).NextBytes(noise);
        return noise;
    }

    private string? LastMessage() => _gateway.Upstream.Requests[^1].Json.GetProperty("messages").EnumerateArray().Last().GetProperty("content").GetString();

    private async Task<RawResponse?> RawAsync(string text, CancellationToken cancellationToken)
    {
        using var connection = await RawConnection.OpenAsync(_gateway.Address, cancellationToken);
        await connection.SendAsync(Encoding.UTF8.GetBytes(text), cancellationToken);
        return await connection.ReadAsync(head: false, cancellationToken);
    }
}
