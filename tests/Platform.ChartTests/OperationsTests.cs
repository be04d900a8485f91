using System.Text.RegularExpressions;
using Platform.Testing;
using YamlDotNet.Serialization;

namespace Platform.ChartTests;

/// <summary>What an operator runs by hand: the order of backups, the jobs of the services' commands, the secrets.</summary>
public sealed partial class OperationsTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>A fact that its hearer's dump knows and its teller's does not cannot be undone; the other way round it is told again.</summary>
    [Theory]
    [InlineData("charts/dependencies/files/backup.sh", @"\norder=\(([a-z ]+)\)")]
    [InlineData("tests/Platform.ChartTests/cluster", @"\ndatabases=\(([a-z ]+)\)")]
    [InlineData("docs/backup.md", @"\nfor name in ([a-z ]+); do")]
    [Trait("Requirement", "R28")]
    public void Dumps_are_taken_of_who_hears_before_who_tells(string file, string order)
    {
        var dumped = Regex.Match(File.ReadAllText(Repository.Path(file)), order).Groups[1].Value.Split(' ').ToList();
        Assert.Equal(
            new Manifest(new DeserializerBuilder().Build().Deserialize<object>(File.ReadAllText(Repository.Path("charts", "dependencies", "values.yaml"))))
                .List("postgres", "databases").Select(name => $"{name.Value}").Order(StringComparer.Ordinal),
            dumped.Order(StringComparer.Ordinal));
        foreach (var fact in FactRow().Matches(File.ReadAllText(Repository.Path("contracts", "README.md"))).Where(row => !IsToldAgain(row.Groups["fact"].Value)))
        {
            foreach (var consumer in fact.Groups["consumers"].Value.Split(", ").Where(dumped.Contains))
            {
                Assert.True(dumped.IndexOf(consumer) < dumped.IndexOf(fact.Groups["producer"].Value), $"{fact.Groups["fact"].Value} is heard by {consumer}, which {file} dumps later");
            }
        }
    }

    /// <summary>Retention asks its owners until they have answered, and each answers the same; an exporter's silence is seen anew.</summary>
    private static bool IsToldAgain(string fact) => fact.StartsWith("Retention.", StringComparison.Ordinal) || fact.StartsWith("Ingestion.", StringComparison.Ordinal);

    [Fact]
    [Trait("Requirement", "R154")]
    public async Task A_command_of_a_service_is_a_job_like_its_migration()
    {
        var container = Assert.Single((await Job("retention", "requeue", "retention-when-contract-terminated_error")).Pod!.Containers);
        Assert.Equal(
            ("retention", "platform-retention:0.1.0", "requeue retention-when-contract-terminated_error"),
            (container.Text("name"), container.Text("image"), string.Join(' ', container.List("args").Select(one => one.Value))));
        Assert.Contains(container.List("env"), e => e.Text("name") == "ConnectionStrings__Postgres" && e.Text("valueFrom", "secretKeyRef", "key") == "retention");

        var all = await Job("all", "republish", "2030-01-01T00:00:00Z");
        Assert.Equal("platform-republish", all.Name);
        Assert.Equal(("0", "Never"), (all.Text("spec", "backoffLimit"), all.Pod!.Text("spec", "restartPolicy"))); // it may fail, and says so
        Assert.False(all.At("metadata", "annotations").Exists); // no hook: helm does not delete it
        Assert.Equal("migrate", all.Pod!.Map("metadata", "labels")["app.kubernetes.io/name"]); // whom the network policy lets at the database
        Assert.Equal(
            ["accounts", "detection", "ingestion", "mitigation", "notifications", "reporting", "retention"], all.Pod!.Containers.Select(one => one.Text("name")));
        Assert.All(all.Pod!.Containers, one => Assert.Equal(["republish", "2030-01-01T00:00:00Z"], one.List("args").Select(argument => $"{argument.Value}")));
    }

    [Fact]
    public async Task A_job_of_a_service_without_commands_is_refused() => Assert.Contains(
        "has no migration of gateway", (await Assert.ThrowsAsync<InvalidOperationException>(() => Job("gateway", "verify"))).Message, StringComparison.Ordinal);

    /// <summary>Who does not publish or read windows may not touch the telemetry bus.</summary>
    [Fact]
    [Trait("Requirement", "R23")]
    public async Task Secrets_give_each_service_its_own_queues_and_the_telemetry_bus_to_those_who_use_it()
    {
        var secrets = await Command.Run([Repository.Path("charts", "dependencies", "secrets"), "platform"], cancellationToken: Cancellation);
        var rights = Right().Matches(secrets).ToDictionary(right => right.Groups["user"].Value, right => right.Groups["mine"].Value);
        Assert.Equal(["accounts", "detection", "gateway", "ingestion", "mitigation", "notifications", "reporting", "retention"], rights.Keys.Order(StringComparer.Ordinal));
        var touching = Directory.EnumerateDirectories(Repository.Path("services")).Where(folder => Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Any(file => !file.Contains("Tests", StringComparison.Ordinal) && File.ReadAllText(file).Contains("\"telemetry.", StringComparison.Ordinal))).Select(folder => Path.GetFileName(folder)!);
        Assert.Equal(
            touching.Order(StringComparer.Ordinal),
            rights.Where(right => right.Value.Contains("telemetry", StringComparison.Ordinal)).Select(right => right.Key).Order(StringComparer.Ordinal));
        Assert.All(rights, right => Assert.StartsWith($"^({right.Key}-.*|{right.Key}_.*|", right.Value, StringComparison.Ordinal));
    }

    /// <summary>Helm gives up after five minutes by itself; the hook that migrates may take longer.</summary>
    [Fact]
    public void Each_command_that_migrates_waits_for_as_long_as_a_migration_may_take()
    {
        var values = new DeserializerBuilder().Build().Deserialize<object>(File.ReadAllText(Repository.Path("charts", "platform", "values.yaml")));
        var deadline = int.Parse(new Manifest(values).Text("migration", "deadlineSeconds"), System.Globalization.CultureInfo.InvariantCulture);
        var commands = Directory.EnumerateFiles(Repository.Path("docs"), "*.md", SearchOption.AllDirectories)
            .Concat(Directory.EnumerateFiles(Repository.Path("charts"), "README.md", SearchOption.AllDirectories))
            .SelectMany(File.ReadLines).Where(line => HelmCommand().IsMatch(line.TrimStart())).ToArray();
        Assert.True(commands.Length >= 6, "no commands were found");
        Assert.All(commands, command =>
            Assert.True(int.Parse(Regex.Match(command, "--timeout ([0-9]+)m").Groups[1].Value.PadLeft(1, '0'), System.Globalization.CultureInfo.InvariantCulture) * 60 > deadline, command));
    }

    /// <summary>As with an installed release: in the place of helm stands what it would answer.</summary>
    private static async Task<Manifest> Job(params string[] arguments)
    {
        using var folder = new TemporaryFolder("job");
        var (_, hooks, _) = await Helm.Three.OrSkip().Run("template", "platform", "charts/platform");
        await File.WriteAllTextAsync(folder.File("hooks"), hooks, Cancellation);
        await File.WriteAllTextAsync(folder.File("helm"), $"#!/bin/sh\n[ \"$*\" = '-n ddos get hooks platform' ] && cat {folder.File("hooks")}\n", Cancellation);
        File.SetUnixFileMode(folder.File("helm"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var job = await Command.Run(
            [Repository.Path("charts", "platform", "job"), "ddos", "platform", .. arguments],
            new Dictionary<string, string?> { ["PATH"] = $"{folder.FullName}:{Environment.ExpandEnvironmentVariables("%PATH%")}" },
            Cancellation);
        return new Manifest(new DeserializerBuilder().Build().Deserialize<object>(job));
    }

    [GeneratedRegex(@"^\| (?<fact>[A-Z]\w+\.V1\.\w+) \| [^|]+ \| (?<producer>\w+) \| (?<consumers>[^|]+) \|", RegexOptions.Multiline)]
    private static partial Regex FactRow();

    [GeneratedRegex("^helm .*(?<!un)(install|upgrade|rollback) ")]
    private static partial Regex HelmCommand();

    [GeneratedRegex("""\{"user":"(?<user>\w+)","vhost":"platform","configure":"(?<mine>[^"]+)","write":"\k<mine>","read":"\k<mine>"\}""")]
    private static partial Regex Right();
}
