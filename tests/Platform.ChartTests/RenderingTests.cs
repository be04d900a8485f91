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

    /// <summary>In the chart; what a service needs beside it (database, secrets, order of dumps) is in CONTRIBUTING.md.</summary>
    [Fact]
    public async Task A_new_service_is_one_more_entry_of_the_values_and_no_other_change_of_the_chart()
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
    [InlineData("services.detection.image=registry.example:5000/detection:latest", "names a different program every day")]
    [InlineData("services.detection.image=registry.example:5000/detection", "names a different program every day")]
    [InlineData("scrubbers.agents[0].name=tokyo,scrubbers.agents[0].node=n1,scrubbers.peers[0].ipBlock.cidr=192.0.2.1/32,scrubbers.image=scrubber:latest", "names a different program")]
    [InlineData("check.image=check", "names a different program every day")]
    [InlineData("services.ingestion.udp.type=ClusterIP,services.ingestion.udp.nodePort=32055", "goes with type NodePort")]
    [InlineData("services.ingestion.udp.type=NodePort,services.ingestion.udp.loadBalancerSourceRanges={192.0.2.0/24}", "go with type LoadBalancer")]
    [InlineData("services.detection.replicas=5", "more replicas than partitions")]
    [InlineData("services.detection.autoscaling.minReplicas=1,services.detection.autoscaling.maxReplicas=17,services.detection.autoscaling.cpuPercent=60,services.detection.settings.Windows__Partitions=16", "more replicas than partitions")]
    [InlineData("services.gateway.calls={nobody}", "there is no service 'nobody'")]
    [InlineData("services.retention.callers={mitigation}", "one side of the network edge is missing")]
    [InlineData("services.retention.callers={gateway,nobody}", "there is no service 'nobody'")]
    [InlineData("defaults.lingerSeconds=50", "must be shorter than terminationGracePeriodSeconds")]
    [InlineData("defaults.lingerSeconds=36", "must be shorter than terminationGracePeriodSeconds (45) by 10 at least")]
    [InlineData("services.ingestion.settings.Flows__Listen=1.2.3.4:2055", "services.ingestion.settings.Flows__Listen: the chart sets it itself")]
    [InlineData("services.detection.settings.RABBITMQ__HOST=other", "the chart sets it itself")]
    [InlineData("ingress.enabled=true,ingress.host=a.example", "name the secret with the certificate")]
    [InlineData("ingress.enabled=true,ingress.host=a.example,ingress.terminatesTls=true", "name the networks that the ingress controller's pods connect from")]
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

    [Fact]
    public async Task A_name_that_leaves_no_room_for_those_of_the_services_is_refused()
    {
        var (code, _, errors) = await Helm.Three.OrSkip().Run("template", new string('a', 41), "charts/platform");
        Assert.NotEqual(0, code);
        Assert.Contains("40 fit", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("services.ingestion.replica=2")]
    [InlineData("postgress.port=1")]
    [InlineData("defaults.resources.limits.cpu=1,defaults.resources.limits.memory=null")]
    [InlineData("services.ingestion.udp.port=70000")]
    [InlineData("ingress.trustedProxies={everybody}")]
    public async Task The_schema_is_closed(string set) =>
        Assert.Contains("values don't meet the specifications of the schema", await Helm.Three.OrSkip().Refusal("platform", "--set", set), StringComparison.Ordinal);

    /// <summary>Helm reads every number of a file as a floating one.</summary>
    [Fact]
    public async Task Numbers_reach_the_services_as_they_were_written()
    {
        foreach (var helm in Helm.All.Select(one => one.OrSkip()))
        {
            var settings = Settings(await helm.Render("platform", "-f", "tests/Platform.ChartTests/numbers.yaml", "--set", "services.ingestion.settings.Set=5000000"), "ingestion");
            Assert.Equal(
                ("4000000", "123456789012", "0.25", "true", "1e6", "5000000"),
                (settings["Million"], settings["More"], settings["Part"], settings["Whether"], settings["Text"], settings["Set"]));
        }
    }

    /// <summary>The first operator is a person, who changes his password.</summary>
    [Fact]
    public async Task The_test_signs_in_as_whom_it_is_told_to()
    {
        Assert.Equal("platform-first-operator", await Operator());
        Assert.Equal("checker", await Operator("--set", "check.existingSecret=checker,firstOperator.existingSecret="));

        static async Task<string> Operator(params string[] arguments) => (await Helm.Three.OrSkip().Render("platform", arguments))
            .Single(m => m.Kind == "Pod").Containers.Single().List("env").Single(e => e.Text("name") == "Check__Password").Text("valueFrom", "secretKeyRef", "name");
    }

    /// <summary>What a values file leaves out holds from the defaults.</summary>
    [Fact]
    public async Task One_limit_can_be_set_alone()
    {
        var all = await Helm.Three.OrSkip().Render("platform", "--set", "services.detection.resources.limits.memory=1Gi");
        var resources = all.Single(m => m is { Kind: "Deployment", Name: "platform-detection" }).Pod!.Containers.Single();
        Assert.Equal(("1Gi", "192Mi"), (resources.Text("resources", "limits", "memory"), resources.Text("resources", "requests", "memory")));
    }

    [Fact]
    public async Task Behind_an_ingress_the_gateway_believes_its_controller_and_nobody_else()
    {
        var all = await Helm.Three.OrSkip().Render("platform", ExampleFiles.Arguments("ha"));
        Assert.Equal("10.244.0.0/16", Settings(all, "gateway")["Access__TrustedProxies__0"]);
        Assert.DoesNotContain(Settings(all, "reporting").Keys, name => name.StartsWith("Access__", StringComparison.Ordinal));
    }

    /// <summary>Also where they are migrated, which sends the same passwords.</summary>
    [Fact]
    public async Task Database_and_broker_outside_are_reached_by_TLS_and_known_by_their_authority()
    {
        var all = await Helm.Three.OrSkip().Render("platform", ExampleFiles.Arguments("external"));
        foreach (var pod in all.Where(m => m.Kind is "Deployment" or "Job").Select(m => m.Pod!))
        {
            Assert.Contains(pod.List("spec", "volumes"), volume => volume.Text("secret", "secretName") == "platform-trust");
            foreach (var container in pod.Containers)
            {
                var settings = container.List("env").ToDictionary(e => e.Text("name"), e => e.Text("value"));
                Assert.Equal(("true", "5671", "/etc/platform/trust/ca.crt"), (settings["RabbitMq__Tls"], settings["RabbitMq__Port"], settings["SSL_CERT_FILE"]));
                Assert.Contains(container.List("volumeMounts"), mount => mount.Text("mountPath") == "/etc/platform/trust");
            }
        }
    }

    [Fact]
    public async Task Pods_listen_where_the_cluster_has_addresses()
    {
        var all = await Helm.Three.OrSkip().Render(
            "platform", "-f", "charts/platform/examples/scrubbers.yaml", "--set", "network.listen=[::],network.ipFamilyPolicy=PreferDualStack");
        var listening = all.Where(m => m.Kind == "Deployment").SelectMany(m => m.Pod!.Containers.Single().List("env"))
            .Where(e => e.Text("name").Contains("Listen", StringComparison.Ordinal)).Select(e => e.Text("value")).ToArray();
        Assert.NotEmpty(listening);
        Assert.All(listening, address => Assert.StartsWith("[::]:", address, StringComparison.Ordinal));
        Assert.All(all.Where(m => m.Kind == "Service"), service => Assert.Equal("PreferDualStack", service.Text("spec", "ipFamilyPolicy")));
        Assert.All(
            (await Helm.Three.Render("platform")).Where(m => m.Kind == "Service"), service => Assert.False(service.At("spec", "ipFamilyPolicy").Exists)); // 1.20 knows no such field
    }

    [Fact]
    public async Task An_image_can_be_named_by_its_digest()
    {
        var digest = "sha256:" + new string('a', 64);
        var all = await Helm.Three.OrSkip().Render(
            "platform", "--set", $"image.tag=1.2.3@{digest},services.detection.image=registry.example/detection@{digest}");
        var deployments = all.Where(m => m.Kind == "Deployment").ToDictionary(m => m.Name);
        Assert.Equal($"platform-accounts:1.2.3@{digest}", deployments["platform-accounts"].Pod!.Containers.Single().Text("image"));
        Assert.Equal($"registry.example/detection@{digest}", deployments["platform-detection"].Pod!.Containers.Single().Text("image"));
        Assert.Equal($"registry.example/detection@{digest}", all.Single(m => m.Kind == "Job").Pod!.Containers.Single(c => c.Text("name") == "detection").Text("image"));
        Assert.All(deployments.Values, m => Assert.Equal("1.2.3", m.Map("metadata", "labels")["app.kubernetes.io/version"]));
    }

    [Fact]
    public async Task A_cloud_that_knows_no_affinity_gets_none()
    {
        Assert.Equal("ClientIP", (await Flows()).Text("spec", "sessionAffinity"));
        Assert.Equal("None", (await Flows("--set", "services.ingestion.udp.sessionAffinity=None")).Text("spec", "sessionAffinity"));

        static async Task<Manifest> Flows(params string[] arguments) =>
            (await Helm.Three.OrSkip().Render("platform", arguments)).Single(m => m is { Kind: "Service", Name: "platform-ingestion-flows" });
    }

    /// <summary>A volume that one node holds: the new pod would wait for it, and the old one for the new pod.</summary>
    [Fact]
    public async Task The_one_pod_of_a_claim_lets_go_before_the_next_begins()
    {
        var all = await Helm.Three.OrSkip().Render("platform", "--set", "services.gateway.claim=keys");
        var gateway = all.Single(m => m is { Kind: "Deployment", Name: "platform-gateway" });
        Assert.Equal(("1", "0"), (gateway.Text("spec", "strategy", "rollingUpdate", "maxUnavailable"), gateway.Text("spec", "strategy", "rollingUpdate", "maxSurge")));
    }

    /// <summary>What can be evicted when it is not ready, a field since 1.26 that is on since 1.27.</summary>
    [Fact]
    public async Task A_pod_that_is_not_ready_does_not_hold_up_a_drain()
    {
        Assert.All(await Budgets(Current), budget => Assert.Equal("AlwaysAllow", budget.Text("spec", "unhealthyPodEvictionPolicy")));
        Assert.All(await Budgets(["--kube-version", "1.26.0"]), budget => Assert.False(budget.At("spec", "unhealthyPodEvictionPolicy").Exists));

        static async Task<Manifest[]> Budgets(IEnumerable<string> arguments) =>
            [.. (await Helm.Three.OrSkip().Render("platform", [.. ExampleFiles.Arguments("ha"), .. arguments])).Where(m => m.Kind == "PodDisruptionBudget")];
    }

    [Theory]
    [InlineData("postgres.kind=operator", "Install the CloudNativePG operator first")]
    [InlineData("rabbitmq.kind=operator", "Install the RabbitMQ cluster operator first")]
    public async Task Dependencies_want_their_operators(string set, string says) =>
        Assert.Contains(says, await Helm.Three.OrSkip().Refusal("dependencies", "--set", set), StringComparison.Ordinal);

    [Fact]
    public async Task An_operator_without_databases_is_too_old() => Assert.Contains(
        "has no Database kind", await Helm.Three.OrSkip().Refusal("dependencies", "--set", "postgres.kind=operator", "-a", "postgresql.cnpg.io/v1/Cluster"), StringComparison.Ordinal);

    /// <summary>The official image declares a volume at /var/lib/postgresql/data: what is written there is in no claim.</summary>
    [Fact]
    public async Task The_plain_database_writes_where_its_claim_is_and_no_image_has_a_volume()
    {
        var all = await Helm.Three.OrSkip().Render("dependencies");
        var mount = all.Single(m => m is { Kind: "StatefulSet", Name: "platform-postgres" }).Pod!.Containers.Single().List("volumeMounts").Single(m => m.Text("name") == "data");
        var script = all.Single(m => m is { Kind: "ConfigMap", Name: "platform-postgres" }).Text("data", "start.sh");
        Assert.Contains($"export PGDATA={mount.Text("mountPath")}/platform ", script, StringComparison.Ordinal);
    }

    /// <summary>Else no queue has a name in what the broker answers to a scraper, and the alert on error queues sleeps for ever.</summary>
    [Theory]
    [InlineData("plain")]
    [InlineData("operator")]
    public async Task The_broker_tells_scrapers_of_each_queue(string kind)
    {
        var all = await Helm.Three.OrSkip().Render(
            "dependencies", "--set", $"rabbitmq.kind={kind},rabbitmq.storage=1Gi", "-a", "rabbitmq.com/v1beta1/RabbitmqCluster");
        var configuration = kind == "plain"
            ? all.Single(m => m is { Kind: "ConfigMap", Name: "platform-rabbitmq" }).Text("data", "rabbitmq.conf")
            : all.Single(m => m.Kind == "RabbitmqCluster").Text("spec", "rabbitmq", "additionalConfig");
        Assert.Contains("\nprometheus.return_per_object_metrics = true\n", configuration + "\n", StringComparison.Ordinal);
    }

    /// <summary>Every pod of ha.yaml at its most, with the pool that ./secrets gives it, and one more of each beside it while it is upgraded.</summary>
    [Fact]
    public async Task The_database_of_the_example_takes_the_connections_of_the_example()
    {
        var secrets = await Command.Run([Repository.Path("charts", "dependencies", "secrets"), "--operator"], cancellationToken: TestContext.Current.CancellationToken);
        Assert.Contains("\"Host=platform-postgres-rw;", secrets, StringComparison.Ordinal);
        Assert.Contains("metadata: {name: platform-postgres-reporting}", secrets, StringComparison.Ordinal);
        var pool = int.Parse(System.Text.RegularExpressions.Regex.Match(secrets, "Maximum Pool Size=([0-9]+);").Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture);
        var all = await Helm.Three.OrSkip().Render("platform", ExampleFiles.Arguments("ha"));
        var most = all.Where(m => m.Kind == "HorizontalPodAutoscaler").ToDictionary(m => m.Name, m => m.Text("spec", "maxReplicas"));
        var pods = all.Where(m => m.Kind == "Deployment" && m.Pod!.Containers.Single().List("env").Any(e => e.Text("name") == "ConnectionStrings__Postgres"))
            .Sum(m => 1 + int.Parse(most.GetValueOrDefault(m.Name) ?? m.Text("spec", "replicas"), System.Globalization.CultureInfo.InvariantCulture));
        var database = (await Helm.Three.Render(
            "dependencies", "-f", "charts/dependencies/examples/ha.yaml", "-a", "postgresql.cnpg.io/v1/Cluster", "-a", "postgresql.cnpg.io/v1/Database", "-a", "rabbitmq.com/v1beta1/RabbitmqCluster"))
            .Single(m => m.Kind == "Cluster");
        Assert.InRange(pods * pool, 1, int.Parse(database.Text("spec", "postgresql", "parameters", "max_connections"), System.Globalization.CultureInfo.InvariantCulture));
    }

    [Fact]
    public async Task Dependencies_by_operators_are_three_nodes_that_lose_nothing()
    {
        var all = await Helm.Three.OrSkip().Render(
            "dependencies", "--set", "postgres.kind=operator,postgres.storage=1Gi,rabbitmq.kind=operator,rabbitmq.storage=1Gi",
            "-a", "postgresql.cnpg.io/v1/Cluster", "-a", "postgresql.cnpg.io/v1/Database", "-a", "rabbitmq.com/v1beta1/RabbitmqCluster");
        var postgres = all.Single(m => m.Kind == "Cluster");
        Assert.Equal(("3", "1"), (postgres.Text("spec", "instances"), postgres.Text("spec", "postgresql", "synchronous", "number")));
        Assert.Equal("required", postgres.Text("spec", "postgresql", "synchronous", "dataDurability")); // not as long as it is convenient
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
        Assert.DoesNotContain(all, m => m.Kind == "PodMonitor"); // no scrubber
        Assert.Contains(all, m => m.Kind == "ConfigMap" && m.Map("metadata", "labels").ContainsKey("grafana_dashboard"));
    }

    /// <summary>Each operator selects by labels of its own; services that came later are watched as the others.</summary>
    [Fact]
    public async Task Monitors_and_rules_carry_the_labels_that_they_are_selected_by_and_know_every_service()
    {
        var all = await Helm.Three.OrSkip().Render(
            "platform", "-f", "tests/Platform.ChartTests/another-service.yaml", "-f", "charts/platform/examples/scrubbers.yaml",
            "--set", "monitoring.alerts=true,monitoring.serviceMonitor=true,monitoring.labels.release=prometheus",
            "-a", "monitoring.coreos.com/v1/ServiceMonitor", "-a", "monitoring.coreos.com/v1/PrometheusRule");
        var selected = all.Where(m => m.ApiVersion == "monitoring.coreos.com/v1").ToArray();
        Assert.Equal(["PodMonitor", "PrometheusRule", "ServiceMonitor"], selected.Select(m => m.Kind).Order(StringComparer.Ordinal));
        Assert.All(selected, m => Assert.Equal("prometheus", m.Map("metadata", "labels")["release"]));
        var rules = selected.Single(m => m.Kind == "PrometheusRule").List("spec", "groups").SelectMany(group => group.List("rules")).ToArray();
        var down = rules.Single(rule => rule.Text("alert") == "ServiceDown").Text("expr");
        Assert.Contains("up{job=~\"platform-(accounts|detection|directory|gateway|ingestion|mitigation|notifications|reporting|retention)|platform-scrubber-.*\"} == 0", down, StringComparison.Ordinal);
        Assert.Contains("job=~\"platform-gateway\"", rules.Single(rule => rule.Text("alert") == "ApiErrors").Text("expr"), StringComparison.Ordinal);
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

    private static Dictionary<string, string> Settings(IReadOnlyList<Manifest> all, string service) =>
        all.Single(m => m.Kind == "Deployment" && m.Name == $"platform-{service}").Pod!.Containers.Single().List("env").ToDictionary(e => e.Text("name"), e => e.Text("value"));

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
