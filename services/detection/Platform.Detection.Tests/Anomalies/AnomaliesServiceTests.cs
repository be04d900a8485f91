using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Platform.Contracts.Grpc.Detection.V1;
using Platform.Detection.Windows;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;
using AnomalyDetected = Platform.Contracts.Detection.V1.AnomalyDetected;
using AnomalyEnded = Platform.Contracts.Detection.V1.AnomalyEnded;
using Client = Platform.Contracts.Grpc.Detection.V1.Anomalies.AnomaliesClient;

namespace Platform.Detection.Tests.Anomalies;

/// <summary>What a customer reads of anomalies.</summary>
public sealed class AnomaliesServiceTests(PostgresDatabase database, RabbitMqVirtualHost broker)
    : IClassFixture<PostgresDatabase>, IClassFixture<RabbitMqVirtualHost>, IAsyncLifetime
{
    private const long Flood = 400_000;
    private readonly Customer _customer = Customer.New();
    private ADetectionService _service = null!;

    private ServiceHost Host => _service.Host;

    private Client Client => new(Host.Channel);

    private Metadata Mine => Host.As(TenantId.Of(_customer.TenantId), Roles.Viewer);

    public async ValueTask InitializeAsync()
    {
        _service = await ADetectionService.Start(database, broker);
        await Host.Deliver(_customer.Signed("203.0.113.0/24"), Customer.NewId());
        await Host.CatchUp();
        var directory = Host.Services.GetRequiredService<ObjectDirectory>();
        await Eventually.True(() => directory.Find(_customer.ContractId) is not null, what: "the object in the engine");
    }

    public ValueTask DisposeAsync() => _service.DisposeAsync();

    [Fact, Trait("Requirement", "R1")]
    public async Task A_customer_reads_which_rule_fired_and_nobody_else_does()
    {
        await _service.Send(_customer, "203.0.113.10", Flood);
        var seen = Assert.Single(await Listed(1));

        Assert.Equal(("low", "host", "in", 1), (seen.Severity, seen.Level, seen.Direction, seen.Pulses));
        var why = seen.Explanation;
        Assert.Equal(("profile", "host", "total", "packets", Flood), (why.Rule, why.Level, why.Vector, why.Unit, why.Measured));
        Assert.InRange(why.Threshold, 1, Flood - 1);
        Assert.False(why.HasBaseline); // nothing is learned yet
        Assert.StartsWith("total reached 400,000 packets/s towards 203.0.113.10/32, over the profile's threshold of ", why.Sentence, StringComparison.Ordinal);
        Assert.StartsWith("203.0.113.10/32宛てのtotalが400,000 packets/sに達し、プロファイルのホスト単位のしきい値", why.SentenceJa, StringComparison.Ordinal);
        Assert.Equal(why.Not.Count, why.NotJa.Count);
        Assert.Equal(seen, await Client.GetAnomalyAsync(new() { AnomalyId = seen.AnomalyId }, Mine));

        var marked = new MarkFalseRequest { AnomalyId = seen.AnomalyId, Reason = "a launch" };
        await Client.MarkFalseAsync(marked, Host.As(TenantId.Of(_customer.TenantId), Roles.Operator));
        await Host.CatchUp();
        var after = await Client.GetAnomalyAsync(new() { AnomalyId = seen.AnomalyId }, Mine);
        Assert.Equal((true, "a launch"), (after.IsMarkedFalse, after.MarkedFalseReason));
        Assert.True(Guid.TryParse(after.MarkedFalseBy, out _));

        var stranger = Host.As(TenantId.Of(Customer.NewId()), Roles.Viewer);
        Assert.Empty((await Client.ListAnomaliesAsync(new(), stranger)).Anomalies);
        await IsUnknown("anomaly-not-found", new() { AnomalyId = seen.AnomalyId }, stranger);
        await IsUnknown("tenant-not-found", new() { AnomalyId = seen.AnomalyId, TenantId = _customer.TenantId.ToString() }, stranger);
        Assert.Equal(after, await Client.GetAnomalyAsync(
            new() { AnomalyId = seen.AnomalyId, TenantId = _customer.TenantId.ToString() }, Host.As(TenantId.Provider, Roles.ProviderOperator)));
    }

    [Fact, Trait("Requirement", "R37")]
    public async Task When_an_attack_was_seen_and_ended_is_the_same_wherever_it_is_told_and_each_event_says_how_its_clock_stood()
    {
        await using var detected = await Host.Listen<AnomalyDetected>();
        await using var ended = await Host.Listen<AnomalyEnded>();
        await _service.Send(_customer, "203.0.113.20", Flood);
        var begin = await detected.Get(fact => fact.ServiceCode == _customer.ServiceCode);
        await Eventually.True(async () =>
        {
            Host.Clock.Advance(TimeSpan.FromSeconds(0.2));
            await _service.Beat();
            return (await Listed(1))[0].EndedAt is not null;
        });
        var end = await ended.Get(fact => fact.ServiceCode == _customer.ServiceCode);

        var told = Assert.Single(await Listed(1));
        Assert.Equal((begin.DetectedAt, end.EndedAt), (told.DetectedAt.ToDateTimeOffset(), told.EndedAt.ToDateTimeOffset()));
        Assert.True(begin.Since <= begin.DetectedAt && begin.DetectedAt < end.EndedAt && end.Until <= end.EndedAt);
        await using var count = Host.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand(
            "select count(*) from events.mt_events where stream_id like 'target:%' and headers ->> 'clock' ~ '^(synchronised offset=-?\\d+us maxerror=\\d+us|unsynchronised)$'");
        Assert.True((long)(await count.ExecuteScalarAsync(TestContext.Current.CancellationToken))! >= 2);
    }

    [Fact, Trait("Requirement", "R1")]
    public async Task An_anomaly_that_is_spread_over_several_prefixes_names_them_with_their_shares_and_since_when()
    {
        var begin = Host.Clock.GetUtcNow();
        await _service.Spread(_customer, "203.0.112.0/24", ("203.0.112.0/24", 0.6), ("203.0.113.0/24", 0.4));
        Host.Clock.Advance(TimeSpan.FromSeconds(1));
        await _service.Spread(_customer, "203.0.112.0/24", ("203.0.114.7/32", 0.7), ("203.0.112.0/24", 0.3));

        var seen = Assert.Single(await Listed(1));
        Assert.Equal(
            [("203.0.114.7/32", 0.7, 0.7, begin.AddSeconds(1)), ("203.0.112.0/24", 0.3, 0.6, begin), ("203.0.113.0/24", 0, 0.4, begin)],
            seen.Prefixes.Select(one => (one.Prefix, one.Share, one.PeakShare, one.Since.ToDateTimeOffset())));
        Assert.Equal(seen, await Client.GetAnomalyAsync(new() { AnomalyId = seen.AnomalyId }, Mine));
    }

    [Fact]
    public async Task Where_an_anomaly_began_at_its_target_alone_that_one_did_not_join_later()
    {
        var begin = Host.Clock.GetUtcNow();
        await _service.Spread(_customer, "203.0.112.9/32");
        Assert.Empty(Assert.Single(await Listed(1)).Prefixes);
        Host.Clock.Advance(TimeSpan.FromSeconds(1));
        await _service.Spread(_customer, "203.0.112.9/32", ("203.0.112.0/24", 0.8), ("203.0.113.0/24", 0.2));

        Assert.Equal(
            [("203.0.112.0/24", begin), ("203.0.113.0/24", begin.AddSeconds(1))],
            (await Listed(1))[0].Prefixes.Select(one => (one.Prefix, one.Since.ToDateTimeOffset())));
    }

    [Fact]
    public async Task Pages_of_anomalies_follow_each_other_without_gap_or_repetition()
    {
        foreach (var host in (string[])["203.0.113.1", "203.0.113.2", "203.0.113.3"])
        {
            await _service.Send(_customer, host, Flood); // all in the same second
        }

        var all = (await Listed(3)).Select(anomaly => anomaly.AnomalyId).ToArray();
        var first = await Client.ListAnomaliesAsync(new() { Limit = 2 }, Mine);
        var second = await Client.ListAnomaliesAsync(new() { Limit = 2, Before = first.Next }, Mine);

        Assert.Equal(all, first.Anomalies.Concat(second.Anomalies).Select(anomaly => anomaly.AnomalyId));
        Assert.Equal((2, ""), (first.Anomalies.Count, second.Next));
        var refusal = await Assert.ThrowsAsync<RpcException>(() => Client.ListAnomaliesAsync(new() { Before = "x" }, Mine).ResponseAsync);
        Assert.Equal("page-unknown", refusal.Trailers.GetValue("platform-code"));
    }

    private async Task<IReadOnlyList<Anomaly>> Listed(int count) => await Eventually.Get(
        async () => (IReadOnlyList<Anomaly>)(await Client.ListAnomaliesAsync(new(), Mine)).Anomalies, seen => seen.Count == count, what: $"{count} anomalies");

    private async Task IsUnknown(string code, GetAnomalyRequest request, Metadata caller) => Assert.Equal(
        code, (await Assert.ThrowsAsync<RpcException>(() => Client.GetAnomalyAsync(request, caller).ResponseAsync)).Trailers.GetValue("platform-code"));
}
