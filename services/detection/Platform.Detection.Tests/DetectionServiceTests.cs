using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Platform.Detection.Anomalies;
using Platform.Detection.Windows;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;
using AnomalyDetected = Platform.Contracts.Detection.V1.AnomalyDetected;
using AnomalyEnded = Platform.Contracts.Detection.V1.AnomalyEnded;
using ObjectsClient = Platform.Contracts.Grpc.Detection.V1.ProtectedObjects.ProtectedObjectsClient;
using Threshold = Platform.Contracts.Grpc.Detection.V1.Threshold;

namespace Platform.Detection.Tests;

/// <summary>One attack through the whole service: it opens an anomaly, goes on after a restart, and ends.</summary>
public sealed class DetectionServiceTests(PostgresDatabase database, RabbitMqVirtualHost broker) : ServiceTests(database, broker)
{
    [Fact, Trait("Requirement", "R1")]
    public async Task A_flood_opens_one_anomaly_and_its_silence_ends_it()
    {
        await using var detected = await Host.Listen<AnomalyDetected>();
        await using var ended = await Host.Listen<AnomalyEnded>();
        await Watch("203.0.113.0/24");

        await _service.Send(_customer, "203.0.113.9", packets: 1_000); // the neighbour has an ordinary second
        await _service.Send(_customer, "203.0.113.10", packets: OverTheDefault / 2);
        await _service.Send(_customer, "203.0.113.10", packets: OverTheDefault / 2);
        await _service.Send(_customer, "203.0.113.10", packets: OverTheDefault, second: 1);

        var fact = await detected.Get(fact => fact.ServiceCode == _customer.ServiceCode);
        Assert.Equal(("203.0.113.10/32", OverTheDefault), (fact.Target, fact.PacketsPerSecond));
        Assert.Equal("total", Assert.Single(fact.Vectors).Vector);
        var open = Assert.Single(await Eventually.Get(Open, seen => seen.Count == 1, what: "the open anomaly"));
        Assert.Equal(fact.AnomalyId.ToString(), open.AnomalyId);

        await TimePasses(TimeSpan.FromSeconds(6), until: async () => (await Open()).Count == 0);

        var end = await ended.Get(it => it.ServiceCode == _customer.ServiceCode);
        Assert.Equal(("subsided", fact.AnomalyId), (end.Reason, end.AnomalyId));
        Assert.Single(detected.Facts, it => it.ServiceCode == _customer.ServiceCode);
    }

    [Fact]
    public async Task The_trace_of_the_batch_goes_on_in_the_event()
    {
        const string trace = "0af7651916cd43dd8448eb211c80319c";
        await Watch("203.0.113.0/24");
        await _service.Send(_customer, "203.0.113.10", OverTheDefault, traceParent: $"00-{trace}-b7ad6b7169203331-01");

        var stream = await Eventually.Get(
            () => Host.Store.Tenant(TenantId.Of(_customer.TenantId)).Read(
                AnomalyState.Stream,
                AnomalyState.KeyOf(_customer.ContractId, System.Net.IPNetwork.Parse("203.0.113.10/32")),
                CancellationToken.None),
            seen => seen.Count == 1,
            what: "the event");
        Assert.Contains(trace, stream[0].Metadata.TraceParent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_service_that_restarts_in_the_middle_of_an_attack_goes_on_with_the_anomaly()
    {
        await using var detected = await Host.Listen<AnomalyDetected>();
        await Watch("203.0.113.0/24");
        await _service.Send(_customer, "203.0.113.10", OverTheDefault);
        var first = await detected.Get(fact => fact.ServiceCode == _customer.ServiceCode);

        await Host.Stop();
        await _service.Send(_customer, "203.0.113.10", OverTheDefault, second: 1);
        await Host.Start();
        await _service.Send(_customer, "203.0.113.11", OverTheDefault, second: 1); // behind the other in the same partition

        await detected.Get(fact => fact.ServiceCode == _customer.ServiceCode && fact.Target == "203.0.113.11/32");
        await Host.CatchUp();
        Assert.Single(detected.Facts, fact => fact.Target == "203.0.113.10/32");
        var open = await Eventually.Get(Open, seen => seen.Count == 2, what: "two open anomalies");
        Assert.Contains(open, anomaly => anomaly.AnomalyId == first.AnomalyId.ToString());
    }

    [Fact, Trait("Requirement", "R1"), Trait("Requirement", "R197")]
    public async Task A_carpet_is_not_announced_again_host_by_host_after_a_restart()
    {
        await using var detected = await Host.Listen<AnomalyDetected>();
        await Watch("203.0.112.0/22");
        await SetForHosts(OverTheDefault - 1); // over what a profile guessed they would wait for their block
        await Carpet(from: 1);
        await Eventually.Get(Open, seen => seen.Count == 9, what: "the first hosts and their block");
        await Eventually.True(
            async () =>
            {
                Host.Clock.Advance(TimeSpan.FromSeconds(0.2));
                await Carpet(from: 1);
                return (await OpenAnomalies.Read(Host.Services.GetRequiredService<NpgsqlDataSource>(), CancellationToken.None)).Count(open => open.Memory is not null) == 9;
            },
            TimeSpan.FromSeconds(30),
            "what the judge remembers of them");

        await Host.Restart();
        await Carpet(from: 21);
        await _service.Send(_customer, "203.0.114.1", OverTheDefault); // behind the carpet in the same partition

        await detected.Get(fact => fact.ServiceCode == _customer.ServiceCode && fact.Target == "203.0.114.1/32");
        await Host.CatchUp();
        Assert.Equal(10, detected.Facts.Where(fact => fact.ServiceCode == _customer.ServiceCode).DistinctBy(fact => fact.AnomalyId).Count());
        Assert.Equal(10, (await Eventually.Get(Open, seen => seen.Count == 10, what: "all of them")).Count);

        async Task SetForHosts(long packetsPerSecond)
        {
            await new ObjectsClient(Host.Channel).ChangeThresholdsAsync(
                new()
                {
                    ObjectId = _customer.ContractId.ToString(),
                    Thresholds = { new Threshold { Vector = "total", PacketsPerSecond = packetsPerSecond, Own = true } },
                    Reason = "as measured",
                },
                Host.As(TenantId.Of(_customer.TenantId), Roles.Operator));
            var directory = Host.Services.GetRequiredService<ObjectDirectory>();
            await Eventually.True(
                () => directory.Find(_customer.ContractId)?.Thresholds.Any(threshold => threshold.PacketsPerSecond == packetsPerSecond) == true, what: "the threshold in the engine");
        }

        async Task Carpet(int from)
        {
            for (var host = from; host < from + 12; host++)
            {
                await _service.Send(_customer, $"203.0.113.{host}", OverTheDefault);
            }
        }
    }

    [Fact]
    public async Task An_anomaly_that_nobody_judges_any_more_still_ends()
    {
        await using var ended = await Host.Listen<AnomalyEnded>();
        await Watch("203.0.113.0/24");
        await _service.Send(_customer, "203.0.113.10", OverTheDefault);
        await Eventually.Get(Open, seen => seen.Count == 1, what: "the open anomaly");

        await Host.Restart(); // and no packet ever comes again

        await TimePasses(TimeSpan.FromSeconds(15), until: async () => (await Open()).Count == 0);
        Assert.Equal("subsided", (await ended.Get(fact => fact.ServiceCode == _customer.ServiceCode)).Reason);
    }

    [Fact]
    public async Task An_anomaly_stays_open_while_telemetry_is_away_and_ends_when_it_shows_quiet()
    {
        await using var ended = await Host.Listen<AnomalyEnded>();
        await Watch("203.0.113.0/24");
        await _service.Send(_customer, "203.0.113.10", OverTheDefault);
        await Eventually.Get(Open, seen => seen.Count == 1, what: "the open anomaly");

        await TimePasses(TimeSpan.FromSeconds(40), until: () => Task.FromResult(true), isTelemetryThere: false);
        Assert.Single(await Open());

        await TimePasses(TimeSpan.FromSeconds(6), until: async () => (await Open()).Count == 0);
        Assert.Equal("subsided", (await ended.Get(fact => fact.ServiceCode == _customer.ServiceCode)).Reason);
    }
}
