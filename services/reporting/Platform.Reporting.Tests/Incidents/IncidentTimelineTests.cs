using Grpc.Core;
using Platform.Contracts.Detection.V1;
using Platform.Contracts.Reporting.V1;
using Platform.Hosting;
using Platform.Reporting.Incidents;
using Platform.Testing;
using static Platform.Reporting.Tests.AReportingService;
using Wire = Platform.Contracts.Grpc.Reporting.V1;

namespace Platform.Reporting.Tests.Incidents;

/// <summary>
/// From facts on the broker to what a customer reads: WhenAnomalyDetected, WhenAnomalyChanged, WhenAnomalyEnded,
/// WhenMitigationStarted,
/// WhenCountermeasureProposed, WhenCountermeasureAnnounced, WhenCountermeasureMeasured, WhenCountermeasureWithdrawn, WhenMitigationStepRefused,
/// WhenMitigationEnded, WhenMitigationFailed, WhenAnomalyMarkedFalse.
/// </summary>
public sealed class IncidentTimelineTests(AReportingService service) : IClassFixture<AReportingService>
{
    private static readonly string[] Steps =
    [
        "anomaly-detected", "mitigation-started", "countermeasure-announced", "anomaly-changed", "anomaly-ended", "countermeasure-measured",
        "countermeasure-withdrawn", "mitigation-ended", "report-published",
    ];

    [Fact]
    [Trait("Requirement", "R3")]
    [Trait("Requirement", "R30")]
    [Trait("Requirement", "R31")]
    public async Task An_attack_is_one_incident_with_its_response_history_and_the_numbers_of_detection_and_mitigation()
    {
        var facts = AnAttack();
        await Deliver(facts.Story);

        var told = await Get(facts);

        Assert.Equal(Steps, told.Timeline.Select(step => step.Step));
        Assert.Equal(
            ["detection", "mitigation", "mitigation", "detection", "detection", "mitigation", "mitigation", "mitigation", "reporting"],
            told.Timeline.Select(step => step.Actor));
        Assert.Equal(facts.Announced.AnnouncedAt, told.Timeline[2].At.ToDateTimeOffset());
        Assert.Equal("203.0.113.10/32 community 65535:666", told.Timeline[2].Details["route"]);
        Assert.Equal("90000", told.Timeline[0].Details["packets_per_second"]);
        Assert.Equal(("helped", "2000"), (told.Timeline[5].Details["verdict"], told.Timeline[5].Details["dropped_packets"]));
        var expected = new Wire.Incident
        {
            IncidentId = facts.AnomalyId.ToString(),
            TenantId = Acme.Value,
            ServiceCode = facts.ServiceCode,
            Target = "203.0.113.10/32",
            Status = "closed",
            PeakBitsPerSecond = 1_000_000_000,
            PeakPacketsPerSecond = 250_000,
            DetectedAt = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTimeOffset(facts.DetectedAt),
            EndedAt = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTimeOffset(facts.EndedAt),
            MitigationResult = "defended",
        };
        expected.Vectors.AddRange(["icmp", "total", "udp"]);
        Assert.Equal(expected, told.Incident);
    }

    [Fact]
    [Trait("Requirement", "R1")]
    public async Task The_timeline_says_why_an_attack_was_recognised_in_both_languages_and_in_figures_with_units()
    {
        var facts = AnAttack();
        var why = new AnomalyExplanation
        {
            Sentence = "ntp reached 90,000 packets/s",
            SentenceJa = "ntpが90,000 packets/sに達し",
            Rule = "learned",
            Level = "host",
            Vector = "ntp",
            Unit = "packets",
            Measured = 90_000,
            Threshold = 4_000,
            Baseline = 250,
            Classification = "ntp-amplification",
            Confidence = 0.92,
            Not = ["no download", "no crowd"],
            NotJa = ["ダウンロードではありません", "アクセスの集中ではありません"],
            Sources = [new() { Value = "198.51.100.7", Share = 0.31 }, new() { Value = "198.51.100.9", Share = 0.12 }],
            SourcePorts = [new() { Value = "123", Share = 0.99 }],
            PacketLengths = [new() { Value = "512", Share = 0.8 }],
        };
        await Deliver(
            facts.Detected with { Severity = "high", Explanation = why },
            facts.Changed with { Severity = "critical", Explanation = why with { Measured = 200_000 } });

        var told = (await Get(facts)).Timeline;
        var details = told.Single(step => step.Step == "anomaly-detected").Details;
        var expected = new Dictionary<string, string>
        {
            ["severity"] = "high",
            ["explanation"] = "ntp reached 90,000 packets/s",
            ["explanation_ja"] = "ntpが90,000 packets/sに達し",
            ["rule"] = "learned",
            ["level"] = "host",
            ["classification"] = "ntp-amplification",
            ["confidence_percent"] = "92",
            ["measured_packets_per_second"] = "90000",
            ["threshold_packets_per_second"] = "4000",
            ["baseline_packets_per_second"] = "250",
            ["sources"] = "198.51.100.7 (31 %), 198.51.100.9 (12 %)",
            ["source_ports"] = "123 (99 %)",
            ["packet_lengths_bytes"] = "≤ 512 (80 %)",
            ["not"] = "no download; no crowd",
            ["not_ja"] = "ダウンロードではありません。アクセスの集中ではありません",
        };
        Assert.All(expected, pair => Assert.Equal(pair.Value, details.GetValueOrDefault(pair.Key)));
        Assert.False(details.ContainsKey("destination_ports")); // not known
        var changed = told.Single(step => step.Step == "anomaly-changed").Details;
        Assert.Equal(("critical", "200000"), (changed["severity"], changed["measured_packets_per_second"]));
    }

    [Fact]
    [Trait("Requirement", "R1")]
    public async Task An_attack_that_is_spread_over_several_prefixes_names_them_with_their_shares_and_what_joined_later()
    {
        var (right, wrong) = (AnAttack(), AnAttack());
        await Deliver(Story(right));
        await Deliver([.. Story(wrong).Reverse()]);

        foreach (var facts in (Facts[])[right, wrong])
        {
            var told = await Get(facts);
            var (begin, grown) = (facts.DetectedAt, facts.Changed.ChangedAt);
            Assert.Equal(
                [("198.51.100.7/32", 0.7, 0.7, grown), ("203.0.113.0/24", 0.3, 0.9, begin), ("192.0.2.0/24", 0, 0.4, begin)],
                told.Prefixes.Select(one => (one.Prefix, one.Share, one.PeakShare, one.Since.ToDateTimeOffset())));
            Assert.Equal(3, told.Incident.PrefixCount);
        }

        static object[] Story(Facts facts) =>
        [
            facts.Detected with { Prefixes = Shares(("203.0.113.0/24", 0.6), ("192.0.2.0/24", 0.4)) },
            facts.Changed with { Prefixes = Shares(("203.0.113.0/24", 0.9), ("198.51.100.7/32", 0.1), ("192.0.2.0/24", 0)) },
            facts.Changed with { Revision = 2, ChangedAt = facts.Changed.ChangedAt.AddMinutes(1) }, // nothing new of that
            facts.Changed with
            {
                Revision = 3,
                ChangedAt = facts.Changed.ChangedAt.AddMinutes(2),
                Prefixes = Shares(("198.51.100.7/32", 0.7), ("203.0.113.0/24", 0.3), ("192.0.2.0/24", 0)),
            },
        ];
    }

    [Fact]
    public async Task Where_an_attack_began_at_its_target_alone_that_one_did_not_join_later()
    {
        var facts = AnAttack();
        await Deliver(facts.Detected);
        var told = await Get(facts);
        Assert.Equal((0, 0), (told.Prefixes.Count, told.Incident.PrefixCount));

        await Deliver(facts.Changed with { Prefixes = Shares(("203.0.113.0/24", 0.8), ("192.0.2.0/24", 0.2)) });

        Assert.Equal(
            [("203.0.113.0/24", facts.DetectedAt), ("192.0.2.0/24", facts.Changed.ChangedAt)],
            (await Get(facts)).Prefixes.Select(one => (one.Prefix, one.Since.ToDateTimeOffset())));
    }

    [Fact]
    public async Task What_was_heard_before_the_question_is_in_the_answer()
    {
        var facts = AnAttack();
        for (var heard = 1; heard < facts.Story.Length; heard++)
        {
            await service.Host.Deliver(facts.Story[heard - 1], service.NewId());

            var told = await Ask(facts, service.Host.As(Acme, Roles.Viewer)); // at once, as a live page does

            Assert.Equal(heard, told.Timeline.Count);
        }
    }

    [Fact]
    public async Task An_attack_that_goes_on_is_open_with_its_defence_active()
    {
        var facts = AnAttack();
        await Deliver(facts.Detected, facts.Started, facts.Announced);

        var told = await Get(facts);

        Assert.Equal(("open", "active", null), (told.Incident.Status, told.Incident.MitigationResult, told.Incident.EndedAt));
    }

    [Fact]
    [Trait("Requirement", "R3")]
    public async Task A_defence_is_said_to_go_on_while_something_of_it_is_in_force_and_not_before_or_after()
    {
        var facts = AnAttack();
        var again = facts.Announced with { AnnouncedAt = facts.Withdrawn.WithdrawnAt.AddMinutes(1) };
        foreach (var (fact, result) in new (object, string)[]
        {
            (facts.Detected, "none"),
            (facts.Failed, "not-defended"), // no room
            (facts.Started with { Mode = "after-approval" }, "none"), // there is some, and now a person has to agree
            (facts.Proposed, "none"),
            (facts.Announced with { IsAllowance = true, CountermeasureId = service.NewId() }, "none"), // it stops nothing
            (facts.Announced, "active"),
            (facts.Announced with { Speaker = "second" }, "active"),
            (facts.Withdrawn, "none"), // the attack goes on
            (again, "active"),
            (facts.Ended, "active"),
        })
        {
            await Deliver(fact);
            var told = (await Get(facts)).Incident;
            Assert.Equal(("open", result), (told.Status, told.MitigationResult));
        }

        var timeline = (await Get(facts)).Timeline;
        Assert.Equal("after-approval", timeline.Single(step => step.Step == "mitigation-started").Details["mode"]);
        Assert.Equal("203.0.113.10/32", timeline.Single(step => step.Step == "countermeasure-proposed").Details["route"]);
        await Deliver(facts.Defended with { Result = "not-helped" });
        Assert.Equal(("closed", "not-helped"), ((await Get(facts)).Incident.Status, (await Get(facts)).Incident.MitigationResult));
    }

    [Fact]
    public async Task What_is_in_force_is_the_same_in_whatever_order_it_is_heard()
    {
        var facts = AnAttack();
        await Deliver(facts.Withdrawn, facts.Announced, facts.Announced, facts.Detected);
        Assert.Equal("none", (await Get(facts)).Incident.MitigationResult);

        await Deliver(facts.Announced with { AnnouncedAt = facts.Withdrawn.WithdrawnAt.AddMinutes(1) }, facts.Withdrawn);
        Assert.Equal("active", (await Get(facts)).Incident.MitigationResult);
    }

    [Fact]
    public async Task A_defence_that_a_person_began_is_in_the_incident_and_its_report()
    {
        var facts = AnAttack();
        var byHand = service.NewId();
        await Deliver(facts.Detected, facts.Failed, facts.Started with { MitigationId = byHand, ByHand = true }, facts.Announced with { MitigationId = byHand });
        Assert.Equal("active", (await Get(facts)).Incident.MitigationResult);
        await Deliver(facts.Ended);
        Assert.Equal("open", (await Get(facts)).Incident.Status);

        await Deliver(facts.Defended with { MitigationId = byHand, ByHand = true });

        var told = await Get(facts);
        Assert.Equal(("closed", "defended"), (told.Incident.Status, told.Incident.MitigationResult));
        Assert.Equal("operator", told.Timeline.Single(step => step.Step == "mitigation-started").Details["by"]);
    }

    [Fact]
    [Trait("Requirement", "R31")]
    public async Task Every_fact_twice_tells_the_same_as_once()
    {
        var (once, twice) = (AnAttack(), AnAttack());
        await Deliver([.. once.Story, once.StepRefused, once.MarkedFalse]);
        foreach (var fact in (object[])[.. twice.Story, twice.StepRefused, twice.MarkedFalse])
        {
            var messageId = service.NewId();
            await service.Host.Deliver(fact, messageId);
            await service.Host.Deliver(fact, messageId);
        }

        Assert.Equal(Comparable(await Get(once)), Comparable(await Get(twice)));
    }

    [Fact]
    [Trait("Requirement", "R31")]
    public async Task Facts_in_the_wrong_order_tell_the_same_as_in_the_right_one()
    {
        var (right, wrong) = (AnAttack(), AnAttack());
        await Deliver([.. right.Story, right.StepRefused, right.MarkedFalse]);
        await Deliver([wrong.MarkedFalse, wrong.StepRefused, .. wrong.Story.Reverse()]);

        Assert.Equal(Comparable(await Get(right)), Comparable(await Get(wrong)));
    }

    [Fact]
    public async Task A_defence_that_failed_is_told_with_its_reason()
    {
        var facts = AnAttack();
        await Deliver(facts.Failed, facts.Detected, facts.Ended);

        var told = await Get(facts);

        Assert.Equal(("closed", "not-defended"), (told.Incident.Status, told.Incident.MitigationResult));
        Assert.Equal("target-outside-prefixes", told.Timeline.Single(step => step.Step == "mitigation-failed").Details["code"]);
    }

    [Fact]
    [Trait("Requirement", "R26")]
    public async Task What_an_operator_called_no_attack_is_labelled_before_the_report_and_after_it_and_the_report_stays()
    {
        var (over, open) = (AnAttack(), AnAttack());
        await Deliver([.. over.Story, over.MarkedFalse]);
        await Deliver(open.MarkedFalse, open.Detected);

        var told = await Get(over);
        Assert.Equal(("closed", "defended"), (told.Incident.Status, told.Incident.MitigationResult));
        Assert.Equal(over.MarkedFalse.MarkedAt, told.Incident.MarkedFalseAt.ToDateTimeOffset());
        var step = told.Timeline.Single(step => step.Step == "anomaly-marked-false");
        Assert.Equal((over.MarkedFalse.MarkedBy, "tenant-operator"), (step.Actor, step.Details["role"]));

        told = await Get(open);
        Assert.Equal(("open", "none"), (told.Incident.Status, told.Incident.MitigationResult));
        Assert.NotNull(told.Incident.MarkedFalseAt);

        var untouched = AnAttack();
        await Deliver(untouched.Story);
        Assert.Null((await Get(untouched)).Incident.MarkedFalseAt);
    }

    [Fact]
    [Trait("Requirement", "R26")]
    public async Task A_mark_is_of_its_tenants_incident_and_of_no_other()
    {
        var facts = AnAttack();
        await Deliver([.. facts.Story, facts.MarkedFalse with { TenantId = service.NewId() }]);
        Assert.Null((await Get(facts)).Incident.MarkedFalseAt);
    }

    [Fact]
    public async Task Why_no_step_follows_what_does_not_help_is_told()
    {
        var facts = AnAttack();
        await Deliver([.. facts.Story, facts.StepRefused]);

        var told = await Get(facts);

        Assert.Equal("defended", told.Incident.MitigationResult); // it is no result
        Assert.Equal("tenant-cap-reached", told.Timeline.Single(step => step.Step == "step-refused").Details["code"]);
    }

    [Fact]
    public async Task Without_a_word_of_mitigation_the_report_comes_when_the_grace_has_passed()
    {
        var facts = AnAttack();
        await Deliver(facts.Detected, facts.Ended);
        Assert.Equal("open", (await Get(facts)).Incident.Status);

        service.Clock.Advance(new ReportOptions().GraceWithoutMitigation);

        var told = await Eventually.Get(() => Get(facts), told => told.Incident.Status == "closed");
        Assert.Equal("none", told.Incident.MitigationResult);
    }

    [Fact]
    public async Task What_is_heard_after_the_report_stands_in_the_timeline_and_leaves_the_report_alone()
    {
        var facts = AnAttack();
        await Deliver(facts.Detected, facts.Ended, facts.Failed);
        var before = (await Get(facts)).Incident;

        await Deliver(facts.Defended, facts.Changed with { Prefixes = Shares(("192.0.2.0/24", 1)) });

        var told = await Get(facts);
        Assert.Equal(before, told.Incident);
        Assert.Contains(told.Timeline, step => step.Step == "mitigation-ended");
    }

    [Fact]
    public async Task Neighbours_hear_each_step_and_one_report()
    {
        await using var changes = await service.Host.Listen<IncidentChanged>();
        await using var reports = await service.Host.Listen<Contracts.Reporting.V1.IncidentReportPublished>();
        var facts = AnAttack();
        await Deliver([.. facts.Story, .. facts.Story]);

        await changes.Get(change => change.IncidentId == facts.AnomalyId && change.Step == "report-published");
        await service.Host.CatchUp();

        var heard = changes.Facts.Where(change => change.IncidentId == facts.AnomalyId).ToList();
        Assert.Equal(Steps.Order(), heard.Select(change => change.Step).Distinct().Order());
        Assert.Equal("closed", heard.Single(change => change.Step == "report-published").Status);
        await reports.Get(report => report.IncidentId == facts.AnomalyId);
        var report = Assert.Single(reports.Facts, report => report.IncidentId == facts.AnomalyId);
        Assert.Equal(
            (1_000_000_000, 250_000, "defended", facts.DetectedAt),
            (report.PeakBitsPerSecond, report.PeakPacketsPerSecond, report.MitigationResult, report.DetectedAt));
    }

    [Fact]
    [Trait("Requirement", "R31")]
    public async Task Views_rebuilt_from_the_streams_are_identical()
    {
        await Deliver(AnAttack().Story);
        await Deliver([.. AnAttack().Story.Reverse()]);
        await Deliver(AnAttack().Detected with { Prefixes = Shares(("203.0.113.0/24", 0.6), ("192.0.2.0/24", 0.4)) });
        await service.Host.CatchUp();
        var before = await Views();

        await service.Host.Stop();
        await service.Query<long>("""
            with a as (delete from views.incidents), b as (delete from views.incident_steps), d as (delete from views.incident_countermeasures),
                e as (delete from views.incident_prefixes),
                c as (update platform.checkpoints set position = 0 where name = 'incident_timelines_v2' returning 1)
            select count(*) from c
            """);
        await service.Host.Start();
        await service.Host.CatchUp();

        Assert.Equal(before, await Views());
    }

    [Fact]
    public async Task Another_tenant_finds_nothing()
    {
        var facts = AnAttack();
        await Deliver(facts.Story);

        var refused = await Assert.ThrowsAsync<RpcException>(() => Ask(facts, service.Host.As(Borg, Roles.Administrator)));

        Assert.Equal(StatusCode.NotFound, refused.StatusCode);
        Assert.Equal("incident-not-found", refused.Trailers.GetValue("platform-code"));
    }

    [Fact]
    public async Task A_caller_without_context_is_refused()
    {
        var refused = await Assert.ThrowsAsync<RpcException>(() => Ask(AnAttack(), []));

        Assert.Contains(refused.StatusCode, new[] { StatusCode.Unauthenticated, StatusCode.PermissionDenied });
    }

    private static TrafficShare[] Shares(params IEnumerable<(string Prefix, double Share)> shares) =>
        [.. shares.Select(one => new TrafficShare { Value = one.Prefix, Share = one.Share })];

    private Facts AnAttack() => new(Acme, "DP00000001", service.NewId(), service.Clock.GetUtcNow().AddHours(-1));

    private async Task Deliver(params object[] facts)
    {
        foreach (var fact in facts)
        {
            await service.Host.Deliver(fact, service.NewId());
        }
    }

    private async Task<Wire.GetIncidentResponse> Get(Facts facts)
    {
        await service.Host.CatchUp();
        return await Ask(facts, service.Host.As(Acme, Roles.Viewer));
    }

    private async Task<Wire.GetIncidentResponse> Ask(Facts facts, Metadata caller) =>
        await new Wire.Incidents.IncidentsClient(service.Host.Channel).GetIncidentAsync(
            new Wire.GetIncidentRequest { IncidentId = facts.AnomalyId.ToString() }, caller);

    /// <summary>The whole answer, without what tells two attacks apart.</summary>
    private static Wire.GetIncidentResponse Comparable(Wire.GetIncidentResponse told)
    {
        told.Incident.IncidentId = "";
        return told;
    }

    private Task<string> Views() => service.Query<string>("""
        select (select coalesce(json_agg(i order by tenant_id, incident_id), '[]') from views.incidents i)::text
            || (select coalesce(json_agg(s order by tenant_id, incident_id, step_id), '[]') from views.incident_steps s)::text
            || (select coalesce(json_agg(c order by tenant_id, incident_id, countermeasure_id), '[]') from views.incident_countermeasures c)::text
            || (select coalesce(json_agg(p order by tenant_id, incident_id, prefix), '[]') from views.incident_prefixes p)::text
        """);
}
