using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Platform.Contracts.Grpc.Detection.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.Windows;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;
using AnomaliesClient = Platform.Contracts.Grpc.Detection.V1.Anomalies.AnomaliesClient;
using AnomalyDetected = Platform.Contracts.Detection.V1.AnomalyDetected;
using ObjectsClient = Platform.Contracts.Grpc.Detection.V1.ProtectedObjects.ProtectedObjectsClient;
using WatchLevel = Platform.Detection.ProtectedObjects.WatchLevel;

namespace Platform.Detection.Tests.Learning;

/// <summary>What was learned, learned anew or proposed, from the service: shown, applied, and judged by.</summary>
public sealed class LearnedThresholdsTests(PostgresDatabase database, RabbitMqVirtualHost broker) : ServiceTests(database, broker)
{
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
        Assert.InRange(total.Allowed, 1_300, 5_000); // the margin, wider where an hour was seen on other days only, or a hundredth of what the profile begins with

        await TrafficWas(Host.Clock.GetUtcNow(), hours: 1, packets: 1_000, grain: 1_000);
        var sampled = (await client.GetLearnedAsync(ask, viewer)).Rates.Single(rate => rate is { Vector: "total", Level: "object", Unit: "packets" });
        Assert.Equal((total.Allowed, true), (sampled.Allowed, sampled.Burst >= 5_000)); // some sampled packets

        var stranger = Host.As(TenantId.Of(Customer.NewId()), Roles.Viewer);
        await Refused(StatusCode.NotFound, () => client.GetLearnedAsync(ask, stranger).ResponseAsync);

        await client.ForgetLearnedAsync(
            new() { ObjectId = ask.ObjectId, Reason = "it was an attack" }, Host.As(TenantId.Of(_customer.TenantId), Roles.Operator));
        var forgotten = await client.GetLearnedAsync(ask, viewer);
        Assert.Equal(("learning", 0.0, 0L, 0), (forgotten.Phase, forgotten.Coverage, forgotten.LearnedMinutes, forgotten.Rates.Count));
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
        Assert.Equal((375_000L, 2_600L), (total.Old, total.Proposed));
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

    [Fact, Trait("Requirement", "R7")]
    public async Task A_report_begins_with_the_addresses_that_the_object_has_now_and_says_so()
    {
        await Watch("203.0.113.0/24", "198.51.100.0/24");
        var (client, me) = (new ObjectsClient(Host.Channel), Host.As(TenantId.Of(_customer.TenantId), Roles.Operator));
        var now = Host.Clock.GetUtcNow();
        var ask = new ReportRelearningRequest
        {
            ObjectId = _customer.ContractId.ToString(), From = now.AddHours(-5).ToTimestamp(), Until = now.AddHours(3).ToTimestamp(),
        };
        await TrafficWas(now, hours: 4, packets: 2_000);
        Assert.Null((await client.ReportRelearningAsync(ask, me)).AddressesSince);

        await client.AddProtectedObjectAsync(
            new() { ServiceCode = _customer.ServiceCode, Name = "shop", Prefixes = { "203.0.113.0/24" }, Reason = "another team" }, me);
        var refused = await Assert.ThrowsAsync<RpcException>(() => client.ReportRelearningAsync(ask, me).ResponseAsync);
        Assert.Equal((StatusCode.InvalidArgument, true), (refused.StatusCode, refused.Status.Detail.Contains("since", StringComparison.Ordinal)));

        await TrafficWas(now.AddHours(3), hours: 3, packets: 500); // the hour of the change, and two more
        var report = await client.ReportRelearningAsync(ask, me);

        Assert.Equal((report.AddressesSince, report.LearnedMinutes), (report.From, report.FiredMinutes));
        Assert.InRange(report.AddressesSince.ToDateTimeOffset() - now, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(2));
        Assert.InRange(report.LearnedMinutes, 117, 180);
        Assert.Equal(650, report.Rates.Single(rate => rate is { Vector: "total", Level: "host", Direction: "in", Unit: "packets" }).Proposed);
    }

    [Fact, Trait("Requirement", "R7"), Trait("Requirement", "R26")]
    public async Task Minutes_of_an_anomaly_that_was_marked_false_teach_a_new_threshold()
    {
        await Watch("203.0.113.0/24");
        var (client, now) = (new ObjectsClient(Host.Channel), Host.Clock.GetUtcNow());
        var viewer = Host.As(TenantId.Of(_customer.TenantId), Roles.Viewer);
        var ask = new ReportRelearningRequest
        {
            ObjectId = _customer.ContractId.ToString(), From = now.AddHours(-5).ToTimestamp(), Until = now.ToTimestamp(),
        };
        await TrafficWas(now, hours: 4, packets: 2_000, isAnomalous: true);
        var first = DateTimeOffset.FromUnixTimeSeconds(now.AddHours(-4).ToUnixTimeSeconds() / 3_600 * 3_600);
        await using var insert = Host.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand(
            """
            insert into views.anomalies_v1 (tenant_id, anomaly_id, object_id, service_code, target, vectors, peak_bits_per_second,
                peak_packets_per_second, since, detected_at, ended_at, marked_false_at)
            values ($1, gen_random_uuid(), $2, $3, '203.0.113.1/32', '{total}', 1, 1, $4, $4, $5, now())
            """);
        insert.Parameters.Add(new() { Value = _customer.TenantId });
        insert.Parameters.Add(new() { Value = _customer.ContractId });
        insert.Parameters.Add(new() { Value = _customer.ServiceCode });
        insert.Parameters.Add(new() { Value = first });
        insert.Parameters.Add(new() { Value = first.AddHours(2) });
        await insert.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

        var report = await client.ReportRelearningAsync(ask, viewer);

        Assert.InRange(report.LearnedMinutes, 120, 123);
        Assert.Equal(240 - report.LearnedMinutes, report.RefusedMinutes);
        Assert.Equal(2_600, report.Rates.Single(rate => rate is { Vector: "total", Level: "host", Direction: "in", Unit: "packets" }).Proposed);
        Assert.False(report.OfAnomalies);
    }

    /// <summary>What judges saved in the hours before.</summary>
    private async Task TrafficWas(DateTimeOffset now, int hours, long packets, bool isAnomalous = false, long grain = 1)
    {
        await using var connection = await Host.Services.GetRequiredService<NpgsqlDataSource>().OpenConnectionAsync();
        for (var hour = hours; hour > 0; hour--)
        {
            var start = (now.AddHours(-hour).ToUnixTimeSeconds() / 3600) * 60;
            var chunk = new HistoryChunk(start);
            for (var minute = start; minute < start + 60; minute++)
            {
                chunk.Observe(minute, WatchLevel.Host, SecondTraffic.Of(new Amount(packets * 800, packets)));
                chunk.Mark(minute, isAnomalous, grain);
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
    public async Task What_is_applied_of_a_false_anomaly_is_what_was_shown_however_it_went_on()
    {
        await Watch("203.0.113.0/24");
        await _service.Send(_customer, "203.0.113.10", OverTheDefault);
        var open = Assert.Single(await Eventually.Get(Open, seen => seen.Count == 1, what: "the open anomaly"));
        var me = Host.As(TenantId.Of(_customer.TenantId), Roles.Operator);
        var (anomalies, objects) = (new AnomaliesClient(Host.Channel), new ObjectsClient(Host.Channel));
        var mark = await anomalies.MarkFalseAsync(new() { AnomalyId = open.AnomalyId, Reason = "a launch" }, me);

        await _service.Send(_customer, "203.0.113.10", OverTheDefault * 8, second: 1); // an attack within it
        await Eventually.Get(Open, seen => seen.Single().PeakPacketsPerSecond >= OverTheDefault * 8, what: "its growth");
        Assert.Equal(mark.Proposal, (await anomalies.GetAnomalyAsync(new() { AnomalyId = open.AnomalyId }, me)).Proposal);
        await objects.ApplyProposalAsync(new() { AnomalyId = open.AnomalyId, Reason = "a launch" }, me);

        await Host.CatchUp();
        var floor = Assert.Single(Assert.Single(await Objects()).MarkedFloors);
        Assert.Equal((open.AnomalyId, mark.Bounds), (floor.AnomalyId, floor.Bounds));
        Assert.Equal(mark.Proposal, floor.Thresholds);
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
        var known = Assert.Single(await Objects());
        Assert.True(known.Thresholds.Single(threshold => threshold.Vector == "total").PacketsPerSecond < OverTheDefault); // nobody else may have it
        Assert.Equal(proposal.PacketsPerSecond, Assert.Single(known.MarkedFloors).Thresholds.Single(threshold => threshold.Vector == "total").PacketsPerSecond);
        var marked = Assert.Single(await Anomalies(openOnly: false));
        Assert.True(marked.IsMarkedFalse);
        Assert.Equal(new FloorBounds { FromHour = 20, UntilHour = 23, Zone = "Asia/Tokyo", Target = "203.0.113.10/32" }, marked.ProposalBounds); // noon of UTC
        Assert.Equal(marked.ProposalBounds, mark.Bounds);
        await using var written = Host.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand(
            "select count(*) from events.mt_events where data::text ~ 'a launch' or data -> 'Content' ->> 'Name' = 'default'");
        Assert.Equal(0L, await written.ExecuteScalarAsync(TestContext.Current.CancellationToken)); // names and reasons are sealed

        // The same traffic again: of its host it passes, of another one it does not. Both are in one partition, in this order.
        var directory = Host.Services.GetRequiredService<ObjectDirectory>();
        await Eventually.True(() => directory.Find(_customer.ContractId)?.Settings?.Marked?.Count > 0, what: "the floors in the engine");
        await TimePasses(TimeSpan.FromSeconds(6), async () => (await Open()).Count == 0);
        await _service.Send(_customer, "203.0.113.10", OverTheDefault);
        await TimePasses(TimeSpan.FromSeconds(3), () => Task.FromResult(true));
        await _service.Send(_customer, "203.0.113.20", OverTheDefault);
        var detected = await Eventually.Get(
            () => Anomalies(openOnly: false), seen => seen.Any(anomaly => anomaly.Target == "203.0.113.20/32"), what: "what nobody marked");
        Assert.Single(detected, anomaly => anomaly.Target == "203.0.113.10/32");

        // It was one after all: what was raised is taken back.
        var raised = Assert.Single(await Objects());
        Assert.All(raised.Thresholds, threshold => Assert.False(threshold.Own));
        await objects.ChangeLearningAsync(new() { ObjectId = raised.ObjectId, Learning = raised.Learning, Floors = new(), Reason = "it was one" }, me);
        await Host.CatchUp();
        var lowered = Assert.Single(await Objects());
        Assert.Empty(lowered.MarkedFloors);
        Assert.True(lowered.Thresholds.Single(threshold => threshold.Vector == "total").PacketsPerSecond < OverTheDefault);
    }
}
