using System.Collections;
using System.ComponentModel;
using System.Globalization;
using System.Net;
using System.Reflection;
using System.Text.Json;
using LlmGateway.Hosting;
using LlmGateway.Tests.Hosts;
using Microsoft.Extensions.Options;

namespace LlmGateway.Tests.Hosting;

public class ConfigurationTests
{
    /// <summary>What cannot stand in the file: the key is a secret, and a model's name is the key of its line.</summary>
    private static readonly string[] NotInTheFile = ["Llm:OpenAI:ApiKey", "Llm:Anthropic:ApiKey"];

    private static readonly Lazy<JsonElement> File =
        new(() => JsonElement.Parse(System.IO.File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "appsettings.json"))));

    public static TheoryData<string> Sections() =>
        [.. OptionTypes().Select(type => type.Name[..^"Options".Length])];

    [Theory]
    [InlineData("Http:MaxBodyBytes=1023")]
    [InlineData("Http:MaxBodyBytes=1073741825")]
    [InlineData("Http:MaxConcurrentRequests=0")]
    [InlineData("Streaming:OpenAfter=00:00:00")]
    [InlineData("Streaming:PingInterval=-00:00:01")]
    [InlineData("Streaming:WriteTimeout=2.00:00:00")]
    [InlineData("Streaming:MaxDuration=00:00:00")]
    [InlineData("Streaming:Retry=00:00:00")]
    [InlineData("Streaming:ResumeGrace=-00:00:01")]
    [InlineData("Streaming:ResendGrace=02:00:00")]
    [InlineData("Streaming:ResumeFor=00:00:00")]
    [InlineData("Streaming:ResumeBytes=-1")]
    [InlineData("Ticket:TimeToLive=00:00:00")]
    [InlineData("Ticket:MaxBytes=-1")]
    [InlineData("Cors:Origins:0=*")]
    [InlineData("Cors:Origins=https://app.example.com,*")]
    [InlineData("Cors:Origins:0=app.example.com")]
    [InlineData("Cors:Origins:0=https://app.example.com/")]
    [InlineData("Cors:Origins:0=https://*.example.com")]
    [InlineData("Cors:Origins:0=https://App.example.com")]
    [InlineData("Cors:Origins:0=https://app.example.com:443")]
    [InlineData("Cors:Origins:0=https://me@app.example.com")]
    [InlineData("Cors:Origins:0=ftp://app.example.com")]
    [InlineData("Cors:Origins:0=null")]
    [InlineData("Shutdown:DrainTimeout=-00:00:01")]
    [InlineData("Shutdown:StreamsShare=1.1")]
    [InlineData("Shutdown:StreamsShare=NaN")]
    [InlineData("Log:FlushInterval=00:00:00")]
    [InlineData("Log:QueueLimit=0")]
    [InlineData("Summarize:Model= ")]
    [InlineData("Summarize:MaxInputTokens=0")]
    [InlineData("Summarize:MaxOutputTokens=0")]
    [InlineData("Summarize:MaxBodyBytes=1023")]
    [InlineData("Summarize:MapReduceAbove=0")]
    [InlineData("Summarize:SliceTokens=199")]
    [InlineData("Summarize:SliceOutputTokens=6251")]
    [InlineData("Summarize:MaxSlices=0")]
    [InlineData("Summarize:ParallelSlices=0")]
    [InlineData("Summarize:RoundTimeout=00:00:00")]
    [InlineData("Summarize:Model=gpt-9")]
    [InlineData("Chat:Model=text-embedding-3-small", "Chat__Model")]
    [InlineData("Classify:Model=gpt-9", "Llm:Models")]
    [InlineData("Summarize:MaxOutputTokensLimit=1")]
    [InlineData("Chat:MaxMessages=0")]
    [InlineData("Chat:MaxOutputTokens=-1")]
    [InlineData("Classify:MaxCategories=0")]
    [InlineData("Classify:Categories:0:Name=other", "Classify:Categories")]
    [InlineData("Classify:Categories:0:Name=", "Classify:Categories")]
    [InlineData("Cache:MemoryBytes=-1")]
    [InlineData("Cache:Chat:TimeToLive=-00:00:01")]
    [InlineData("Cache:Summarize:StaleIfError=-00:00:01")]
    [InlineData("Cache:Chat:TimeToLive=60")]
    [InlineData("Cache:Chat:StaleIfError=3600")]
    [InlineData("REDIS_URL=http://host", "REDIS_URL")]
    [InlineData("Redis:Url=redis://", "Redis:Url")]
    [InlineData("Redis:ReadTimeout=00:00:11")]
    [InlineData("Redis:BreakerFailures=0")]
    [InlineData("Redis:Lease=00:00:00")]
    [InlineData("Redis:WriteQueueLimit=0")]
    [InlineData("Llm:Provider=nobody")]
    [InlineData("Llm:OpenAI:BaseUrl=ftp://host/v1", "Llm:OpenAI:BaseUrl", "OPENAI_BASE_URL=")]
    [InlineData("OPENAI_BASE_URL=not an address", "OPENAI_BASE_URL")]
    [InlineData("OPENAI_BASE_URL=host/v1", "OPENAI_BASE_URL")]
    [InlineData("Llm:OpenAI:IdleTimeout=00:00:00")]
    [InlineData("Llm:OpenAI:ConnectTimeout=-00:00:01")]
    [InlineData("Llm:OpenAI:MaxResponseBytes=1")]
    [InlineData("Llm:Models:gpt-4o:Encoding=utf-8")]
    [InlineData("Llm:Models:gpt-4o:ContextWindow=0")]
    [InlineData("Llm:Models:gpt-4o:MaxOutputTokens=0")]
    [InlineData("Llm:Models:gpt-4o:Provider= ")]
    [InlineData("Llm:Models:gpt-4o:OutputPrice=-1", "OutputPrice")]
    [InlineData("Llm:Resilience:MaxRetries=11")]
    [InlineData("Llm:Resilience:MaxRetries=-1")]
    [InlineData("Llm:Resilience:BaseDelay=00:00:00")]
    [InlineData("Llm:Resilience:AttemptTimeout=00:00:00")]
    [InlineData("Llm:Resilience:TotalTimeout=-00:00:01")]
    [InlineData("Llm:Resilience:MaxDuration=00:00:00")]
    [InlineData("Llm:Resilience:BreakerFailureRatio=0")]
    [InlineData("Llm:Resilience:BudgetMax=-1")]
    public async Task RefusesAWrongValueByItsName(string setting, string? named = null, string? other = null)
    {
        var failures = await FailuresAsync(other is null ? [setting] : [setting, other]);

        Assert.Contains(failures, failure => failure.Contains(named ?? setting.Split('=')[0], StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Http:MaxBodyBytes=many")]
    [InlineData("Http:MaxConcurrentRequests=1.5")]
    [InlineData("Http:MaxConcurrentRequests=99999999999")]
    [InlineData("Streaming:OpenAfter=soon")]
    [InlineData("Shutdown:StreamsShare=half")]
    [InlineData("Log:Level=Chatty")]
    [InlineData("Log:Format=Xml")]
    [InlineData("Llm:Resilience:MaxRetries=five")]
    [InlineData("Llm:Models:gpt-4o:InputPrice=cheap")]
    [InlineData("Llm:Models:gpt-4o:Embeddings=perhaps")]
    public async Task RefusesAValueThatCannotBeRead(string setting)
    {
        var failures = await FailuresAsync(setting);

        Assert.Contains(failures, failure => failure.Contains(setting.Split('=')[0], StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Http:MaxBodyBites=1")]
    [InlineData("Streaming:Nonsense=1")]
    [InlineData("Ticket:Lifetime=1")]
    [InlineData("Cors:Hosts:0=x")]
    [InlineData("Shutdown:Timeout=00:00:01")]
    [InlineData("Log:Colour=1")]
    [InlineData("Summarize:MaxTokens=1")]
    [InlineData("Chat:Temperature=1")]
    [InlineData("Classify:Labels:0=a")]
    [InlineData("Classify:Categories:0:Title=a")]
    [InlineData("Cache:Classify:Ttl=1")]
    [InlineData("Redis:Host=x")]
    [InlineData("Llm:Modells:x:ContextWindow=1")]
    [InlineData("Llm:Models:gpt-4o:Pice=1")]
    [InlineData("Llm:OpenAI:Url=http://x")]
    [InlineData("Llm:Offline:Speed=1")]
    [InlineData("Llm:Resilience:Retries=1")]
    public async Task RefusesASettingThatNobodyReads(string setting)
    {
        var failures = await FailuresAsync(setting);

        Assert.Contains(failures, failure => failure.Contains(setting.Split('=')[0].Split(':').Last(part => part != "0" && part != "x" && part != "ContextWindow"), StringComparison.Ordinal));
    }

    /// <summary>What stands there may be another program's: it is told, and no reason not to start.</summary>
    [Fact]
    public async Task TellsOfASectionThatNobodyReads()
    {
        await using var gateway = await GatewayHost.StartAsync(
            "Streming:OpenAfter=00:00:05", "Logging:LogLevel:Default=Warning", "streaming:OpenAfter=00:00:05", "ASPNETCORE_Kestrel:Limits:MaxRequestLineSize=8000", "Word=1");

        await Until.TrueAsync(() => Unread().Contains("Streming"), TimeSpan.FromSeconds(10));
        Assert.Contains("Logging", Unread());
        Assert.DoesNotContain(Unread(), section => section is "Streaming" or "streaming" or "ASPNETCORE_Kestrel" or "Word" or "Llm" or "Log");

        List<string> Unread() => [.. gateway.Log.Of("UnreadSection").Select(logged => logged.Properties["Section"].ToString().Trim('"'))];
    }

    [Fact]
    public async Task NamesEveryWrongValueOfASectionAtOnce()
    {
        var failures = await FailuresAsync("Http:MaxBodyBytes=1", "Http:MaxConcurrentRequests=0");

        Assert.Equal(2, failures.Count);
    }

    [Fact]
    public async Task NamesWhatIsWrongInSeveralSections()
    {
        var (exitCode, output, error) = await GatewayRun.ToEndAsync(
            ["--Http:MaxBodyBytes=1", "--Chat:MaxMessages=0", "--Log:QueueLimit=5"], ("OPENAI_API_KEY", GatewayHost.Key), ("ASPNETCORE_URLS", "http://127.0.0.1:0"));

        Assert.Equal(1, exitCode);
        Assert.Contains("Configuration: Http:MaxBodyBytes", error, StringComparison.Ordinal);
        Assert.Contains("Configuration: Chat:MaxMessages", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output + error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Http:MaxBodyBytes=1", "Http:MaxBodyBytes")]
    [InlineData("Http:MaxBodyBytes=many", "Http:MaxBodyBytes")]
    [InlineData("Http:MaxBites=1", "'MaxBites': there is no such setting in Http.")]
    [InlineData("Cache:Chat:TimeToLive=1h", "Write it as hours:minutes:seconds, like 00:10:00.")]
    public async Task EndsWithASentenceRatherThanWithAStackTrace(string setting, string named)
    {
        var (exitCode, output, error) = await GatewayRun.ToEndAsync(
            ["--" + setting], ("OPENAI_API_KEY", GatewayHost.Key), ("ASPNETCORE_URLS", "http://127.0.0.1:0"));

        Assert.Equal(1, exitCode);
        Assert.StartsWith("Configuration: ", error, StringComparison.Ordinal);
        Assert.Contains(named, error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output + error, StringComparison.Ordinal);
        Assert.DoesNotContain(GatewayHost.Key, output + error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("foo")]
    [InlineData("http://192.0.2.1:8080")]
    public async Task AnAddressThatCannotBeListenedOnIsToldInASentence(string address)
    {
        var (exitCode, output, error) = await GatewayRun.ToEndAsync([], ("OPENAI_API_KEY", GatewayHost.Key), ("ASPNETCORE_URLS", address));

        Assert.Equal(1, exitCode);
        Assert.Contains("ASPNETCORE_URLS", Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output + error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnAddressThatIsTakenIsToldInASentence()
    {
        await using var other = await GatewayHost.StartAsync();

        var (exitCode, output, error) = await GatewayRun.ToEndAsync([], ("OPENAI_API_KEY", GatewayHost.Key), ("ASPNETCORE_URLS", other.Address.ToString()));

        Assert.Equal(1, exitCode);
        Assert.Contains("in use", Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output + error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RefusesToStartWithoutAKeyInProduction()
    {
        var (exitCode, output, error) = await GatewayRun.ToEndAsync([], ("ASPNETCORE_URLS", "http://127.0.0.1:0"));

        Assert.Equal(1, exitCode);
        Assert.Contains("OPENAI_API_KEY", error, StringComparison.Ordinal);
        Assert.Contains("Llm__Provider=offline", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output + error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SaysThatItsAddressIsTaken()
    {
        await using var gateway = await GatewayHost.StartAsync();

        var (exitCode, _, error) = await GatewayRun.ToEndAsync([], ("OPENAI_API_KEY", GatewayHost.Key), ("ASPNETCORE_URLS", gateway.Address.ToString()));

        Assert.Equal(1, exitCode);
        Assert.Contains("ASPNETCORE_URLS", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    public async Task TakesAnEmptyKeyForNone(string key)
    {
        var failures = await FailuresAsync("OPENAI_API_KEY=" + key);

        Assert.Contains("OPENAI_API_KEY", Assert.Single(failures), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("environment=Development", "OPENAI_API_KEY=", "ANTHROPIC_API_KEY=")]
    [InlineData("environment=Production", "Llm:Provider=offline", "OPENAI_API_KEY=")]
    [InlineData("environment=Production", "Llm:Provider=offline")]
    public async Task AnswersOfflineAndSaysSo(params string[] settings)
    {
        await using var gateway = await GatewayHost.StartAsync([.. settings, "Llm:Offline:TokensPerSecond=0", "Llm:Offline:FirstToken=00:00:00"]);
        foreach (var endpoint in GatewayCalls.Endpoints)
        {
            using var response = await gateway.Client.SendAsync(GatewayCalls.NewRequest(endpoint));

            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal("offline", Assert.Single(response.Headers.GetValues("x-provider")));
            if (response.Headers.TryGetValues("x-cost-usd", out var cost)) Assert.Equal(0, decimal.Parse(Assert.Single(cost), CultureInfo.InvariantCulture));
        }
        Assert.Equal(0, gateway.Upstream.Calls);
        Assert.Single(gateway.Log.Of("Offline"));
    }

    [Fact]
    public async Task AsksTheModelInDevelopmentToo()
    {
        await using var gateway = await GatewayHost.StartAsync("environment=Development");

        using var response = await gateway.SummarizeAsync();

        Assert.Equal("openai", Assert.Single(response.Headers.GetValues("x-provider")));
        Assert.Empty(gateway.Log.Of("Offline"));
    }

    [Theory]
    [MemberData(nameof(Sections))]
    public void StandsInTheFileWithItsDefaults(string section)
    {
        var type = OptionTypes().Single(type => type.Name == section + "Options");
        var defaults = Leaves(Activator.CreateInstance(type, nonPublic: true)!, section).Where(leaf => !NotInTheFile.Contains(leaf.Path)).ToList();

        foreach (var (path, value, property) in defaults)
        {
            var told = Find(path);
            Assert.True(told is not null, $"appsettings.json does not name {path}.");
            if (IsCollection(property)) continue;
            var text = told.Value.ValueKind == JsonValueKind.String ? told.Value.GetString()! : told.Value.GetRawText();
            Assert.Equal(value ?? (property == typeof(string) ? "" : null), TypeDescriptor.GetConverter(Nullable.GetUnderlyingType(property) ?? property).ConvertFromInvariantString(text));
        }
        foreach (var path in PathsOf(File.Value.GetProperty(section), section))
            Assert.Contains(defaults, leaf => path == leaf.Path || (IsCollection(leaf.Property) && path.StartsWith(leaf.Path + ":", StringComparison.Ordinal)));
    }

    [Fact]
    public void HasNoSectionThatNobodyReads()
    {
        string[] known = [.. OptionTypes().Select(type => type.Name[..^"Options".Length]), "AllowedHosts"];

        Assert.Equal(known.Order(), File.Value.EnumerateObject().Select(section => section.Name).Order());
    }

    private static List<Type> OptionTypes() =>
        [.. typeof(Program).Assembly.GetTypes().Where(type => type is { IsAbstract: false } && typeof(ISettings).IsAssignableFrom(type))];

    private static IEnumerable<(string Path, object? Value, Type Property)> Leaves(object options, string path)
    {
        foreach (var property in options.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite))
        {
            var value = property.GetValue(options);
            if (property.PropertyType.IsClass && property.PropertyType.Assembly == typeof(Program).Assembly)
            {
                foreach (var leaf in Leaves(value!, $"{path}:{property.Name}"))
                    yield return leaf;
                continue;
            }
            yield return ($"{path}:{property.Name}", value, property.PropertyType);
        }
    }

    private static bool IsCollection(Type type) => type != typeof(string) && typeof(IEnumerable).IsAssignableFrom(type);

    private static JsonElement? Find(string path)
    {
        var element = File.Value;
        foreach (var name in path.Split(':'))
        {
            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element)) return null;
        }
        return element;
    }

    private static IEnumerable<string> PathsOf(JsonElement element, string path) => element.ValueKind == JsonValueKind.Object
        ? element.EnumerateObject().SelectMany(property => PathsOf(property.Value, $"{path}:{property.Name}"))
        : [path];

    /// <summary>What the program says when it is started with these settings.</summary>
    private static async Task<IReadOnlyList<string>> FailuresAsync(params string[] settings)
    {
        string[] args =
        [
            "--environment=Production", "--urls=http://127.0.0.1:0", $"--OPENAI_API_KEY={GatewayHost.Key}", .. settings.Select(setting => "--" + setting),
        ];
        try
        {
            await using var app = Program.Build(args, builder => new CapturedLog().Capture(builder));
            await app.StartAsync();
        }
        catch (OptionsValidationException exception)
        {
            return [.. exception.Failures];
        }
        catch (InvalidOperationException exception)
        {
            return [exception.Message];
        }
        Assert.Fail("The program started.");
        return [];
    }
}
