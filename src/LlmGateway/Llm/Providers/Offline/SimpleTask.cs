using System.Text.RegularExpressions;

namespace LlmGateway.Llm.Providers.Offline;

/// <summary>Does what can be done without a model: counting, listing, repeating, greeting.</summary>
internal static partial class SimpleTask
{
    private const int LongestOrder = 300;

    private const int HighestNumber = 1_000;

    private static readonly string[] Numbers =
        "zero one two three four five six seven eight nine ten eleven twelve".Split(' ');

    private static readonly (string Topic, string[] Items)[] Lists =
    [
        ("days? of the week|weekdays", "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".Split(' ')),
        ("months?", "January February March April May June July August September October November December".Split(' ')),
        ("seasons?", "spring summer autumn winter".Split(' ')),
        ("colou?rs?", "red orange yellow green blue violet black white".Split(' ')),
        ("planets?", "Mercury Venus Earth Mars Jupiter Saturn Uranus Neptune".Split(' ')),
        ("continents?", ["Africa", "Antarctica", "Asia", "Europe", "North America", "Oceania", "South America"]),
        ("letters?|alphabet", [.. "ABCDEFGHIJKLMNOPQRSTUVWXYZ".Select(letter => letter.ToString())]),
        ("fruits?", "apple banana cherry orange pear plum strawberry".Split(' ')),
        ("animals?", "cat dog horse elephant dolphin eagle lizard".Split(' ')),
    ];

    /// <returns>What was asked for; null where it takes more than this.</returns>
    public static string? Do(string message)
    {
        var order = message.Trim();
        if (Repeat().Match(order) is { Success: true } repeat) return Unquoted(order[repeat.Length..].Trim());
        if (order.Length > LongestOrder) return null;
        return Counting(order) ?? Listing(order) ?? SmallTalk(order);
    }

    private static string? Counting(string order)
    {
        var count = CountUp().Match(order);
        var down = CountDown().Match(order);
        var from = down.Success ? Number(down.Groups["from"].Value) : Number(count.Groups["from"].Value) ?? 1;
        var to = down.Success ? Number(down.Groups["to"].Value) ?? 1 : Number(count.Groups["to"].Value);
        if (from is not { } first || to is not { } last) return null;
        var numbers = Enumerable.Range(Math.Min(first, last), Math.Abs(last - first) + 1);
        return string.Join(", ", first <= last ? numbers : numbers.Reverse());
    }

    private static string? Listing(string order)
    {
        if (List().Match(order) is not { Success: true } list) return null;
        var what = list.Groups["what"].Value;
        var (_, items) = Lists.FirstOrDefault(entry => Regex.IsMatch(what, $@"\b(?:{entry.Topic})\b", RegexOptions.IgnoreCase));
        if (items is null) return null;
        return string.Join('\n', items.Take(Number(list.Groups["count"].Value) ?? items.Length).Select(item => $"- {item}"));
    }

    private static string? SmallTalk(string order) =>
        Greeting().IsMatch(order) ? "Hello! What can I do for you?"
        : Thanks().IsMatch(order) ? "You are welcome!"
        : Farewell().IsMatch(order) ? "Goodbye!"
        : null;

    private static int? Number(string text)
    {
        var number = int.TryParse(text, out var digits)
            ? digits
            : Array.FindIndex(Numbers, word => word.Equals(text, StringComparison.OrdinalIgnoreCase));
        return number is >= 0 and <= HighestNumber ? number : null;
    }

    private static string Unquoted(string text) =>
        text is ['"' or '“' or '\'' or '‘', .. var inner, '"' or '”' or '\'' or '’'] ? inner : text;

    private const RegexOptions Options = RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture;

    [GeneratedRegex(@"^(please )?((repeat|echo|say)( after me)?:\s*|(repeat|echo|say)( after me)?\s+(?=\S))", Options)]
    private static partial Regex Repeat();

    [GeneratedRegex(@"\bcount\s+(from\s+(?<from>\w+)\s+)?(up\s+)?to\s+(?<to>\w+)", Options)]
    private static partial Regex CountUp();

    [GeneratedRegex(@"\bcount\s*down\s+from\s+(?<from>\w+)(\s+to\s+(?<to>\w+))?", Options)]
    private static partial Regex CountDown();

    [GeneratedRegex(@"\b(list|name|enumerate|tell me|give me|what are)\b\s+(?<what>(me\s+)?(the\s+)?((first|all)\s+)?(?<count>\w+)\b.*)", Options)]
    private static partial Regex List();

    [GeneratedRegex(@"^(hi|hello|hey|howdy|greetings|good (morning|afternoon|evening|day))( there| everyone| all)?[\s!.,?]*$", Options)]
    private static partial Regex Greeting();

    [GeneratedRegex(@"^(thanks|thank you|thx|cheers)\b.{0,40}$", Options)]
    private static partial Regex Thanks();

    [GeneratedRegex(@"^(bye|goodbye|good night|see you)\b.{0,20}$", Options)]
    private static partial Regex Farewell();
}
