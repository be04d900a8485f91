using Platform.Testing;

namespace Platform.ChartTests;

/// <summary>The chart renders what we mean, for every example, with helm 3 and helm 4, for old and current API versions.</summary>
public sealed class RenderingTests
{
    private static readonly string[] Current = ["--kube-version", "1.32.0"];
    private static readonly string[] Oldest = ["--kube-version", "1.20.2"];

    public static TheoryData<string, string> Examples()
    {
        var all = new TheoryData<string, string>();
        foreach (var helm in Helm.All)
        {
            foreach (var example in ExampleFiles.All)
            {
                all.Add(helm.Name, example);
            }
        }

        return all;
    }

    /// <summary>For the oldest version that we promise, those that took kinds away (1.22, 1.25, 1.26), and the current one.</summary>
    [Theory, MemberData(nameof(Examples))]
    public async Task Every_example_lints_and_renders_without_a_warning(string name, string example)
    {
        var helm = Helm.All.Single(one => one.Name == name).OrSkip();
        foreach (var version in (string[])["1.20.2", "1.22.0", "1.25.0", "1.26.0", "1.32.0", "1.34.0"])
        {
            await Quiet(helm, ["lint", "--strict", "charts/platform", .. ExampleFiles.Arguments(example), "--kube-version", version]);
            await Quiet(helm, ["template", "platform", "charts/platform", .. ExampleFiles.Arguments(example), "--kube-version", version]);
        }
    }

    [Theory]
    [InlineData("charts/dependencies/values.yaml")]
    [InlineData("tests/Platform.ChartTests/backups.yaml")]
    public async Task The_dependencies_lint_and_render_without_a_warning(string values)
    {
        foreach (var helm in Helm.All.Select(one => one.OrSkip()))
        {
            foreach (var version in (string[])["1.20.2", "1.34.0"])
            {
                await Quiet(helm, ["lint", "--strict", "charts/dependencies", "-f", values, "--kube-version", version]);
                await Quiet(helm, ["template", "platform-dependencies", "charts/dependencies", "-f", values, "--kube-version", version]);
            }
        }
    }

    [Theory, MemberData(nameof(Examples))]
    public async Task Helm_3_and_4_render_the_same_twice(string name, string example)
    {
        var (_, first, _) = await Helm.Three.OrSkip().Run(["template", "platform", "charts/platform", .. ExampleFiles.Arguments(example), .. Current]);
        var helm = Helm.All.Single(one => one.Name == name).OrSkip();
        var (_, second, _) = await helm.Run(["template", "platform", "charts/platform", .. ExampleFiles.Arguments(example), .. Current]);
        Assert.NotEmpty(first);
        Assert.Equal(Normalized(first), Normalized(second));
    }

    [Fact]
    public async Task Current_clusters_get_current_kinds_and_old_ones_get_theirs()
    {
        Assert.Equal(
            ["autoscaling/v2", "policy/v1"],
            await Versions(Current));
        Assert.Equal(
            ["autoscaling/v2beta2", "policy/v1beta1"],
            await Versions(Oldest));
        // A cluster that says of itself that it has the kind is believed, whatever its version.
        Assert.Equal(
            ["autoscaling/v2", "policy/v1"],
            await Versions([.. Oldest, "-a", "policy/v1/PodDisruptionBudget", "-a", "autoscaling/v2/HorizontalPodAutoscaler"]));
    }

    [Fact]
    public async Task Backups_are_a_cron_job_of_the_kind_that_the_cluster_has()
    {
        Assert.Equal("batch/v1", await Backup(Current));
        Assert.Equal("batch/v1beta1", await Backup(Oldest));
        Assert.Equal("batch/v1", await Backup([.. Oldest, "-a", "batch/v1/CronJob"]));
        Assert.DoesNotContain(await Helm.Three.OrSkip().Render("dependencies", Current), m => m.Kind == "CronJob"); // without a claim there is none

        static async Task<string> Backup(IEnumerable<string> arguments) =>
            (await Helm.Three.OrSkip().Render("dependencies", ["-f", "tests/Platform.ChartTests/backups.yaml", .. arguments])).Single(m => m.Kind == "CronJob").ApiVersion;
    }

    [Fact]
    public async Task A_new_service_is_one_more_entry_and_nothing_else()
    {
        var before = await Helm.Three.OrSkip().Render("platform");
        var after = await Helm.Three.Render(
            "platform", "-f", "tests/Platform.ChartTests/another-service.yaml");
        var added = after.Select(m => $"{m}").Except(before.Select(m => $"{m}")).Order();
        Assert.Equal(
            ["Deployment platform-directory", "NetworkPolicy platform-directory", "PodDisruptionBudget platform-directory", "Service platform-directory"], added);
        var migrating = after.Single(m => m.Kind == "Job").Pod!.Containers.Select(c => c.Text("name"));
        Assert.Contains("directory", migrating);
        // The gateway that calls it knows where it is.
        var gateway = after.Single(m => m is { Kind: "Deployment", Name: "platform-gateway" }).Pod!.Containers.Single();
        Assert.Contains(gateway.List("env"), e => e.Text("name") == "Services__Directory" && e.Text("value") == "http://platform-directory:8080");
    }

    [Theory]
    [InlineData("image.tag=latest", "names a different program every day")]
    [InlineData("services.gateway.calls={nobody}", "there is no service 'nobody'")]
    [InlineData("services.retention.callers={mitigation}", "one side of the network edge is missing")]
    [InlineData("services.retention.callers={gateway,nobody}", "there is no service 'nobody'")]
    [InlineData("defaults.lingerSeconds=50", "must be shorter than terminationGracePeriodSeconds")]
    [InlineData("services.gateway.replicas=2", "ReadWriteMany claim")]
    [InlineData("ingress.enabled=true", "name the host")]
    [InlineData("scrubbers.agents[0].name=tokyo,scrubbers.agents[0].node=one", "name the addresses of the agents' nodes")]
    [InlineData("monitoring.serviceMonitor=true", "no ServiceMonitor kind")]
    [InlineData("monitoring.alerts=true", "no PrometheusRule kind")]
    [InlineData("services.detection.autoscaling.minReplicas=1,services.detection.autoscaling.maxReplicas=2", "say what to scale on")]
    [InlineData(
        "services.detection.autoscaling.minReplicas=3,services.detection.autoscaling.maxReplicas=2,services.detection.autoscaling.cpuPercent=50", "is above maxReplicas")]
    public async Task Contradictory_values_are_refused_with_a_sentence(string set, string says) =>
        Assert.Contains(says, await Helm.Three.OrSkip().Refusal("platform", "--set", set), StringComparison.Ordinal);

    [Theory]
    [InlineData("services.ingestion.replica=2")]
    [InlineData("postgress.port=1")]
    [InlineData("defaults.resources.limits.cpu=1,defaults.resources.limits.memory=null")]
    [InlineData("services.ingestion.udp.port=70000")]
    public async Task The_schema_is_closed(string set) =>
        Assert.Contains("values don't meet the specifications of the schema", await Helm.Three.OrSkip().Refusal("platform", "--set", set), StringComparison.Ordinal);

    [Theory]
    [InlineData("postgres.kind=operator", "Install the CloudNativePG operator first")]
    [InlineData("rabbitmq.kind=operator", "Install the RabbitMQ cluster operator first")]
    public async Task Dependencies_want_their_operators(string set, string says) =>
        Assert.Contains(says, await Helm.Three.OrSkip().Refusal("dependencies", "--set", set), StringComparison.Ordinal);

    [Fact]
    public async Task Dependencies_by_operators_are_three_nodes_that_lose_nothing()
    {
        var all = await Helm.Three.OrSkip().Render(
            "dependencies", "--set", "postgres.kind=operator,postgres.storage=1Gi,rabbitmq.kind=operator,rabbitmq.storage=1Gi",
            "-a", "postgresql.cnpg.io/v1/Cluster", "-a", "rabbitmq.com/v1beta1/RabbitmqCluster");
        var postgres = all.Single(m => m.Kind == "Cluster");
        Assert.Equal(("3", "1"), (postgres.Text("spec", "instances"), postgres.Text("spec", "minSyncReplicas")));
        var rabbit = all.Single(m => m.Kind == "RabbitmqCluster");
        Assert.Equal("3", rabbit.Text("spec", "replicas"));
        Assert.Contains("pause_minority", rabbit.Text("spec", "rabbitmq", "additionalConfig"), StringComparison.Ordinal);
        Assert.Equal(7, all.Count(m => m.Kind == "Database"));
    }

    [Fact]
    public async Task Alerts_and_dashboards_go_in_where_the_cluster_takes_them()
    {
        var all = await Helm.Three.OrSkip().Render(
            "platform", "--set", "monitoring.alerts=true,monitoring.serviceMonitor=true,monitoring.dashboards=true",
            "-a", "monitoring.coreos.com/v1/ServiceMonitor", "-a", "monitoring.coreos.com/v1/PrometheusRule");
        Assert.NotEmpty(all.Single(m => m.Kind == "PrometheusRule").List("spec", "groups"));
        Assert.Single(all, m => m.Kind == "ServiceMonitor");
        Assert.Contains(all, m => m.Kind == "ConfigMap" && m.Map("metadata", "labels").ContainsKey("grafana_dashboard"));
    }

    [Fact]
    public void The_readme_lists_every_value()
    {
        var readme = ValuesReadme.Of(File.ReadAllLines(Repository.Path("charts", "platform", "values.yaml")));
        var path = Repository.Path("charts", "platform", "README.md");
        var (before, after) = ValuesReadme.Split(File.ReadAllText(path));
        Approved.Matches(path, before + readme + after);
        Assert.DoesNotContain("| |", readme, StringComparison.Ordinal); // a value without a description
    }

    private static async Task Quiet(Helm helm, IEnumerable<string> arguments)
    {
        var (code, output, errors) = await helm.Run(arguments);
        Assert.True(code == 0, output + errors);
        Assert.DoesNotContain("WARNING", output + errors, StringComparison.OrdinalIgnoreCase);
    }

    private static async Task<string[]> Versions(IEnumerable<string> arguments)
    {
        var all = await Helm.Three.OrSkip().Render("platform", [.. ExampleFiles.Arguments("ha"), .. arguments]);
        return [.. all.Where(m => m.Kind is "PodDisruptionBudget" or "HorizontalPodAutoscaler").Select(m => m.ApiVersion).Distinct().Order(StringComparer.Ordinal)];
    }

    /// <summary>Helm 4 orders documents of the same kind otherwise.</summary>
    private static IEnumerable<string> Normalized(string rendered) =>
        rendered.Split("\n---", StringSplitOptions.RemoveEmptyEntries).Select(document => document.Trim('\n', '-', ' ')).Order(StringComparer.Ordinal);
}

/// <summary>charts/platform/examples.</summary>
internal static class ExampleFiles
{
    public static IReadOnlyList<string> All { get; } =
        [.. Directory.EnumerateFiles(Repository.Path("charts", "platform", "examples"), "*.yaml").Select(f => Path.GetFileNameWithoutExtension(f)!).Order(StringComparer.Ordinal)];

    public static string[] Arguments(string example) => ["-f", $"charts/platform/examples/{example}.yaml"];
}
