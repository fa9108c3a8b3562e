using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using LlmGateway.Hosting;
using LlmGateway.Llm;
using LlmGateway.Llm.Generations;

namespace LlmGateway.Tests.Llm.Generations;

public class GenerationKeyTests
{
    private static readonly LlmTool Tool = new("t", "d", JsonElement.Parse("""{"type":"object"}"""));

    private static readonly LlmRequest Base = new(
        LlmTask.Chat, "m", [new(LlmRole.System, "s"), new(LlmRole.User, "u")], MaxOutputTokens: 10, Temperature: 0.5, Tool, Source: "source", Scope: "scope");

    // One for each field that changes the answer.
    private static readonly Dictionary<string, LlmRequest[]> Changes = new()
    {
        [nameof(LlmRequest.Task)] = [.. Enum.GetValues<LlmTask>().Except([Base.Task]).Select(task => Base with { Task = task })],
        [nameof(LlmRequest.Model)] = [Base with { Model = "M" }],
        [nameof(LlmRequest.Messages)] =
        [
            Base with { Messages = [new(LlmRole.System, "s"), new(LlmRole.User, "U")] },
            Base with { Messages = [new(LlmRole.System, "s"), new(LlmRole.Assistant, "u")] },
            Base with { Messages = [new(LlmRole.User, "s"), new(LlmRole.User, "u")] },
            Base with { Messages = [new(LlmRole.User, "u"), new(LlmRole.System, "s")] },
            Base with { Messages = [new(LlmRole.System, "s")] },
            Base with { Messages = [new(LlmRole.System, "s"), new(LlmRole.User, "u"), new(LlmRole.User, "")] },
        ],
        [nameof(LlmRequest.MaxOutputTokens)] = [Base with { MaxOutputTokens = 11 }],
        [nameof(LlmRequest.Temperature)] = [Base with { Temperature = 0.5000000000000001 }, Base with { Temperature = 0 }, Base with { Temperature = null }],
        [nameof(LlmRequest.Tool)] =
        [
            Base with { Tool = null },
            Base with { Tool = Tool with { Name = "T" } },
            Base with { Tool = Tool with { Description = "D" } },
            Base with { Tool = Tool with { Parameters = JsonElement.Parse("""{"type":"string"}""") } },
        ],
        [nameof(LlmRequest.Source)] = [Base with { Source = "Source" }, Base with { Source = null }],
        [nameof(LlmRequest.Scope)] = [Base with { Scope = "Scope" }, Base with { Scope = null }],
    };

    private static readonly Dictionary<string, LlmRequest> NoChanges = new()
    {
        [nameof(LlmRequest.Fresh)] = Base with { Fresh = true },
        [nameof(LlmRequest.RequestId)] = Base with { RequestId = "r-1" },
        [nameof(LlmRequest.Stream)] = Base with { Stream = new StreamSessions(new StreamingOptions(), TimeProvider.System).Start(isResumable: true) },
        [nameof(LlmRequest.From)] = Base with { From = 1 },
    };

    public static TheoryData<string> FieldsThatMatter => [.. Changes.Keys];

    public static TheoryData<string> FieldsThatDoNot => [.. NoChanges.Keys];

    [Fact]
    public void EachFieldOfARequestIsDecided()
    {
        Assert.Equal(Parameters<LlmRequest>(), Changes.Keys.Concat(NoChanges.Keys).Order(StringComparer.Ordinal));
        // These are parts of the form too: whoever adds a field adds it above.
        Assert.Equal(["Content", "IsAside", "Role"], Parameters<LlmMessage>());
        Assert.Equal(["Description", "Name", "Parameters"], Parameters<LlmTool>());
    }

    [Theory]
    [MemberData(nameof(FieldsThatMatter))]
    public void DiffersWhereTheAnswerMay(string field)
    {
        GenerationKey[] keys = [GenerationKey.Of(Base), .. Changes[field].Select(GenerationKey.Of)];
        Assert.Equal(keys.Length, keys.Distinct().Count());
    }

    /// <summary>Whoever changes what is asked need not think of the key that was known before.</summary>
    [Theory]
    [MemberData(nameof(FieldsThatMatter))]
    public void AKnownKeyIsNoOtherQuestions(string field)
    {
        var known = new KnownKey(Base, default);
        Assert.All(Changes[field], change => Assert.Equal(GenerationKey.Of(change), GenerationKey.Of(change with { KnownKey = known })));
    }

    [Theory]
    [MemberData(nameof(FieldsThatDoNot))]
    public void AKnownKeyIsNotWorkedOutAgain(string field)
    {
        Assert.Equal(GenerationKey.Of(Base), GenerationKey.Of(Base.WithKnownKey()));
        // No question has this one.
        Assert.Equal(default, GenerationKey.Of(NoChanges[field] with { KnownKey = new KnownKey(Base, default) }));
    }

    [Theory]
    [MemberData(nameof(FieldsThatDoNot))]
    public void IsTheSameWhereTheAnswerIs(string field)
    {
        Assert.NotEqual(Base, NoChanges[field]);
        Assert.Equal(GenerationKey.Of(Base), GenerationKey.Of(NoChanges[field]));
    }

    [Fact]
    public void AnAsideIsNoPartOfTheQuestion()
    {
        LlmMessage[] aside = [new(LlmRole.User, "Part 1 of 2.", IsAside: true), new(LlmRole.User, "u")];
        LlmMessage[] another = [new(LlmRole.User, "Part 2 of 3.", IsAside: true), new(LlmRole.User, "u")];

        Assert.Equal(GenerationKey.Of(Base with { Messages = aside }), GenerationKey.Of(Base with { Messages = another }));
        Assert.Equal(GenerationKey.Of(Base with { Messages = [aside[1]] }), GenerationKey.Of(Base with { Messages = aside }));
        Assert.NotEqual(
            GenerationKey.Of(Base with { Messages = aside }), GenerationKey.Of(Base with { Messages = [aside[0] with { IsAside = false }, aside[1]] }));
    }

    [Fact]
    public void DependsOnWhatIsInARequestAndNotOnTheObjectsItIsMadeOf()
    {
        var same = new LlmRequest(
            Base.Task,
            new string(Base.Model),
            new List<LlmMessage> { new(LlmRole.System, "s"), new(LlmRole.User, "u") },
            10,
            0.5,
            new LlmTool("t", "d", JsonElement.Parse("""{"type":"object"}""")),
            "source",
            "scope");
        Assert.Equal(GenerationKey.Of(Base), GenerationKey.Of(same));
    }

    [Fact]
    public void DoesNotTakeShiftedFieldsForEachOther()
    {
        var plain = new LlmRequest(LlmTask.Chat, "m", [], 10);
        LlmRequest[] requests =
        [
            plain,
            plain with { Messages = Say("ab", "c") },
            plain with { Messages = Say("a", "bc") },
            plain with { Messages = Say("abc") },
            plain with { Messages = Say("abc", "") },
            plain with { Messages = Say("", "abc") },
            plain with { Model = "ma", Messages = Say("bc") },
            plain with { Source = "abc" },
            plain with { Scope = "abc" },
            plain with { Source = "ab", Scope = "c" },
            plain with { Source = "a", Scope = "bc" },
            plain with { Tool = new LlmTool("ab", "c", Tool.Parameters) },
            plain with { Tool = new LlmTool("a", "bc", Tool.Parameters) },
            plain with { Tool = new LlmTool("a", "b", JsonElement.Parse("\"c\"")) },
            plain with { Messages = Say("a\u0001\0\0\0\u0001\0\0\0b") },
            plain with { Messages = Say("a", "b") },
            // As long in characters, and not in bytes.
            plain with { Messages = Say("é", "a") },
            plain with { Messages = Say("a", "é") },
            plain with { MaxOutputTokens = 0 },
            plain with { Temperature = 0 },
        ];

        Assert.Equal(requests.Length, requests.Select(GenerationKey.Of).Distinct().Count());
    }

    [Fact]
    public void IsTheSameInEachProcess()
    {
        Assert.Equal(
            "2b27987935e2f0dcda490a7f535d55b3219ba58f3ed426d5ed4b01ea89a48660",
            GenerationKey.Of(new LlmRequest(LlmTask.Chat, "gpt-4o-mini", Say("hi"), 1024)).ToString());
        Assert.Equal(
            "80864e681e464be3c70592e3f0b7c2306f1d4346f4d173efde07ce952d406b53",
            GenerationKey.Of(new LlmRequest(
                LlmTask.Summarize,
                "gpt-4o-mini",
                [new(LlmRole.System, "Be brief."), new(LlmRole.User, "Zażółć gęślą jaźń 🎈")],
                200,
                0.5,
                Tool,
                "whole",
                "team")).ToString());
    }

    [Fact]
    public void TakesMinusZeroForZero() =>
        Assert.Equal(GenerationKey.Of(Base with { Temperature = 0.0 }), GenerationKey.Of(Base with { Temperature = -0.0 }));

    [Theory]
    [InlineData(0x61)]
    [InlineData(0xE9)]
    [InlineData(0x6F22)]
    [InlineData(0x1F388)]
    [InlineData(0xD83C)]
    [InlineData(0xDF88)]
    public void CutsNoCharacterWhereItsBufferEnds(int codePoint)
    {
        var character = codePoint > char.MaxValue ? char.ConvertFromUtf32(codePoint) : ((char)codePoint).ToString();
        var run = string.Concat(Enumerable.Repeat(character, 600));
        for (var offset = 0; offset <= 1040; offset++)
        {
            var request = Base with { Messages = Say(new string('a', offset) + run) };
            Assert.Equal(Reference(request), GenerationKey.Of(request).ToString());
        }
    }

    [Fact]
    public void IsWhatItsFormSays()
    {
        var random = new Random(11);
        for (var i = 0; i < 1000; i++)
        {
            var request = RandomRequest(random);
            Assert.Equal(Reference(request), GenerationKey.Of(request).ToString());
        }
    }

    [Fact]
    public void IsTheSameOnAllThreads()
    {
        var random = new Random(12);
        var requests = Enumerable.Range(0, 200).Select(_ => RandomRequest(random)).ToArray();
        var expected = requests.Select(Reference).ToArray();
        Parallel.For(0, requests.Length * 4, i => Assert.Equal(expected[i % requests.Length], GenerationKey.Of(requests[i % requests.Length]).ToString()));
    }

    private static LlmMessage[] Say(params string[] texts) => [.. texts.Select(text => new LlmMessage(LlmRole.User, text))];

    private static IEnumerable<string> Parameters<T>() =>
        typeof(T).GetConstructors().Single().GetParameters().Select(parameter => parameter.Name!).Order(StringComparer.Ordinal);

    private static LlmRequest RandomRequest(Random random)
    {
        return new LlmRequest(
            random.GetItems(Enum.GetValues<LlmTask>(), 1)[0],
            Text(20),
            [.. Enumerable.Range(0, random.Next(6)).Select(_ => new LlmMessage(random.GetItems(Enum.GetValues<LlmRole>(), 1)[0], Text(random.Next(8) == 0 ? 20_000 : 300)))],
            random.Next(),
            random.Next(3) == 0 ? null : random.NextDouble() * 2,
            random.Next(3) == 0 ? new LlmTool(Text(20), Text(2000), JsonElement.Parse(JsonSerializer.Serialize(random.Next()))) : null,
            random.Next(3) == 0 ? Text(5000) : null,
            random.Next(3) == 0 ? Text(20) : null,
            random.Next(2) == 0,
            Text(20));

        // Of one, two and three bytes, and surrogates in pairs and alone.
        string Text(int max) => string.Create(random.Next(max), random, static (text, random) =>
        {
            foreach (ref var c in text)
                c = (char)(random.Next(4) switch { 0 => random.Next(0x80), 1 => random.Next(0x800), 2 => random.Next(0xD800, 0xE000), _ => random.Next(0x10000) });
        });
    }

    /// <summary>The form written out: each text with its length in UTF-16 units before it, integers in four bytes, little-endian.</summary>
    private static string Reference(LlmRequest request)
    {
        using var form = new MemoryStream();
        using var writer = new BinaryWriter(form);
        writer.Write(1);
        writer.Write((int)request.Task);
        Write(request.Model);
        writer.Write(request.Messages.Count);
        foreach (var message in request.Messages)
        {
            writer.Write((int)message.Role);
            Write(message.Content);
        }
        writer.Write(request.MaxOutputTokens);
        writer.Write(request.Temperature is null ? 0 : 1);
        writer.Write(request.Temperature ?? 0);
        writer.Write(request.Tool is null ? 0 : 1);
        if (request.Tool is { } tool)
        {
            Write(tool.Name);
            Write(tool.Description);
            Write(tool.Parameters.GetRawText());
        }
        Write(request.Source ?? "");
        Write(request.Scope ?? "");
        return Convert.ToHexStringLower(SHA256.HashData(form.ToArray()));

        void Write(string text)
        {
            writer.Write(text.Length);
            writer.Write(Encoding.UTF8.GetBytes(text));
        }
    }
}
