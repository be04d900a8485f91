using Platform.Contracts.Detection.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;

namespace Platform.Gateway.Tests;

/// <summary>Another customer's things are as unknown as things that never were.</summary>
[Collection(nameof(AGateway))]
public sealed class TenantIsolationTests(AGateway gateway)
{
    [Theory]
    [InlineData("GET", "contracts")]
    [InlineData("GET", "operators")]
    [InlineData("POST", "operators")]
    [InlineData("DELETE", "operators/0190ffff-0000-7000-8000-000000000001")]
    [InlineData("GET", "protected-objects")]
    [InlineData("POST", "protected-objects")]
    [InlineData("PUT", "protected-objects/0190ffff-0000-7000-8000-000000000001/grouping")]
    [InlineData("POST", "protected-objects/0190ffff-0000-7000-8000-000000000001/removal")]
    [InlineData("PUT", "protected-objects/0190ffff-0000-7000-8000-000000000001/thresholds")]
    [InlineData("PUT", "protected-objects/0190ffff-0000-7000-8000-000000000001/profile")]
    [InlineData("PUT", "protected-objects/0190ffff-0000-7000-8000-000000000001/learning")]
    [InlineData("POST", "protected-objects/0190ffff-0000-7000-8000-000000000001/learning/reset")]
    [InlineData("GET", "protected-objects/0190ffff-0000-7000-8000-000000000001/versions")]
    [InlineData("GET", "protected-objects/0190ffff-0000-7000-8000-000000000001/versions/1")]
    [InlineData("POST", "protected-objects/0190ffff-0000-7000-8000-000000000001/versions/1/restoration")]
    [InlineData("GET", "protected-objects/0190ffff-0000-7000-8000-000000000001/learned")]
    [InlineData("GET", "protected-objects/0190ffff-0000-7000-8000-000000000001/relearning")]
    [InlineData("POST", "protected-objects/0190ffff-0000-7000-8000-000000000001/relearning/application")]
    [InlineData("GET", "protected-objects/0190ffff-0000-7000-8000-000000000001/profiles")]
    [InlineData("GET", "security-events")]
    [InlineData("GET", "bandwidth-excesses")]
    [InlineData("GET", "anomalies")]
    [InlineData("GET", "anomalies/0190ffff-0000-7000-8000-000000000001")]
    [InlineData("POST", "anomalies/0190ffff-0000-7000-8000-000000000001/false-mark")]
    [InlineData("POST", "anomalies/0190ffff-0000-7000-8000-000000000001/proposal/application")]
    [InlineData("GET", "mitigations")]
    [InlineData("POST", "mitigations/0190ffff-0000-7000-8000-000000000001/withdrawal")]
    [InlineData("POST", "mitigations")]
    [InlineData("GET", "contracts/{serviceCode}/always-on")]
    [InlineData("PUT", "contracts/{serviceCode}/always-on")]
    [InlineData("POST", "mitigations/0190ffff-0000-7000-8000-000000000001/countermeasures")]
    [InlineData("POST", "mitigations/0190ffff-0000-7000-8000-000000000001/countermeasures/0190ffff-0000-7000-8000-000000000001/withdrawal")]
    [InlineData("POST", "mitigations/0190ffff-0000-7000-8000-000000000001/approval")]
    [InlineData("POST", "mitigations/0190ffff-0000-7000-8000-000000000001/extension")]
    [InlineData("GET", "protected-objects/0190ffff-0000-7000-8000-000000000001/defense-policy")]
    [InlineData("PUT", "protected-objects/0190ffff-0000-7000-8000-000000000001/defense-policy")]
    [InlineData("GET", "incidents")]
    [InlineData("GET", "incidents/0190ffff-0000-7000-8000-000000000001")]
    [InlineData("GET", "incidents/events")]
    [InlineData("GET", "notices")]
    public async Task Another_tenant_cannot_be_named(string method, string path)
    {
        using var mine = await gateway.SignedIn(await gateway.ATenant());
        var others = await gateway.ATenant();
        object? body = method switch
        {
            "POST" when path == "operators" => new { email = "a@b.example", displayName = "A", role = "viewer", password = AGateway.Password },
            "POST" when path == "protected-objects" =>
                new { serviceCode = "DP00000001", name = "shop", prefixes = new[] { "203.0.113.0/28" }, reason = "test" },
            "POST" => new { reason = "test" },
            "PUT" when path.EndsWith("grouping", StringComparison.Ordinal) =>
                new { name = "shop", prefixes = new[] { "203.0.113.0/28" }, reason = "test" },
            "PUT" when path.EndsWith("defense-policy", StringComparison.Ordinal) =>
                new { serviceCode = "DP00000001", steps = Array.Empty<object>(), mode = "automatic", reason = "test" },
            "PUT" when path.EndsWith("always-on", StringComparison.Ordinal) => new { ordered = true },
            "PUT" when path.EndsWith("profile", StringComparison.Ordinal) => new { profile = "web", reason = "test" },
            "PUT" when path.EndsWith("learning", StringComparison.Ordinal) =>
                new { learning = new { mode = "apply", margin = 1.3, floorShare = 0.35, zone = "Asia/Tokyo" }, reason = "test" },
            "PUT" => new { thresholds = Array.Empty<object>() },
            _ => null,
        };

        foreach (var named in (string[])[others.Value, "provider", "0190ffff-0000-7000-8000-00000000dead", "nonsense"])
        {
            var refusal = await Refusal.Of(mine.Send(new HttpMethod(method), $"{path}?tenantId={named}", body));
            Assert.Equal(new Refusal(404, "tenant-not-found"), refusal);
        }
    }

    [Fact]
    public async Task Every_route_about_a_tenants_things_is_tried_above()
    {
        var tried = typeof(TenantIsolationTests).GetMethod(nameof(Another_tenant_cannot_be_named))!
            .GetCustomAttributes(typeof(InlineDataAttribute), false).Cast<InlineDataAttribute>()
            .Select(data => data.Data).Select(data => $"{data[0]} /api/v1/{data[1]}");
        var scoped =
            from source in Microsoft.Extensions.DependencyInjection.ServiceProviderServiceExtensions
                .GetServices<Microsoft.AspNetCore.Routing.EndpointDataSource>(gateway.Host.Services)
            from endpoint in source.Endpoints.OfType<Microsoft.AspNetCore.Routing.RouteEndpoint>()
            where endpoint.Metadata.GetMetadata<TenantScoped>() is not null
            from method in endpoint.Metadata.GetMetadata<Microsoft.AspNetCore.Routing.HttpMethodMetadata>()!.HttpMethods
            select $"{method} {System.Text.RegularExpressions.Regex.Replace(endpoint.RoutePattern.RawText!.TrimEnd('/'), @"\{\w+:guid\}", "0190ffff-0000-7000-8000-000000000001").Replace("{version:long}", "1", StringComparison.Ordinal)}";
        Assert.Equal(scoped.Order(), tried.Order());
        await Task.CompletedTask;
    }

    [Fact]
    public async Task Another_tenants_contract_cannot_be_labelled_and_is_not_listed()
    {
        var others = await gateway.ATenant();
        var code = await gateway.AContract(others);
        using var mine = await gateway.SignedIn(await gateway.ATenant());

        Assert.Equal(new Refusal(404, "contract-not-found"), await Refusal.Of(mine.Send(HttpMethod.Put, $"contracts/{code}/label", new { label = "mine" })));
        await gateway.Accounts.CatchUp();
        Assert.Equal(0, (await mine.Read("contracts")).GetProperty("items").GetArrayLength());
    }

    [Fact]
    public async Task Another_tenants_operator_cannot_be_deleted()
    {
        var (victim, _) = await gateway.AnOperator(await gateway.ATenant());
        using var mine = await gateway.SignedIn(await gateway.ATenant());

        Assert.Equal(new Refusal(404, "operator-not-found"), await Refusal.Of(mine.Send(HttpMethod.Delete, $"operators/{victim}")));
    }

    [Fact]
    public async Task An_incident_is_seen_by_its_tenant_and_the_provider_and_by_nobody_else()
    {
        var (attacked, stranger) = (await gateway.ATenant(), await gateway.ATenant());
        var incident = gateway.NewId();
        await gateway.Publish(AnAnomaly(gateway, attacked, incident));
        using var own = await gateway.SignedIn(attacked, Roles.Viewer);
        using var other = await gateway.SignedIn(stranger);
        using var provider = await gateway.AProviderOperator();

        await Eventually.Equal(200, async () => (int)(await own.Get($"incidents/{incident}")).StatusCode);
        var seen = (await own.Read("incidents")).GetProperty("items");
        Assert.Equal(incident.ToString(), Assert.Single(seen.EnumerateArray()).GetProperty("incidentId").GetString());
        var told = await own.Read($"incidents/{incident}");
        Assert.Equal("anomaly-detected", told.GetProperty("timeline")[0].GetProperty("step").GetString());
        var prefix = told.GetProperty("prefixes")[0];
        Assert.Equal(("203.0.113.0/24", 0.6, 0.6), (prefix.GetProperty("prefix").GetString(), prefix.GetProperty("share").GetDouble(), prefix.GetProperty("peakShare").GetDouble()));
        Assert.Equal(told.GetProperty("incident").GetProperty("detectedAt").GetDateTimeOffset(), prefix.GetProperty("since").GetDateTimeOffset());
        Assert.Equal(2, seen[0].GetProperty("prefixCount").GetInt32());
        Assert.Equal(200, (int)(await provider.Get($"incidents/{incident}")).StatusCode);
        Assert.Equal(404, (await Refusal.Of(other.Get($"incidents/{incident}"))).Status);
        Assert.Equal(0, (await other.Read("incidents")).GetProperty("items").GetArrayLength());
    }

    internal static AnomalyDetected AnAnomaly(AGateway gateway, TenantId tenant, Guid id) => new()
    {
        TenantId = tenant.ToGuid(),
        ServiceCode = "DP00000001",
        ObjectId = gateway.NewId(),
        AnomalyId = id,
        Target = "203.0.113.10/32",
        Vectors = [new VectorRate { Vector = "udp", BitsPerSecond = 2_000_000_000, PacketsPerSecond = 250_000 }],
        BitsPerSecond = 2_100_000_000,
        PacketsPerSecond = 260_000,
        Since = gateway.Clock.GetUtcNow(),
        DetectedAt = gateway.Clock.GetUtcNow(),
        Prefixes = [new TrafficShare { Value = "203.0.113.0/24", Share = 0.6 }, new TrafficShare { Value = "198.51.100.7/32", Share = 0.4 }],
    };
}
