using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace LlmGateway.Tests.Llm;

/// <summary>What a reader of the source may take for granted.</summary>
public class ConventionTests
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Assembly Gateway = typeof(Program).Assembly;

    private static readonly string Source = Path.Combine(Root(), "src", "LlmGateway");

    private static readonly IReadOnlyDictionary<string, string> Files = Directory.EnumerateFiles(Source, "*.cs", SearchOption.AllDirectories)
        .Select(path => Path.GetRelativePath(Source, path).Replace('\\', '/'))
        .Where(path => !path.StartsWith("obj/", StringComparison.Ordinal) && !path.StartsWith("bin/", StringComparison.Ordinal))
        .ToDictionary(path => path, path => File.ReadAllText(Path.Combine(Source, path)));

    [Fact]
    public void ClassesAreSealed() =>
        Assert.Empty(Own().Where(type => type is { IsClass: true, IsSealed: false, IsAbstract: false } && !HasHeir(type)).Select(type => type.FullName));

    [Theory]
    [InlineData("OpenAI", @"OpenAI|System\.ClientModel", "OpenAI", "System.ClientModel")]
    [InlineData("Anthropic", "Anthropic", "Anthropic")]
    public void TheSeamIsTheOnlyWayToTheSdk(string folder, string namespaces, params string[] assemblies)
    {
        var strangers = Own().Where(type => type.Namespace != "LlmGateway.Llm.Providers." + folder)
            .Where(type => TypesIn(type).Any(IsSdk))
            .Select(type => type.FullName);

        Assert.Empty(strangers);
        Assert.Contains(Own(), type => TypesIn(type).Any(IsSdk));
        Assert.Empty(Files.Where(file => !file.Key.StartsWith($"Llm/Providers/{folder}/", StringComparison.Ordinal)
            && Regex.IsMatch(file.Value, $@"\b(using|global::)\s*(\w+\s*=\s*)?({namespaces})\b")).Select(file => file.Key));

        bool IsSdk(Type type) => assemblies.Contains(type.Assembly.GetName().Name);
    }

    [Fact]
    public void CancellationTokensComeLastAndAreNeverLeftOut()
    {
        var wrong = Own().SelectMany(type => type.GetMethods(Declared).Cast<MethodBase>().Concat(type.GetConstructors(Declared)))
            .Where(method => method.GetCustomAttribute<CompilerGeneratedAttribute>() is null)
            .Where(method =>
            {
                var tokens = method.GetParameters().SkipWhile(parameter => parameter.ParameterType != typeof(CancellationToken)).ToList();
                return tokens.Any(parameter => parameter.HasDefaultValue || parameter.ParameterType != typeof(CancellationToken));
            })
            .Select(method => $"{method.DeclaringType!.FullName}.{method.Name}");

        Assert.Empty(wrong);
    }

    [Theory]
    [InlineData(@"\bDateTime(Offset)?\.(Utc)?(Now|Today)\b")]
    [InlineData(@"\bStopwatch\b")]
    [InlineData(@"\bEnvironment\.TickCount")]
    [InlineData(@"\bThread\.Sleep\b")]
    [InlineData(@"\bTask\.Delay\((?!Timeout\.Infinite)(?![^;]*[tT]imeProvider)")]
    [InlineData(@"\bnew PeriodicTimer\((?![^;]*[tT]imeProvider)")]
    [InlineData(@"\bnew (System\.Threading\.)?Timer\(")]
    [InlineData(@"\bnew CancellationTokenSource\((?!\))(?![^;]*[tT]imeProvider)")]
    [InlineData(@"\.WaitAsync\([^;]*(Timeout|TimeSpan|After)\b(?![^;]*[tT]imeProvider)")]
    public void TimeComesFromTheTimeProvider(string pattern) => AssertNowhere(pattern);

    [Theory]
    [InlineData(@"\.GetAwaiter\(\)\s*\.GetResult\(\)")]
    [InlineData(@"\.Wait\(\)")]
    [InlineData(@"\basync void\b")]
    [InlineData(@"^\s*_ = ")]
    [InlineData(@"catch\s*(\([^)]*\))?\s*\{\s*\}")]
    [InlineData(@"#region\b")]
    [InlineData(@"\b(TODO|FIXME|HACK)\b")]
    [InlineData(@"\bConsole\.Write")]
    public void NothingIsSwallowedBlockedOrLeftForLater(string pattern) => AssertNowhere(pattern);

    [Fact]
    public void NamespacesMatchFolders()
    {
        foreach (var (path, text) in Files)
        {
            var folder = Path.GetDirectoryName(path)!.Replace('/', '.');
            Assert.Contains($"\nnamespace LlmGateway{(folder.Length > 0 ? "." + folder : "")};", "\n" + text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void DecoratorsEndInLlmClient()
    {
        var clients = Own().Where(type => type is { IsClass: true } && typeof(LlmGateway.Llm.ILlmClient).IsAssignableFrom(type)).ToList();

        Assert.InRange(clients.Count, 5, int.MaxValue);
        Assert.All(clients, client => Assert.EndsWith("LlmClient", client.Name, StringComparison.Ordinal));
    }

    /// <summary>Whoever filters a log by number gets one kind of event.</summary>
    [Fact]
    public void EachEventHasAnIdOfItsOwn()
    {
        var ids = Files.Values
            .SelectMany(text => Regex.Matches(text, @"(?:EventId = |\bEventKind \w+ = new\(\s*)(\d+),\s*(?:EventName = )?(\w+|""\w+"")"))
            .Select(match => (Id: match.Groups[1].Value, Name: match.Groups[2].Value))
            .Distinct().ToList();

        Assert.InRange(ids.Count, 20, int.MaxValue);
        Assert.Empty(ids.GroupBy(id => id.Id).Concat(ids.GroupBy(id => id.Name)).Where(same => same.Count() > 1).Select(same => same.Key));
    }

    private static void AssertNowhere(string pattern) =>
        Assert.Empty(Files.SelectMany(file => Regex.Matches(file.Value, pattern, RegexOptions.Multiline).Select(match => $"{file.Key}: {match.Value}")));

    /// <summary>The types that stand in the source, not those that generators add.</summary>
    private static IEnumerable<Type> Own() => Gateway.GetTypes().Where(type =>
        type.Namespace?.StartsWith("LlmGateway", StringComparison.Ordinal) == true
        && type.GetCustomAttribute<CompilerGeneratedAttribute>() is null && type.DeclaringType?.GetCustomAttribute<CompilerGeneratedAttribute>() is null
        && !type.Name.Contains('<', StringComparison.Ordinal) && !typeof(System.Text.Json.Serialization.JsonSerializerContext).IsAssignableFrom(type));

    private static bool HasHeir(Type type) => Gateway.GetTypes().Any(other => other.BaseType == type);

    /// <summary>The types of a type's base, fields, properties, parameters, results and locals, with those of its closures and state machines.</summary>
    private static IEnumerable<Type> TypesIn(Type type) =>
        new[] { type }.Concat(type.GetNestedTypes(Declared).Where(nested => nested.Name.Contains('<', StringComparison.Ordinal)))
            .SelectMany(part => part.GetFields(Declared).Select(field => field.FieldType)
                .Concat(part.GetInterfaces())
                .Concat(part.BaseType is { } ancestor ? [ancestor] : Type.EmptyTypes)
                .Concat(part.GetMethods(Declared).Cast<MethodBase>().Concat(part.GetConstructors(Declared)).SelectMany(TypesIn)))
            .SelectMany(Unfold);

    private static IEnumerable<Type> TypesIn(MethodBase method) =>
        method.GetParameters().Select(parameter => parameter.ParameterType)
            .Concat(method is MethodInfo { ReturnType: { } result } ? [result] : Type.EmptyTypes)
            .Concat(method.GetMethodBody()?.LocalVariables.Select(local => local.LocalType) ?? [])
            .Concat(method.GetMethodBody()?.ExceptionHandlingClauses.Where(clause => clause.Flags == ExceptionHandlingClauseOptions.Clause).Select(clause => clause.CatchType!) ?? []);

    private static IEnumerable<Type> Unfold(Type type) =>
        type.HasElementType ? Unfold(type.GetElementType()!) : type.IsGenericType ? type.GetGenericArguments().SelectMany(Unfold).Append(type) : [type];

    private static string Root()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "LlmGateway.sln")))
            directory = directory.Parent ?? throw new InvalidOperationException("The tests do not run inside the source tree.");
        return directory.FullName;
    }
}
