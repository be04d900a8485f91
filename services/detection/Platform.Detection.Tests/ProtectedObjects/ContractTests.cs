using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Platform.Contracts.Detection.V1;
using Platform.Detection.Bandwidth;
using Platform.Detection.Windows;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;
using AnomalyOptions = Platform.Detection.Anomalies.AnomalyOptions;
using AnomalyEnded = Platform.Contracts.Detection.V1.AnomalyEnded;
using BandwidthExcess = Platform.Contracts.Grpc.Detection.V1.BandwidthExcess;
using ObjectsClient = Platform.Contracts.Grpc.Detection.V1.ProtectedObjects.ProtectedObjectsClient;
using SecurityEventsClient = Platform.Contracts.Grpc.Detection.V1.SecurityEvents.SecurityEventsClient;

namespace Platform.Detection.Tests.ProtectedObjects;

/// <summary>What contracts say is watched, for as long as they run.</summary>
public sealed class ContractTests(PostgresDatabase database, RabbitMqVirtualHost broker) : ServiceTests(database, broker)
{
    [Fact]
    public async Task WhenContractSigned_the_object_is_watched_once_whatever_comes_twice()
    {
        await using var thresholds = await Host.Listen<ThresholdsChanged>();
        var message = Customer.NewId();
        await Host.Deliver(_customer.Signed("203.0.113.0/24"), message);
        await Host.Deliver(_customer.Signed("203.0.113.0/24"), message);
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Host.CatchUp();

        var watched = Assert.Single(await Objects());
        Assert.Equal((_customer.ServiceCode, "default", 1L), (watched.ServiceCode, watched.Name, watched.Version));
        Assert.Equal(["203.0.113.0/24"], watched.Prefixes);
        await thresholds.Get(fact => fact.ServiceCode == _customer.ServiceCode);
        Assert.Single(thresholds.Facts, fact => fact.ServiceCode == _customer.ServiceCode);
    }

    [Fact]
    public async Task WhenContractChanged_comes_in_the_wrong_order_the_newest_counts()
    {
        await Deliver(_customer.Changed(version: 3, "198.51.100.0/24"));
        await Deliver(_customer.Changed(version: 3, "198.51.100.0/24"));
        await Deliver(_customer.Changed(version: 2, "192.0.2.0/24"));
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Host.CatchUp();

        Assert.Equal(["198.51.100.0/24"], Assert.Single(await Objects()).Prefixes);
    }

    [Fact]
    public async Task WhenContractTerminated_watching_and_anomalies_end()
    {
        await using var ended = await Host.Listen<AnomalyEnded>();
        await using var retired = await Host.Listen<ProtectedObjectRetired>();
        await Watch("203.0.113.0/24");
        await _service.Send(_customer, "203.0.113.10", OverTheDefault);
        await Eventually.Get(Open, seen => seen.Count == 1, what: "the open anomaly");

        await Deliver(_customer.Terminated());
        await Deliver(_customer.Terminated());
        await Deliver(_customer.Changed(version: 4, "203.0.113.0/24")); // late
        await Host.CatchUp();

        Assert.Empty(await Objects());
        await TimePasses(TimeSpan.FromSeconds(2), until: async () => (await Open()).Count == 0);
        Assert.Equal("contract-ended", (await ended.Get(fact => fact.ServiceCode == _customer.ServiceCode)).Reason);
        await retired.Get(fact => fact.ServiceCode == _customer.ServiceCode);
        Assert.Single(retired.Facts, fact => fact.ServiceCode == _customer.ServiceCode);
    }

    [Fact]
    public async Task An_anomaly_of_an_object_that_is_removed_ends_as_that_and_not_as_its_contract()
    {
        await using var ended = await Host.Listen<AnomalyEnded>();
        await Watch("203.0.113.0/24", "198.51.100.0/24");
        var (client, me) = (new ObjectsClient(Host.Channel), Host.As(TenantId.Of(_customer.TenantId), Roles.Operator));
        var added = await client.AddProtectedObjectAsync(
            new() { ServiceCode = _customer.ServiceCode, Name = "shop", Prefixes = { "203.0.113.0/24" }, Reason = "another team" }, me);
        await Host.CatchUp();
        var directory = Host.Services.GetRequiredService<ObjectDirectory>();
        await Eventually.True(() => directory.Find(Guid.Parse(added.ObjectId)) is not null, what: "the object in the engine");
        await _service.Send(_customer, "203.0.113.10", OverTheDefault, objectId: added.ObjectId);
        await Eventually.Get(Open, seen => seen.Count == 1, what: "the open anomaly");

        await client.RemoveProtectedObjectAsync(new() { ObjectId = added.ObjectId, Reason = "no longer needed" }, me);
        await Host.CatchUp();
        await TimePasses(TimeSpan.FromSeconds(2), until: async () => (await Open()).Count == 0);

        Assert.Equal("object-removed", (await ended.Get(fact => fact.ServiceCode == _customer.ServiceCode)).Reason);
    }

    [Fact]
    public async Task WhenContractTerminated_comes_before_the_contract_it_is_never_watched()
    {
        await Deliver(_customer.Terminated());
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Host.CatchUp();
        Assert.Empty(await Objects());
    }

    [Fact, Trait("Requirement", "R27")]
    public async Task Objects_that_share_a_contract_are_held_against_what_it_declares_together()
    {
        await Watch("203.0.113.0/24", "198.51.100.0/24");
        var (client, me) = (new ObjectsClient(Host.Channel), Host.As(TenantId.Of(_customer.TenantId), Roles.Operator));
        var added = await client.AddProtectedObjectAsync(
            new() { ServiceCode = _customer.ServiceCode, Name = "shop", Prefixes = { "203.0.113.0/24" }, Reason = "another team" }, me);
        await Host.CatchUp();
        var directory = Host.Services.GetRequiredService<ObjectDirectory>();
        await Eventually.True(() => directory.Find(_customer.ContractId)?.IsShared == true, what: "two objects in the engine");

        // Of 1 Gbit/s one object has 60 % in four minutes, the other one in the last two of them.
        var minute = Host.Clock.GetUtcNow().ToUnixTimeSeconds() / 60;
        await Used(Guid.Parse(added.ObjectId), minute, minutes: 4, bits: 36_000_000_000);
        await Used(_customer.ContractId, minute + 2, minutes: 2, bits: 36_000_000_000);
        await Pass(until: At(minute + 6));
        var excess = (await Eventually.Get(Excesses, seen => seen.Count == 1, what: "the excess"))[0];
        Assert.Equal((At(minute + 2), null), (excess.Since.ToDateTimeOffset(), excess.Until));
        Assert.Equal((_customer.ServiceCode, 1_200_000_000L), (excess.ServiceCode, excess.PeakBitsPerSecond));
        await Pass(until: At(minute + 12));
        excess = Assert.Single(await Eventually.Get(Excesses, seen => seen[0].Until is not null, what: "its end"));
        Assert.Equal(At(minute + 4), excess.Until.ToDateTimeOffset());

        // Another replica comes when of the minutes that it adds up the first one is in the middle of that excess. What it tells is the next one.
        var clock = Host.Clock;
        await _service.DisposeAsync();
        clock.Advance(At(minute + 15) - clock.GetUtcNow());
        _service = await Restarted(clock);
        directory = Host.Services.GetRequiredService<ObjectDirectory>();
        await Eventually.True(() => directory.Find(_customer.ContractId)?.IsShared == true, what: "two objects in the next engine");
        await Used(_customer.ContractId, minute + 16, minutes: 1, bits: 72_000_000_000);
        await Pass(until: At(minute + 19));
        var two = await Eventually.Get(Excesses, seen => seen.Count == 2, what: "the next excess");
        Assert.Equal([At(minute + 16), At(minute + 2)], two.Select(one => one.Since.ToDateTimeOffset()));
        Assert.Equal(At(minute + 4), two[1].Until.ToDateTimeOffset());
    }

    private static DateTimeOffset At(long minute) => DateTimeOffset.FromUnixTimeSeconds(minute * 60);

    private async Task<IReadOnlyList<BandwidthExcess>> Excesses() =>
        (await new SecurityEventsClient(Host.Channel).ListBandwidthExcessesAsync(new(), Host.As(TenantId.Of(_customer.TenantId), Roles.Viewer))).Excesses;

    /// <summary>Time passes, and telemetry is heard all the while.</summary>
    private async Task Pass(DateTimeOffset until)
    {
        var (judges, gap) = (Host.Services.GetRequiredService<WindowJudges>(), new AnomalyOptions().TelemetryGap);
        while (Host.Clock.GetUtcNow() < until)
        {
            Host.Clock.Advance(TimeSpan.FromSeconds(2));
            await _service.Beat();
            await Eventually.True(() => judges.Anywhere.Since(Host.Clock.GetUtcNow() + gap) < DateTimeOffset.MaxValue, what: "the beat");
        }
    }

    /// <summary>What judges wrote down, each minute twice: the first time they did not hear that it was.</summary>
    private async Task Used(Guid objectId, long minute, int minutes, long bits)
    {
        var database = Host.Services.GetRequiredService<NpgsqlDataSource>();
        foreach (var at in Enumerable.Range(0, minutes))
        {
            var used = new UsedMinute(_customer.TenantId, _customer.ServiceCode, objectId, minute + at, bits, IsAttacked: false);
            var part = Customer.NewId();
            await UseRecorder.WriteDown(database, used, part, TestContext.Current.CancellationToken);
            await UseRecorder.WriteDown(database, used, part, TestContext.Current.CancellationToken);
        }
    }
}
