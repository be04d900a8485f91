using Platform.Testing;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.Serialization;

namespace Platform.ChartTests;

/// <summary>
/// skaffold.yaml, read as skaffold reads it: what a profile says under `deploy.helm` takes the place of all that stands there, releases included.
/// </summary>
public sealed class SkaffoldTests
{
    [Theory]
    [InlineData("")]
    [InlineData("minimal")]
    [InlineData("debug")]
    public async Task Each_profile_deploys_both_charts_with_the_images_that_were_built(string profile)
    {
        var helm = Helm.Three.OrSkip();
        var file = Read();
        var deploy = profile.Length == 0 ? file : file.List("profiles").Single(p => p.Text("name") == profile);
        var releases = deploy.List("deploy", "helm", "releases").ToDictionary(release => release.Text("name"));
        Assert.Equal(["platform", "platform-dependencies"], releases.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(profile == "debug", releases["platform"].List("valuesFiles").Any(f => $"{f.Value}".EndsWith("/debug.yaml", StringComparison.Ordinal)));
        var flags = deploy.Map("deploy", "helm", "flags").Count; // they go to every release: no values among them
        Assert.DoesNotContain(deploy.List("deploy", "helm", "flags", "install"), flag => $"{flag.Value}".StartsWith("--values", StringComparison.Ordinal));
        Assert.Equal(profile.Length == 0 ? 0 : 2, flags);

        var built = file.List("build", "artifacts").Select(artifact => artifact.Text("image")).ToHashSet();
        foreach (var release in releases.Values)
        {
            var arguments = release.List("valuesFiles").SelectMany(f => (string[])["-f", Repository.Path($"{f.Value}")])
                .Concat(release.Map("setValues").SelectMany(set => (string[])["--set", $"{set.Key}={set.Value}"]))
                .Concat(release.Map("setValueTemplates").SelectMany(set => (string[])["--set", $"{set.Key}={Built(set.Value, built)}"]));
            var all = await helm.Render(release.Text("chartPath")["charts/".Length..], arguments);
            if (release.Text("name") == "platform")
            {
                var images = all.Select(m => m.Pod).OfType<Manifest>().SelectMany(pod => pod.Containers).Select(container => container.Text("image")).Distinct().ToArray();
                Assert.All(images, image => Assert.StartsWith("built.example/", image, StringComparison.Ordinal));
                Assert.Contains("built.example/platform-ingestion:1", images);
            }
        }
    }

    /// <summary>What skaffold puts in the place of `{{.IMAGE_FULLY_QUALIFIED_platform_x}}`.</summary>
    private static string Built(string template, IReadOnlySet<string> built)
    {
        var image = template.Replace("{{.IMAGE_FULLY_QUALIFIED_", "", StringComparison.Ordinal).Replace("}}", "", StringComparison.Ordinal).Replace('_', '-');
        Assert.Contains(image, built);
        return $"built.example/{image}:1";
    }

    private static Manifest Read()
    {
        using var text = File.OpenText(Repository.Path("skaffold.yaml"));
        var parser = new MergingParser(new Parser(text));
        parser.Consume<StreamStart>();
        return new Manifest(new DeserializerBuilder().WithAttemptingUnquotedStringTypeDeserialization().Build().Deserialize<object?>(parser));
    }
}
