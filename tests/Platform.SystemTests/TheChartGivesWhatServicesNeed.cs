using System.Text.Json;
using Platform.Testing;

namespace Platform.SystemTests;

/// <summary>The suite runs here with the narrowest rights that it works with; an installation by the charts has the same.</summary>
public sealed class TheChartGivesWhatServicesNeed(Suite suite)
{
    [Fact]
    [Trait("Requirement", "R23")]
    public async Task At_the_broker_each_service_may_touch_the_same_queues_and_exchanges()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/openssl"), "openssl is not here: the secrets' script makes keys with it.");
        var secrets = await Command.Run([Repository.Path("charts", "dependencies", "secrets")], cancellationToken: TestContext.Current.CancellationToken);
        var definitions = JsonDocument.Parse(secrets.Split('\n').Single(line => line.Contains("\"permissions\"", StringComparison.Ordinal))).RootElement;

        var chart = Rights(definitions.GetProperty("permissions").EnumerateArray());
        var here = Rights((await suite.Stack.RabbitMq.Ask("permissions")).EnumerateArray().Where(right => suite.Stack.Services.ContainsKey(right.GetProperty("user").GetString()!)));

        Assert.Equal(here, chart);
    }

    private static string[] Rights(IEnumerable<JsonElement> permissions) =>
        [.. permissions.Select(right => string.Join(' ', ((string[])["user", "configure", "write", "read"]).Select(part => right.GetProperty(part).GetString()))).Order(StringComparer.Ordinal)];
}
