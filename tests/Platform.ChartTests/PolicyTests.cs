using System.Text.RegularExpressions;
using Platform.Testing;

namespace Platform.ChartTests;

/// <summary>What no rendered object of ours may ask for, whatever the values.</summary>
public sealed partial class PolicyTests
{
    public static TheoryData<string, string> Renderings()
    {
        var all = new TheoryData<string, string> { { "platform", "" }, { "dependencies", "" }, { "dependencies", "tests/Platform.ChartTests/backups.yaml" } };
        foreach (var example in ExampleFiles.All)
        {
            all.Add("platform", $"charts/platform/examples/{example}.yaml");
        }

        all.Add("platform", "tests/Platform.ChartTests/another-service.yaml");
        return all;
    }

    /// <summary>The pod security standard 'restricted', each of its rules.</summary>
    [Theory, MemberData(nameof(Renderings))]
    [Trait("Requirement", "R167")]
    public async Task Every_pod_is_restricted(string chart, string values)
    {
        foreach (var (owner, pod) in (await Pods(chart, values)).Where(it => !IsAgent(it.Owner)))
        {
            var spec = pod.At("spec");
            Assert.Equal("False", spec.Text("automountServiceAccountToken"));
            Assert.Equal("True", spec.Text("securityContext", "runAsNonRoot"));
            Assert.Equal("RuntimeDefault", spec.Text("securityContext", "seccompProfile", "type"));
            Assert.True(int.Parse(spec.Text("securityContext", "runAsUser"), System.Globalization.CultureInfo.InvariantCulture) > 0, owner);
            foreach (var right in (string[])["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"])
            {
                Assert.False(spec.At(right).Exists, $"{owner} asks for {right}");
            }

            Assert.DoesNotContain(spec.List("volumes"), volume => volume.At("hostPath").Exists);
            Assert.NotEmpty(pod.Containers);
            foreach (var container in pod.Containers)
            {
                var security = container.At("securityContext");
                Assert.Equal("False", security.Text("allowPrivilegeEscalation"));
                Assert.Equal("True", security.Text("readOnlyRootFilesystem"));
                Assert.Equal("True", security.Text("runAsNonRoot"));
                Assert.False(security.At("privileged").Exists, $"{owner} asks for privileged");
                Assert.Equal(["ALL"], security.List("capabilities", "drop").Select(c => $"{c.Value}"));
                Assert.Empty(security.List("capabilities", "add"));
                Assert.False(security.At("procMount").Exists, $"{owner} asks for procMount");
                Assert.Equal(TakesAPortOfItsNode(owner, values), container.List("ports").Any(port => port.At("hostPort").Exists));
            }
        }
    }

    /// <summary>The collector of the example that says so, in place of a load balancer; its namespace must allow it (docs/install.md).</summary>
    private static bool TakesAPortOfItsNode(string owner, string values) =>
        owner == "Deployment platform-ingestion" && values.EndsWith("/external.yaml", StringComparison.Ordinal);

    /// <summary>A namespace that enforces 'restricted' admits no agent; so they may live in another, and everything else stays where it is.</summary>
    [Fact]
    [Trait("Requirement", "R167")]
    public async Task Agents_can_live_in_a_namespace_of_their_own()
    {
        string[] arguments = ["-f", "charts/platform/examples/scrubbers.yaml", "-n", "ddos", "--set", "scrubbers.namespace=ddos-scrubbers,monitoring.serviceMonitor=true",
            "-a", "monitoring.coreos.com/v1/ServiceMonitor"];
        var all = await Helm.Three.OrSkip().Render("platform", arguments);
        var elsewhere = all.Where(m => m.Text("metadata", "namespace") is not ("" or "ddos")).ToArray();
        Assert.Equal(["Deployment platform-scrubber-hawaii", "Deployment platform-scrubber-tokyo"], elsewhere.Select(m => $"{m}").Order(StringComparer.Ordinal));
        Assert.All(elsewhere, m => Assert.Contains(
            m.Pod!.Containers.Single().List("env"), e => e.Text("name") == "Scrubber__Controller" && e.Text("value") == "http://platform-mitigation.ddos:8080"));
        var monitor = all.Single(m => m.Kind == "PodMonitor");
        Assert.Equal(["ddos-scrubbers"], monitor.List("spec", "namespaceSelector", "matchNames").Select(n => $"{n.Value}"));
        var labels = elsewhere[0].Map("spec", "template", "metadata", "labels");
        Assert.All(monitor.Map("spec", "selector", "matchLabels"), want => Assert.Equal(want.Value, labels[want.Key]));
    }

    /// <summary>The one exception: agents on scrubber nodes. Their extra rights, and no other.</summary>
    [Fact]
    [Trait("Requirement", "R167")]
    public async Task An_agent_has_the_network_of_its_node_and_NET_ADMIN_and_nothing_else()
    {
        var agents = (await Pods("platform", "charts/platform/examples/scrubbers.yaml")).Where(it => IsAgent(it.Owner)).ToList();
        Assert.Equal(["Deployment platform-scrubber-hawaii", "Deployment platform-scrubber-tokyo"], agents.Select(it => it.Owner).Order(StringComparer.Ordinal));
        foreach (var (owner, pod) in agents)
        {
            var spec = pod.At("spec");
            Assert.Equal(("True", "False", "RuntimeDefault"), (
                spec.Text("hostNetwork"), spec.Text("automountServiceAccountToken"), spec.Text("securityContext", "seccompProfile", "type")));
            Assert.DoesNotContain(spec.List("volumes"), volume => volume.At("hostPath").Exists);
            foreach (var right in (string[])["hostPID", "hostIPC", "shareProcessNamespace"])
            {
                Assert.False(spec.At(right).Exists, $"{owner} asks for {right}");
            }

            var security = pod.Containers.Single().At("securityContext");
            Assert.Equal(("0", "False", "True"), (
                security.Text("runAsUser"), security.Text("allowPrivilegeEscalation"), security.Text("readOnlyRootFilesystem")));
            Assert.False(security.At("privileged").Exists, $"{owner} asks for privileged");
            Assert.Equal(["ALL"], security.List("capabilities", "drop").Select(c => $"{c.Value}"));
            Assert.Equal(["NET_ADMIN"], security.List("capabilities", "add").Select(c => $"{c.Value}"));
            Assert.Single(pod.Containers.Single().List("env"), e => e.At("valueFrom", "secretKeyRef").Exists); // its own token, no other's
        }
    }

    [Fact]
    [Trait("Requirement", "R11")]
    public async Task Mitigation_knows_each_agent_with_its_place_and_admits_their_nodes()
    {
        var all = await Render("platform", "charts/platform/examples/scrubbers.yaml");
        var environment = all.Single(m => m is { Kind: "Deployment", Name: "platform-mitigation" }).Pod!.Containers.Single().List("env")
            .ToDictionary(e => e.Text("name"), e => e.Text("value"));
        Assert.Equal(("tokyo", "JP"), (environment["Scrubbers__Agents__0__Name"], environment["Scrubbers__Agents__0__Location"]));
        Assert.Equal(("hawaii", "US"), (environment["Scrubbers__Agents__1__Name"], environment["Scrubbers__Agents__1__Location"]));
        var edges = all.Where(m => m is { Kind: "NetworkPolicy", Name: "platform-mitigation" }).SelectMany(Edges);
        Assert.Contains("mitigation admits 192.0.2.17/32 at 8080/TCP", edges);
    }

    [Theory, MemberData(nameof(Renderings))]
    public async Task Every_container_has_requests_a_memory_limit_and_an_image_with_a_version(string chart, string values)
    {
        foreach (var (owner, pod) in await Pods(chart, values))
        {
            foreach (var container in pod.Containers)
            {
                Assert.True(container.At("resources", "requests", "cpu").Exists && container.At("resources", "requests", "memory").Exists, owner);
                Assert.True(container.At("resources", "limits", "memory").Exists, owner);
                Assert.Matches(@"^[^:]+:(?!latest$)[\w.-]+$", container.Text("image"));
            }
        }
    }

    [Theory, MemberData(nameof(Renderings))]
    public async Task Whatever_serves_is_probed_and_ends_in_order(string chart, string values)
    {
        foreach (var manifest in (await Render(chart, values)).Where(m => m.Kind is "Deployment" && !IsAgent($"{m}")))
        {
            var spec = manifest.Pod!.At("spec");
            var container = manifest.Pod!.Containers.Single();
            Assert.Equal("/healthz/live", container.Text("livenessProbe", "httpGet", "path"));
            Assert.Equal("/healthz/live", container.Text("startupProbe", "httpGet", "path"));
            Assert.Equal("/healthz/ready", container.Text("readinessProbe", "httpGet", "path"));
            var linger = TimeSpan.Parse(container.List("env").Single(e => e.Text("name") == "Stop__Linger").Text("value"), System.Globalization.CultureInfo.InvariantCulture);
            Assert.InRange(linger.TotalSeconds, 1, int.Parse(spec.Text("terminationGracePeriodSeconds"), System.Globalization.CultureInfo.InvariantCulture) - 30);
            var within = TimeSpan.Parse(container.List("env").Single(e => e.Text("name") == "Stop__Within").Text("value"), System.Globalization.CultureInfo.InvariantCulture);
            Assert.Equal(spec.Text("terminationGracePeriodSeconds"), $"{(linger + within).TotalSeconds + 5}"); // it ends by itself before it is killed
            Assert.Equal(2, spec.List("topologySpreadConstraints").Count());
        }
    }

    [Theory, MemberData(nameof(Renderings))]
    public async Task More_than_one_pod_has_a_budget_and_selectors_name_no_version(string chart, string values)
    {
        var all = await Render(chart, values);
        var budgets = all.Where(m => m.Kind == "PodDisruptionBudget").ToDictionary(m => m.Name, m => m.Map("spec", "selector", "matchLabels"));
        foreach (var workload in all.Where(m => m.Kind is "Deployment" or "StatefulSet"))
        {
            var selector = workload.Map("spec", "selector", "matchLabels");
            Assert.Equal(["app.kubernetes.io/instance", "app.kubernetes.io/name"], selector.Keys.Order(StringComparer.Ordinal));
            var scaled = all.Any(m => m.Kind == "HorizontalPodAutoscaler" && m.Name == workload.Name);
            if (scaled || workload.Text("spec", "replicas") is not ("1" or "0"))
            {
                Assert.Equal(selector, budgets[workload.Name]);
            }
        }
    }

    [Theory, MemberData(nameof(Renderings))]
    public async Task Secrets_are_only_referred_to(string chart, string values)
    {
        var all = await Render(chart, values);
        Assert.DoesNotContain(all, m => m.Kind == "Secret");
        foreach (var (owner, pod) in await Pods(chart, values))
        {
            foreach (var variable in pod.Containers.SelectMany(c => c.List("env")).Where(e => Secret().IsMatch(e.Text("name"))))
            {
                Assert.True(variable.At("valueFrom", "secretKeyRef").Exists, $"{owner}: {variable.Text("name")} stands in the chart");
            }
        }
    }

    /// <summary>Also where they are migrated. A service that begins to seal and is not given the key would not start.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("charts/platform/examples/minimal.yaml")]
    [InlineData("charts/platform/examples/ha.yaml")]
    public async Task Sealing_keys_are_given_to_those_whose_events_hold_what_people_wrote(string values)
    {
        var sealing = Directory.EnumerateDirectories(Repository.Path("services"))
            .Where(service => Directory.EnumerateFiles(service, "*.cs", SearchOption.AllDirectories)
                .Any(file => !file.Contains("Tests", StringComparison.Ordinal) && File.ReadAllText(file).Contains("[property: Sealed]", StringComparison.Ordinal)))
            .Select(service => Path.GetFileName(service)!).ToArray();
        Assert.NotEmpty(sealing);
        foreach (var container in (await Pods("platform", values)).SelectMany(it => it.Pod.Containers))
        {
            var settings = container.List("env").Select(e => e.Text("name")).ToArray();
            var mounts = container.List("volumeMounts").Select(m => m.Text("name")).ToArray();
            Assert.Equal(sealing.Contains(container.Text("name")), settings.Contains("Sealing__KeyFile"));
            Assert.Equal(settings.Contains("Sealing__KeyFile"), mounts.Contains("sealing"));
        }
    }

    /// <summary>Who may reach whom, from the rendered policies: the declared matrix.</summary>
    [Fact]
    [Trait("Requirement", "R23")]
    public async Task The_edges_of_the_network_are_those_of_the_design()
    {
        var policies = (await Helm.Three.OrSkip().Render("platform")).Where(m => m.Kind == "NetworkPolicy").ToArray();
        var matrix = string.Join('\n', policies.SelectMany(Edges).Distinct().Order(StringComparer.Ordinal)) + "\n";
        Approved.Matches(Repository.Path("tests", "Platform.ChartTests", "edges.txt"), matrix);
    }

    /// <summary>Deny first: each pod is selected by the policy that allows nothing, so that an edge that is not in the matrix is no edge.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("charts/platform/examples/ha.yaml")]
    [InlineData("charts/platform/examples/external.yaml")]
    [Trait("Requirement", "R23")]
    public async Task Every_pod_is_denied_everything_first_and_has_a_policy_of_its_own(string values)
    {
        var all = await Render("platform", values);
        var policies = all.Where(m => m.Kind == "NetworkPolicy").ToArray();
        var deny = policies.Single(p => p.Name == "platform-deny");
        Assert.Empty(deny.List("spec", "ingress").Concat(deny.List("spec", "egress")));
        Assert.Equal(["Ingress", "Egress"], deny.List("spec", "policyTypes").Select(t => $"{t.Value}"));
        foreach (var pod in all.Select(m => m.Pod).OfType<Manifest>())
        {
            var labels = pod.Map("metadata", "labels");
            var own = labels["app.kubernetes.io/name"] == "migrate" ? 2 : 1; // as a hook too
            Assert.Equal(1 + own, policies.Count(p => p.Map("spec", "podSelector", "matchLabels").All(want => labels.GetValueOrDefault(want.Key) == want.Value)));
        }
    }

    /// <summary>Of the dependencies too: what no policy of theirs names reaches neither database nor broker, and they reach nobody.</summary>
    [Fact]
    [Trait("Requirement", "R23")]
    public async Task Each_dependency_admits_those_that_need_it_and_reaches_nobody_else()
    {
        var all = await Render("dependencies", "tests/Platform.ChartTests/backups.yaml");
        var policies = all.Where(m => m.Kind == "NetworkPolicy").ToArray();
        Approved.Matches(
            Repository.Path("tests", "Platform.ChartTests", "edges-dependencies.txt"), string.Join('\n', policies.SelectMany(Edges).Distinct().Order(StringComparer.Ordinal)) + "\n");
        foreach (var pod in all.Select(m => m.Pod).OfType<Manifest>())
        {
            var labels = pod.Map("metadata", "labels");
            var own = Assert.Single(policies, p => p.Map("spec", "podSelector", "matchLabels").All(want => labels.GetValueOrDefault(want.Key) == want.Value));
            Assert.Equal(["Ingress", "Egress"], own.List("spec", "policyTypes").Select(t => $"{t.Value}"));
        }
    }

    /// <summary>The job of a first install runs before the release's objects are there, in a namespace that may deny everything by itself.</summary>
    [Fact]
    [Trait("Requirement", "R23")]
    public async Task The_migration_has_its_edges_before_it_runs()
    {
        var all = await Render("platform", "");
        var hook = all.Single(m => m is { Kind: "NetworkPolicy", Name: "platform-migrate-hook" });
        var job = all.Single(m => m.Kind == "Job");
        Assert.Equal(job.Map("metadata", "annotations")["helm.sh/hook"], hook.Map("metadata", "annotations")["helm.sh/hook"]);
        Assert.Equal("-5", hook.Map("metadata", "annotations")["helm.sh/hook-weight"]);
        Assert.Equal(Edges(all.Single(m => m is { Kind: "NetworkPolicy", Name: "platform-migrate" })), Edges(hook));
        Assert.True(int.Parse(job.Text("spec", "backoffLimit"), System.Globalization.CultureInfo.InvariantCulture) >= 10 * job.Pod!.Containers.Count());
    }

    /// <summary>Where the operator said where database and broker are, nothing else is reached on their ports.</summary>
    [Fact]
    [Trait("Requirement", "R190")]
    public async Task With_peers_named_no_egress_is_open_to_the_world_but_names_and_speakers()
    {
        var all = await Render("platform", "charts/platform/examples/external.yaml");
        var open =
            from policy in all
            where policy.Kind == "NetworkPolicy"
            from rule in policy.List("spec", "egress")
            where !rule.At("to").Exists
            from port in rule.List("ports")
            select port.Text("port");
        Assert.Equal(["50051", "53"], open.Distinct().Order(StringComparer.Ordinal));
    }

    /// <summary>No shell, no package manager, no debugger: what is in the base image is a list, and diagnostics are off.</summary>
    [Fact]
    [Trait("Requirement", "R167")]
    public void The_image_recipe_holds_nothing_that_bypasses_the_service()
    {
        var script = File.ReadAllText(Repository.Path("services", "images"));
        Assert.Contains("[base]='libc6 libgcc-s1 libstdc++6 libssl3 zlib1g tzdata ca-certificates'", script, StringComparison.Ordinal);
        var recipe = File.ReadAllText(Repository.Path("services", "Dockerfile"));
        Assert.Contains("DOTNET_EnableDiagnostics=0", recipe, StringComparison.Ordinal);
        Assert.DoesNotContain("\nRUN ", recipe, StringComparison.Ordinal);
        Assert.Matches(@"\nUSER 64198:64198\n", recipe);
    }

    private static bool IsAgent(string owner) => owner.StartsWith("Deployment platform-scrubber-", StringComparison.Ordinal);

    private static IEnumerable<string> Edges(Manifest policy)
    {
        var pod = policy.Text("spec", "podSelector", "matchLabels", "app.kubernetes.io/name");
        foreach (var (direction, peers) in ((string, string)[])[("ingress", "from"), ("egress", "to")])
        {
            foreach (var rule in policy.List("spec", direction))
            {
                var others = rule.List(peers).Select(Peer).DefaultIfEmpty("anywhere");
                foreach (var edge in from other in others from port in rule.List("ports") select (other, port: $"{port.Text("port")}/{port.Text("protocol")}"))
                {
                    yield return direction == "ingress" ? $"{pod} admits {edge.other} at {edge.port}" : $"{pod} reaches {edge.other} at {edge.port}";
                }
            }
        }
    }

    private static string Peer(Manifest peer) => peer.Text("podSelector", "matchLabels", "app.kubernetes.io/name") is { Length: > 0 } name ? name
        : peer.Text("podSelector", "matchLabels", "app.kubernetes.io/part-of") is { Length: > 0 } part ? $"all of {part}"
        : peer.At("namespaceSelector").Exists ? "pods of any namespace"
        : peer.Text("ipBlock", "cidr");

    private static async Task<IReadOnlyList<Manifest>> Render(string chart, string values) =>
        await Helm.Three.OrSkip().Render(chart, values.Length == 0 ? [] : ["-f", values]);

    private static async Task<IEnumerable<(string Owner, Manifest Pod)>> Pods(string chart, string values) =>
        (await Render(chart, values)).Where(m => m.Pod is not null).Select(m => ($"{m}", m.Pod!));

    [GeneratedRegex("(?i)password|connectionstring")]
    private static partial Regex Secret();
}
