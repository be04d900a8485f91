using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Platform.Contracts.Detection.V1;
using Platform.Contracts.Grpc.Detection.V1;
using Platform.Contracts.Retention.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.Windows;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;
using AnomaliesClient = Platform.Contracts.Grpc.Detection.V1.Anomalies.AnomaliesClient;
using AnomalyDetected = Platform.Contracts.Detection.V1.AnomalyDetected;
using AnomalyEnded = Platform.Contracts.Detection.V1.AnomalyEnded;
using ObjectsClient = Platform.Contracts.Grpc.Detection.V1.ProtectedObjects.ProtectedObjectsClient;
using SecurityEventsClient = Platform.Contracts.Grpc.Detection.V1.SecurityEvents.SecurityEventsClient;
using WatchLevel = Platform.Detection.ProtectedObjects.WatchLevel;

namespace Platform.Detection.Tests;

/// <summary>The whole service: contracts in through the fact bus, windows through the telemetry bus, anomalies out.</summary>
public sealed class DetectionServiceTests(PostgresDatabase database, RabbitMqVirtualHost broker)
    : IClassFixture<PostgresDatabase>, IClassFixture<RabbitMqVirtualHost>, IAsyncLifetime
{
    private const long OverTheDefault = 300_000;
    private readonly Customer _customer = Customer.New();
    private ADetectionService _service = null!;

    private ServiceHost Host => _service.Host;

    public async ValueTask InitializeAsync() => _service = await ADetectionService.Start(database, broker);

    public ValueTask DisposeAsync() => _service.DisposeAsync();

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

    [Fact, Trait("Requirement", "R17")]
    public async Task Every_version_can_be_shown_and_restored_and_says_who_and_why()
    {
        await Watch("203.0.113.0/24");
        var client = new ObjectsClient(Host.Channel);
        var (id, me) = (_customer.ContractId.ToString(), Host.As(TenantId.Of(_customer.TenantId), Roles.Operator));
        var viewer = Host.As(TenantId.Of(_customer.TenantId), Roles.Viewer);
        await client.ChooseProfileAsync(new() { ObjectId = id, Profile = "game", Reason = "a game" }, me);
        await client.ChangeLearningAsync(
            new()
            {
                ObjectId = id,
                Reason = "first look",
                Learning = new Platform.Contracts.Grpc.Detection.V1.Learning { Mode = "propose", Margin = 1.5, FloorShare = 0.2, Zone = "Europe/Berlin" },
            },
            me);
        var answer = await client.RestoreVersionAsync(new() { ObjectId = id, Version = 1, ExpectedVersion = 3, Reason = "back" }, me);

        Assert.Equal(4, answer.Version);
        var versions = (await client.ListVersionsAsync(new() { ObjectId = id }, viewer)).Versions;
        Assert.Equal(["restored", "learning", "profile", "added"], versions.Select(version => version.Kind));
        Assert.Equal(["back", "first look", "a game", ""], versions.Select(version => version.Reason));
        Assert.All(versions.Take(3), version => Assert.NotEmpty(version.ChangedBy));
        Assert.Contains(versions[2].Differences, difference => difference is { What: "profile", Before: "generic", After: "game" });
        var third = (await client.GetVersionAsync(new() { ObjectId = id, Version = 3 }, viewer)).Content;
        Assert.Equal(("game", "propose", "Europe/Berlin"), (third.Profile, third.Learning.Mode, third.Learning.Zone));
        await Host.CatchUp();
        var now = Assert.Single(await Objects());
        Assert.Equal(("generic", "apply", 4L), (now.Profile, now.Learning.Mode, now.Version));

        var stranger = Host.As(TenantId.Of(Customer.NewId()), Roles.Operator);
        await Refused(StatusCode.NotFound, () => client.ListVersionsAsync(new() { ObjectId = id }, stranger).ResponseAsync);
        await Refused(StatusCode.NotFound, () => client.GetVersionAsync(new() { ObjectId = id, Version = 1 }, stranger).ResponseAsync);
        await Refused(StatusCode.NotFound, () => client.RestoreVersionAsync(new() { ObjectId = id, Version = 1, Reason = "x" }, stranger).ResponseAsync);
        await Refused(StatusCode.PermissionDenied, () => client.RestoreVersionAsync(new() { ObjectId = id, Version = 1, Reason = "x" }, viewer).ResponseAsync);
    }

    [Fact]
    public async Task An_anomaly_that_was_none_proposes_thresholds_and_applied_they_let_its_traffic_pass()
    {
        await Watch("203.0.113.0/24");
        await _service.Send(_customer, "203.0.113.10", OverTheDefault);
        var open = Assert.Single(await Eventually.Get(Open, seen => seen.Count == 1, what: "the open anomaly"));
        var me = Host.As(TenantId.Of(_customer.TenantId), Roles.Operator);
        var (anomalies, objects) = (new AnomaliesClient(Host.Channel), new ObjectsClient(Host.Channel));

        await Refused(StatusCode.NotFound, () => objects.ApplyProposalAsync(new() { AnomalyId = open.AnomalyId, Reason = "x" }, me).ResponseAsync);
        var stranger = Host.As(TenantId.Of(Customer.NewId()), Roles.Operator);
        await Refused(StatusCode.NotFound, () => anomalies.MarkFalseAsync(new() { AnomalyId = open.AnomalyId, Reason = "x" }, stranger).ResponseAsync);
        var mark = await anomalies.MarkFalseAsync(new() { AnomalyId = open.AnomalyId, Reason = "a launch" }, me);
        await objects.ApplyProposalAsync(new() { AnomalyId = open.AnomalyId, Reason = "a launch" }, me);

        var proposal = Assert.Single(mark.Proposal, threshold => threshold.Vector == "total");
        Assert.True(proposal.PacketsPerSecond > OverTheDefault);
        await Host.CatchUp();
        Assert.Equal(proposal.PacketsPerSecond, Assert.Single(await Objects()).Thresholds.Single(threshold => threshold.Vector == "total").PacketsPerSecond);
        Assert.True(Assert.Single(await Anomalies(openOnly: false)).IsMarkedFalse);
        await using var written = Host.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand(
            "select count(*) from events.mt_events where data::text ~ 'a launch' or data -> 'Content' ->> 'Name' = 'default'");
        Assert.Equal(0L, await written.ExecuteScalarAsync(TestContext.Current.CancellationToken)); // names and reasons are sealed

        // The same traffic again, to others: it passes, and a little more than was proposed does not. Both are in one partition, in this order.
        var directory = Host.Services.GetRequiredService<ObjectDirectory>();
        await Eventually.True(() => directory.Find(_customer.ContractId)?.Settings?.Floors?.Count > 0, what: "the floors in the engine");
        await _service.Send(_customer, "203.0.113.20", OverTheDefault, second: 60);
        await _service.Send(_customer, "203.0.113.21", OverTheDefault * 2, second: 120);
        var detected = await Eventually.Get(
            () => Anomalies(openOnly: false), seen => seen.Any(anomaly => anomaly.Target == "203.0.113.21/32"), what: "what is beyond the proposal");
        Assert.DoesNotContain(detected, anomaly => anomaly.Target == "203.0.113.20/32");
    }

    [Fact, Trait("Requirement", "R36")]
    public async Task WhenErasureDue_for_what_people_wrote_only_names_and_reasons_are_gone_and_the_records_stay()
    {
        await Watch("203.0.113.0/24");
        await _service.Send(_customer, "203.0.113.10", OverTheDefault);
        var open = Assert.Single(await Eventually.Get(Open, seen => seen.Count == 1, what: "the open anomaly"));
        await new AnomaliesClient(Host.Channel).MarkFalseAsync(
            new() { AnomalyId = open.AnomalyId, Reason = "a launch" }, Host.As(TenantId.Of(_customer.TenantId), Roles.Operator));

        await Deliver(new ErasureDue
        {
            TenantId = _customer.TenantId,
            ContractId = _customer.ContractId,
            ServiceCode = _customer.ServiceCode,
            ErasureId = Customer.NewId(),
            DataClasses = ["customer"],
            DueAt = DateTimeOffset.UnixEpoch,
            RequestedAt = DateTimeOffset.UnixEpoch,
        });

        Assert.Equal(SealedAttribute.ErasedValue, Assert.Single(await Objects()).Name);
        var read = await Host.Store.Tenant(TenantId.Of(_customer.TenantId)).Read(
            Detection.ProtectedObjects.ProtectedObjectState.Stream, _customer.ContractId.ToString(), TestContext.Current.CancellationToken);
        Assert.Equal(SealedAttribute.ErasedValue, Assert.IsType<Detection.ProtectedObjects.ProtectedObjectAdded>(read[0].Data).Content.Name);
        Assert.NotEmpty(await Anomalies(openOnly: false));
    }

    [Fact, Trait("Requirement", "R7")]
    public async Task A_period_is_learned_anew_reported_and_applied_in_one_step()
    {
        await Watch("203.0.113.0/24");
        var (id, me) = (_customer.ContractId.ToString(), Host.As(TenantId.Of(_customer.TenantId), Roles.Operator));
        var viewer = Host.As(TenantId.Of(_customer.TenantId), Roles.Viewer);
        var (client, now) = (new ObjectsClient(Host.Channel), Host.Clock.GetUtcNow());
        var (from, until) = (now.AddHours(-5).ToTimestamp(), now.ToTimestamp());
        var ask = new ReportRelearningRequest { ObjectId = id, From = from, Until = until };

        await Refused(StatusCode.InvalidArgument, () => client.ReportRelearningAsync(ask, viewer).ResponseAsync); // nothing is known
        await TrafficWas(now, hours: 4, packets: 2_000);
        var report = await client.ReportRelearningAsync(ask, viewer);

        var total = report.Rates.Single(rate => rate is { Vector: "total", Level: "host", Direction: "in", Unit: "packets" });
        Assert.Equal((250_000L, 2_600L), (total.Old, total.Proposed));
        Assert.Equal((0, 0), (total.OldFired, total.ProposedFired));
        Assert.InRange(total.Median, 1_990, 2_010);

        var apply = new ApplyRelearningRequest { ObjectId = id, From = from, Until = until, Fingerprint = report.Fingerprint, ExpectedVersion = 1, Reason = "review" };
        var stranger = Host.As(TenantId.Of(Customer.NewId()), Roles.Operator);
        await Refused(StatusCode.NotFound, () => client.ReportRelearningAsync(ask, stranger).ResponseAsync);
        await Refused(StatusCode.NotFound, () => client.ApplyRelearningAsync(apply, stranger).ResponseAsync);
        await Refused(StatusCode.PermissionDenied, () => client.ApplyRelearningAsync(apply, viewer).ResponseAsync);
        await Refused(StatusCode.FailedPrecondition, () => client.ApplyRelearningAsync(new(apply) { Fingerprint = "another" }, me).ResponseAsync);
        await Refused(StatusCode.InvalidArgument, () => client.ApplyRelearningAsync(new(apply) { Reason = "" }, me).ResponseAsync);
        Assert.Equal(2, (await client.ApplyRelearningAsync(apply, me)).Version);
        await Refused(StatusCode.FailedPrecondition, () => client.ApplyRelearningAsync(apply, me).ResponseAsync); // version 1 is gone

        var versions = (await client.ListVersionsAsync(new() { ObjectId = id }, viewer)).Versions;
        Assert.Equal(["relearned", "added"], versions.Select(version => version.Kind));
        Assert.Equal("review", versions[0].Reason);
        await Host.CatchUp();
        Assert.Equal(2_600, Assert.Single(await Objects()).Thresholds.Single(threshold => threshold.Vector == "total").PacketsPerSecond);
    }

    [Fact, Trait("Requirement", "R5")]
    public async Task What_was_learned_is_shown_with_how_sure_it_is_and_what_it_allows()
    {
        await Watch("203.0.113.0/24");
        var client = new ObjectsClient(Host.Channel);
        var ask = new GetLearnedRequest { ObjectId = _customer.ContractId.ToString() };
        var viewer = Host.As(TenantId.Of(_customer.TenantId), Roles.Viewer);
        var nothing = await client.GetLearnedAsync(ask, viewer);
        Assert.Equal(("learning", 0.0, 0L), (nothing.Phase, nothing.Coverage, nothing.LearnedMinutes));
        Assert.Empty(nothing.Rates);

        await LearnedBefore(packets: 1_000);

        var learned = await client.GetLearnedAsync(ask, viewer);
        Assert.Equal("learning", learned.Phase);
        Assert.InRange(learned.Coverage, 28 / 168.0, 31 / 168.0);
        Assert.InRange(learned.LearnedMinutes, 29 * 60, 30 * 60);
        var total = learned.Rates.Single(rate => rate is { Vector: "total", Level: "object", Unit: "packets" });
        Assert.Equal(1_000, total.Usual);
        Assert.InRange(total.Allowed, 1_300, 2_400); // the margin, wider where an hour was seen on other days only

        var stranger = Host.As(TenantId.Of(Customer.NewId()), Roles.Viewer);
        await Refused(StatusCode.NotFound, () => client.GetLearnedAsync(ask, stranger).ResponseAsync);
    }

    /// <summary>What a process learned in 30 hours of steady traffic (1,000 bytes a packet) and saved.</summary>
    private async Task LearnedBefore(long packets)
    {
        var baseline = new ObjectBaseline(HoursOfWeek.Japan);
        var until = Host.Clock.GetUtcNow().ToUnixTimeSeconds();
        for (var second = until - (30 * 3_600); second <= until; second += 10)
        {
            var traffic = SecondTraffic.Of(new Amount(packets * 8_000, packets));
            baseline.Observe(second, traffic, traffic, traffic);
        }

        await using var insert = Host.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand("insert into views.baselines_v1 values ($1, $2, $3, now(), $4)");
        insert.Parameters.Add(new() { Value = _customer.TenantId });
        insert.Parameters.Add(new() { Value = _customer.ContractId });
        insert.Parameters.Add(new() { Value = _customer.ServiceCode });
        insert.Parameters.Add(new() { Value = baseline.Snapshot() });
        await insert.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    [Fact, Trait("Requirement", "R5")]
    public async Task A_service_that_restarts_judges_by_what_was_learned_from_its_first_window_on()
    {
        await using var detected = await Host.Listen<AnomalyDetected>();
        await Watch("203.0.113.0/24");
        await LearnedBefore(packets: 1_000);
        await Host.Restart();

        await _service.Send(_customer, "203.0.113.9", packets: 1_001); // an ordinary second of the neighbour
        await _service.Send(_customer, "203.0.113.10", packets: 20_000); // a tenth of what a new object may have

        var fact = await detected.Get(fact => fact.ServiceCode == _customer.ServiceCode);
        Assert.Equal(("learned", 1_000L), (fact.Explanation!.Rule, fact.Explanation.Baseline));
    }

    /// <summary>What judges saved in the hours before.</summary>
    private async Task TrafficWas(DateTimeOffset now, int hours, long packets)
    {
        await using var connection = await Host.Services.GetRequiredService<NpgsqlDataSource>().OpenConnectionAsync();
        for (var hour = hours; hour > 0; hour--)
        {
            var start = (now.AddHours(-hour).ToUnixTimeSeconds() / 3600) * 60;
            var chunk = new HistoryChunk(start);
            for (var minute = start; minute < start + 60; minute++)
            {
                chunk.Observe(minute, WatchLevel.Host, SecondTraffic.Of(new Amount(packets * 800, packets)));
                chunk.Mark(minute, isAnomalous: false);
            }

            await using var insert = new NpgsqlCommand("insert into views.traffic_history_v1 values ($1, $2, $3, $4, $5)", connection);
            insert.Parameters.Add(new() { Value = _customer.TenantId });
            insert.Parameters.Add(new() { Value = _customer.ContractId });
            insert.Parameters.Add(new() { Value = _customer.ServiceCode });
            insert.Parameters.Add(new() { Value = DateTimeOffset.FromUnixTimeSeconds(start * 60) });
            insert.Parameters.Add(new() { Value = chunk.Write() });
            await insert.ExecuteNonQueryAsync();
        }
    }

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
    public async Task WhenContractTerminated_comes_before_the_contract_it_is_never_watched()
    {
        await Deliver(_customer.Terminated());
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Host.CatchUp();
        Assert.Empty(await Objects());
    }

    [Fact]
    public async Task Other_thresholds_count_within_a_second_and_are_a_version_of_their_own()
    {
        await using var detected = await Host.Listen<AnomalyDetected>();
        await using var thresholds = await Host.Listen<ThresholdsChanged>();
        await Watch("203.0.113.0/24");
        var watched = Assert.Single(await Objects());
        var client = new ObjectsClient(Host.Channel);
        var change = new ChangeThresholdsRequest
        {
            ObjectId = watched.ObjectId,
            Thresholds = { new Threshold { Vector = "total", PacketsPerSecond = 100 } },
            ExpectedVersion = 1,
            Reason = "a small one",
        };

        await Refused(StatusCode.NotFound, change, TenantId.Of(Customer.NewId()), Roles.Operator);
        await Refused(StatusCode.PermissionDenied, change, TenantId.Of(_customer.TenantId), Roles.Viewer);
        await Refused(
            StatusCode.InvalidArgument,
            new() { ObjectId = watched.ObjectId, Thresholds = { new Threshold { Vector = "gre" } }, Reason = "no rate" },
            TenantId.Of(_customer.TenantId),
            Roles.Operator);
        await Refused(StatusCode.InvalidArgument, new(change) { Reason = "" }, TenantId.Of(_customer.TenantId), Roles.Operator);
        var answer = await client.ChangeThresholdsAsync(change, Host.As(TenantId.Of(_customer.TenantId), Roles.Operator));
        Assert.Equal(2, answer.Version);
        await Refused(StatusCode.FailedPrecondition, new(change) { Thresholds = { new Threshold { Vector = "udp", PacketsPerSecond = 1 } } },
            TenantId.Of(_customer.TenantId), Roles.Operator);

        Assert.Equal(2, (await thresholds.Get(fact => fact.ServiceCode == _customer.ServiceCode && fact.Version == 2)).Version);
        await Eventually.Passes(async () =>
        {
            await _service.Send(_customer, "203.0.113.10", packets: 101);
            Assert.Contains(detected.Facts, fact => fact.ServiceCode == _customer.ServiceCode);
        });
    }

    [Fact]
    public async Task WhenErasureDue_anomalies_and_objects_of_that_contract_are_gone_and_no_others()
    {
        await using var erased = await Host.Listen<DataErased>();
        var other = _customer with { ContractId = Customer.NewId(), ServiceCode = Customer.New().ServiceCode };
        await Watch("203.0.113.0/24");
        await Deliver(other.Signed("198.51.100.0/24"));
        await Host.CatchUp();
        await Eventually.Passes(async () =>
        {
            await _service.Send(other, "198.51.100.1", OverTheDefault);
            Assert.NotEmpty(await Open());
        });
        var shop = (await new ObjectsClient(Host.Channel).AddProtectedObjectAsync(
            new() { ServiceCode = _customer.ServiceCode, Name = "shop", Prefixes = { "203.0.113.11/32" }, Reason = "another team" },
            Host.As(TenantId.Of(_customer.TenantId), Roles.Operator))).ObjectId;
        await _service.Send(_customer, "203.0.113.10", OverTheDefault);
        await Eventually.Passes(async () =>
        {
            await _service.Send(_customer, "203.0.113.11", OverTheDefault, objectId: shop);
            Assert.Equal(3, (await Open()).Count);
        });
        await Deliver(_customer.Terminated());
        await Host.CatchUp();
        await TimePasses(TimeSpan.FromSeconds(2), until: async () => (await Open()).Count == 1);

        var due = new ErasureDue
        {
            TenantId = _customer.TenantId,
            ContractId = _customer.ContractId,
            ServiceCode = _customer.ServiceCode,
            ErasureId = Customer.NewId(),
            DataClasses = ["incident", "customer"],
            DueAt = DateTimeOffset.UnixEpoch,
            RequestedAt = DateTimeOffset.UnixEpoch,
        };
        await Deliver(due);

        var proof = await erased.Get(fact => fact.ErasureId == due.ErasureId);
        Assert.Equal(("detection", 2L, 1L), (proof.Owner, proof.Counts["target"], proof.Counts["protected-object"]));
        Assert.Equal(1L, proof.Counts[TenantSession.ErasedKeys]); // the names of its objects
        Assert.Equal(other.ServiceCode, Assert.Single(await Anomalies(openOnly: false)).ServiceCode);
        Assert.Equal(other.ServiceCode, Assert.Single(await Objects()).ServiceCode);

        await Deliver(due); // asked again: the same answer again
        var answers = await Eventually.Get(
            () => erased.Facts.Where(fact => fact.ErasureId == due.ErasureId).ToList(), seen => seen.Count == 2, what: "two answers");
        Assert.All(answers, answer => Assert.Equal(2, answer.Counts["target"]));
    }

    [Fact, Trait("Requirement", "R17")]
    public async Task Prefixes_grouped_under_a_name_are_judged_by_their_own_thresholds_within_a_second_and_nobody_else_groups_them()
    {
        await using var detected = await Host.Listen<AnomalyDetected>();
        await using var thresholds = await Host.Listen<ThresholdsChanged>();
        await using var retired = await Host.Listen<ProtectedObjectRetired>();
        await Watch("203.0.113.0/24", "198.51.100.0/24");
        var client = new ObjectsClient(Host.Channel);
        var me = Host.As(TenantId.Of(_customer.TenantId), Roles.Operator);
        var add = new AddProtectedObjectRequest
        {
            ServiceCode = _customer.ServiceCode, Name = "shop", Prefixes = { "203.0.113.0/24" }, Profile = "web", Reason = "another team",
        };

        var added = await client.AddProtectedObjectAsync(add, me);
        Assert.Equal(added.ObjectId, (await client.AddProtectedObjectAsync(add, me)).ObjectId); // asked again
        var change = new ChangeThresholdsRequest
        {
            ObjectId = added.ObjectId, Thresholds = { new Threshold { Vector = "total", PacketsPerSecond = 100 } }, ExpectedVersion = 1, Reason = "small",
        };
        Assert.Equal(2, (await client.ChangeThresholdsAsync(change, me)).Version); // at once, whatever the views know

        var stranger = Host.As(TenantId.Of(Customer.NewId()), Roles.Operator);
        var viewer = Host.As(TenantId.Of(_customer.TenantId), Roles.Viewer);
        var regroup = new ChangeGroupingRequest { ObjectId = added.ObjectId, Name = "store", Prefixes = { "203.0.113.0/25" }, Reason = "half of it" };
        var remove = new RemoveProtectedObjectRequest { ObjectId = added.ObjectId, ExpectedVersion = 3, Reason = "no longer apart" };
        foreach (var (status, who) in (IEnumerable<(StatusCode, Metadata)>)[(StatusCode.NotFound, stranger), (StatusCode.PermissionDenied, viewer)])
        {
            await Refused(status, () => client.AddProtectedObjectAsync(new(add) { Name = "theirs" }, who).ResponseAsync);
            await Refused(status, () => client.ChangeGroupingAsync(regroup, who).ResponseAsync);
            await Refused(status, () => client.RemoveProtectedObjectAsync(remove, who).ResponseAsync);
            await Refused(status, () => client.ChangeThresholdsAsync(change, who).ResponseAsync);
        }

        await Refused(StatusCode.InvalidArgument, () => client.AddProtectedObjectAsync(new(add) { Name = "x", Prefixes = { "203.0.113.1/24" } }, me).ResponseAsync);

        await Eventually.Passes(async () =>
        {
            await _service.Send(_customer, "203.0.113.10", packets: 101, objectId: added.ObjectId);
            Assert.Contains(detected.Facts, fact => fact.ObjectId.ToString() == added.ObjectId && fact.ServiceCode == _customer.ServiceCode);
        });

        Assert.Equal(3, (await client.ChangeGroupingAsync(regroup, me)).Version);
        Assert.Equal(4, (await client.RestoreVersionAsync(new() { ObjectId = added.ObjectId, Version = 1, Reason = "all of it" }, me)).Version);
        var versions = (await client.ListVersionsAsync(new() { ObjectId = added.ObjectId }, viewer)).Versions;
        Assert.Equal(["restored", "grouped", "thresholds", "added"], versions.Select(version => version.Kind));
        Assert.Equal(["all of it", "half of it", "small", "another team"], versions.Select(version => version.Reason));
        Assert.All(versions, version => Assert.NotEmpty(version.ChangedBy));
        Assert.Contains(versions[1].Differences, difference => difference is { What: "name", Before: "shop", After: "store" });
        Assert.Contains(versions[1].Differences, difference => difference is { What: "prefixes", Before: "203.0.113.0/24", After: "203.0.113.0/25" });
        var halved = (await client.GetVersionAsync(new() { ObjectId = added.ObjectId, Version = 3 }, viewer)).Content;
        Assert.Equal(("store", "203.0.113.0/25"), (halved.Name, Assert.Single(halved.Prefixes)));

        await Host.CatchUp();
        var objects = await Objects();
        Assert.Equal(["default 198.51.100.0/24", "shop 203.0.113.0/24"], objects.Select(known => $"{known.Name} {string.Join(' ', known.Prefixes)}"));

        await Refused(StatusCode.FailedPrecondition, () => client.RemoveProtectedObjectAsync(remove, me).ResponseAsync); // version 3 is gone
        await client.RemoveProtectedObjectAsync(new(remove) { ExpectedVersion = 4 }, me);
        Assert.Equal(added.ObjectId, (await retired.Get(fact => fact.ServiceCode == _customer.ServiceCode)).ObjectId.ToString());
        var whole = await thresholds.Get(fact => fact.ObjectId == _customer.ContractId && fact.Version == 5);
        Assert.Equal(["203.0.113.0/24", "198.51.100.0/24"], whole.Prefixes);
        await Host.CatchUp();
        Assert.Equal(["default"], (await Objects()).Select(known => known.Name));
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
        var security = new SecurityEventsClient(Host.Channel);
        var excess = (await Eventually.Get(
            async () =>
            {
                Host.Clock.Advance(TimeSpan.FromSeconds(5));
                return (await security.ListBandwidthExcessesAsync(new(), Host.As(TenantId.Of(_customer.TenantId), Roles.Viewer))).Excesses;
            },
            seen => seen.Count == 1,
            what: "the excess"))[0];

        Assert.Equal(DateTimeOffset.FromUnixTimeSeconds((minute + 2) * 60), excess.Since.ToDateTimeOffset());
        Assert.Equal((_customer.ServiceCode, 1_200_000_000L), (excess.ServiceCode, excess.PeakBitsPerSecond));
    }

    /// <summary>What judges wrote down.</summary>
    private async Task Used(Guid objectId, long minute, int minutes, long bits)
    {
        await using var write = Host.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand(
            "insert into views.used_minutes_v1 select $1, $2, $3, minute, $4, false from generate_series($5::bigint, $5::bigint + $6 - 1) minute");
        foreach (var value in (object[])[_customer.TenantId, _customer.ServiceCode, objectId, bits, minute, minutes])
        {
            write.Parameters.Add(new() { Value = value });
        }

        await write.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>A contract comes, and the engine knows it.</summary>
    private async Task Watch(params string[] prefixes)
    {
        await Deliver(_customer.Signed(prefixes));
        await Host.CatchUp();
        var directory = Host.Services.GetRequiredService<ObjectDirectory>();
        await Eventually.True(() => directory.Find(_customer.ContractId) is not null, what: "the object in the engine");
    }

    /// <summary>Time passes in steps, because what waits for time must also get its turn.</summary>
    private async Task TimePasses(TimeSpan atLeast, Func<Task<bool>> until, bool isTelemetryThere = true)
    {
        var end = Host.Clock.GetUtcNow() + atLeast;
        await Eventually.True(
            async () =>
            {
                Host.Clock.Advance(TimeSpan.FromSeconds(0.2));
                if (isTelemetryThere)
                {
                    await _service.Beat();
                }

                return Host.Clock.GetUtcNow() >= end && await until();
            },
            TimeSpan.FromSeconds(30));
    }

    private Task Deliver<T>(T fact)
        where T : class => Host.Deliver(fact, Customer.NewId());

    private Task<IReadOnlyList<Anomaly>> Open() => Anomalies(openOnly: true);

    private async Task<IReadOnlyList<Anomaly>> Anomalies(bool openOnly)
    {
        var answer = await new AnomaliesClient(Host.Channel).ListAnomaliesAsync(
            new ListAnomaliesRequest { OpenOnly = openOnly }, Host.As(TenantId.Of(_customer.TenantId), Roles.Viewer));
        return answer.Anomalies;
    }

    private async Task<IReadOnlyList<ProtectedObject>> Objects()
    {
        var answer = await new ObjectsClient(Host.Channel).ListProtectedObjectsAsync(
            new ListProtectedObjectsRequest(), Host.As(TenantId.Of(_customer.TenantId), Roles.Viewer));
        return answer.Objects;
    }

    private async Task Refused(StatusCode status, ChangeThresholdsRequest request, TenantId tenant, string role)
    {
        var client = new ObjectsClient(Host.Channel);
        var refusal = await Assert.ThrowsAsync<RpcException>(
            () => client.ChangeThresholdsAsync(request, Host.As(tenant, role)).ResponseAsync);
        Assert.Equal(status, refusal.StatusCode);
    }

    private static async Task Refused<T>(StatusCode status, Func<Task<T>> call) =>
        Assert.Equal(status, (await Assert.ThrowsAsync<RpcException>(call)).StatusCode);
}
