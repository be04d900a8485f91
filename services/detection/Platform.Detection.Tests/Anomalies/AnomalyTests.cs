using System.Net;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;
using Platform.Testing;

namespace Platform.Detection.Tests.Anomalies;

public sealed class AnomalyTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(5);

    private static readonly AnomalySubject Subject = new(
        Guid.Parse("0190aaaa-0000-7000-8000-000000000001"),
        Guid.Parse("0190bbbb-0000-7000-8000-000000000001"),
        "DP00000001",
        IPNetwork.Parse("203.0.113.10/32"));

    private static readonly AnomalySubject Another = Subject with { AnomalyId = Guid.Parse("0190aaaa-0000-7000-8000-000000000002") };

    private static readonly Threshold[] Thresholds =
    [
        new(TrafficVector.Total, 1_000_000, 1_000),
        new(TrafficVector.Udp, 500_000, null),
        new(TrafficVector.TcpSyn, null, 100),
    ];

    private static readonly AnomalyDetected Opened = new(
        Subject,
        [new(TrafficVector.TcpSyn, 40_000, 101, null, 100, Level: WatchLevel.Host)],
        BitsPerSecond: 40_000,
        PacketsPerSecond: 101,
        Since: Noon,
        DetectedAt: Noon.AddMilliseconds(300));

    [Fact, Trait("Requirement", "R1")]
    public void Traffic_over_a_threshold_opens_an_anomaly_that_names_rule_and_measure() => With()
        .When(state => Judge(state, SecondTraffic.Of(new(40_000, 101), (TrafficVector.TcpSyn, new(40_000, 101)))))
        .Then(Opened);

    [Fact, Trait("Requirement", "R1")]
    public void Traffic_at_a_threshold_opens_nothing() => With()
        .When(state => Judge(state, SecondTraffic.Of(new(1_000_000, 1_000), (TrafficVector.Udp, new(500_000, 900)), (TrafficVector.TcpSyn, new(40_000, 100)))))
        .ThenUnchanged();

    [Fact]
    public void The_greatest_excess_is_named_first() => With()
        .When(state => Judge(state, SecondTraffic.Of(new(1_100_000, 600), (TrafficVector.Udp, new(1_050_000, 500)))))
        .Then(new AnomalyDetected(
            Subject,
            [
                new(TrafficVector.Udp, 1_050_000, 500, 500_000, null, Level: WatchLevel.Host),
                new(TrafficVector.Total, 1_100_000, 600, 1_000_000, 1_000, Level: WatchLevel.Host),
            ],
            1_100_000,
            600,
            Noon,
            Noon.AddMilliseconds(300),
            Severity.Medium));

    [Fact]
    public void Traffic_that_no_threshold_names_opens_nothing() => With()
        .When(state => AnomalyDecider.Decide(state, Second(
            SecondTraffic.Of(new(9_000_000, 9_000), (TrafficVector.Icmp, new(9_000_000, 9_000))), [new(TrafficVector.Udp, 1, 1)])))
        .ThenUnchanged();

    [Fact]
    public void An_open_anomaly_is_not_opened_again() => With(Opened)
        .When(state => Judge(state, SecondTraffic.Of(new(41_000, 110), (TrafficVector.TcpSyn, new(41_000, 110)))))
        .ThenUnchanged();

    [Fact]
    public void An_open_anomaly_gains_a_vector() => With(Opened)
        .When(state => Judge(state, SecondTraffic.Of(new(600_000, 150), (TrafficVector.Udp, new(560_000, 40)), (TrafficVector.TcpSyn, new(40_000, 110)))))
        .Then(new AnomalyChanged(
            Subject,
            [new(TrafficVector.Udp, 560_000, 40, 500_000, null, Level: WatchLevel.Host), new(TrafficVector.TcpSyn, 40_000, 110, null, 100, Level: WatchLevel.Host)],
            600_000,
            150,
            Revision: 1,
            Noon.AddMilliseconds(300)));

    [Theory]
    [InlineData(199, false)]
    [InlineData(202, true)]
    public void An_open_anomaly_is_reported_again_when_it_doubled(long packets, bool reported)
    {
        var outcome = With(Opened).When(state => Judge(state, SecondTraffic.Of(new(50_000, packets), (TrafficVector.TcpSyn, new(50_000, packets)))));
        if (reported)
        {
            outcome.Then(new AnomalyChanged(
                Subject,
                [new(TrafficVector.TcpSyn, 50_000, packets, null, 100, Level: WatchLevel.Host)],
                50_000,
                packets,
                Revision: 1,
                Noon.AddMilliseconds(300),
                Severity.Medium));
        }
        else
        {
            outcome.ThenUnchanged();
        }
    }

    [Fact]
    public void An_anomaly_ends_when_it_was_quiet_long_enough() => With(Opened)
        .When(state => AnomalyDecider.Decide(state, End(quietSince: Noon)))
        .Then(new AnomalyEnded(Subject, 90_000, 300, EndReason.Subsided, Noon.AddSeconds(1), Noon + Quiet));

    [Fact]
    public void An_anomaly_does_not_end_before() => With(Opened)
        .When(state => AnomalyDecider.Decide(state, End(quietSince: Noon.AddTicks(1))))
        .ThenUnchanged();

    [Fact]
    public void The_peak_of_an_anomaly_is_never_less_than_what_was_reported() => With(Opened)
        .When(state => AnomalyDecider.Decide(state, End(Noon) with { PeakBitsPerSecond = 0, PeakPacketsPerSecond = 0 }))
        .Then(new AnomalyEnded(Subject, 40_000, 101, EndReason.Subsided, Noon.AddSeconds(1), Noon + Quiet));

    [Fact]
    public void The_end_of_the_contract_ends_an_anomaly_in_full_swing() => With(Opened)
        .When(state => AnomalyDecider.Decide(state, End(Noon + Quiet) with { Reason = EndReason.ContractEnded }))
        .Then(new AnomalyEnded(Subject, 90_000, 300, EndReason.ContractEnded, Noon.AddSeconds(1), Noon + Quiet));

    [Fact]
    public void An_anomaly_ends_once() => With(
            Opened, new AnomalyEnded(Subject, 90_000, 300, EndReason.Subsided, Noon.AddSeconds(1), Noon + Quiet))
        .When(state => AnomalyDecider.Decide(state, End(Noon)))
        .ThenUnchanged();

    [Fact]
    public void A_second_that_somebody_thinks_to_be_of_an_anomaly_that_is_over_does_not_open_it_again() => With(
            Opened,
            new AnomalyEnded(Subject, 90_000, 300, EndReason.Subsided, Noon.AddSeconds(1), Noon + Quiet),
            Opened with { Subject = Another },
            new AnomalyEnded(Another, 90_000, 300, EndReason.Subsided, Noon.AddSeconds(1), Noon + Quiet))
        .When(state => AnomalyDecider.Decide(
            state, Second(SecondTraffic.Of(new(50_000, 200), (TrafficVector.TcpSyn, new(50_000, 200))), Thresholds) with { OpenSince = Noon }))
        .ThenUnchanged();

    [Fact]
    public void What_was_before_the_last_end_is_forgotten_with_it()
    {
        AnomalyEvent[] before = [Opened, new AnomalyMarkedFalse(Subject.AnomalyId, "a", Noon, "b", Subject, [])];
        var end = new AnomalyEnded(Subject, 90_000, 300, EndReason.Subsided, Noon.AddSeconds(1), Noon + Quiet);

        Assert.Same(AnomalyState.Quiet, AnomalyState.Stream.Fold([.. before, end]));
        Assert.Equal(typeof(AnomalyEnded), AnomalyState.Stream.SettledBy);
    }

    [Fact]
    public void A_false_mark_proposes_thresholds_under_which_it_would_have_been_none() => Known(
            Opened, new AnomalyEnded(Subject, 90_000, 300, EndReason.Subsided, Noon.AddSeconds(1), Noon + Quiet))
        .When(state => AnomalyDecider.Decide(state, Mark()))
        .Then(new AnomalyMarkedFalse(
            Subject.AnomalyId, "operator-7", Noon, "a launch", Subject, [new Threshold(TrafficVector.TcpSyn, null, 126)]));

    [Fact]
    public void A_false_mark_of_an_open_anomaly_goes_by_what_its_judge_has_measured_so_far() => Known(Opened)
        .When(state => AnomalyDecider.Decide(state, Mark() with { Most = [new(TrafficVector.TcpSyn, 64_000, 160, null, 100, Level: WatchLevel.Host)] }))
        .Then(new AnomalyMarkedFalse(
            Subject.AnomalyId,
            "operator-7",
            Noon,
            "a launch",
            Subject,
            [new Threshold(TrafficVector.TcpSyn, null, 200)],
            [new(TrafficVector.TcpSyn, 64_000, 160, null, 100, Level: WatchLevel.Host)]));

    [Fact]
    public void The_furthest_that_was_reported_of_a_vector_is_what_a_false_mark_goes_by() => Known(
            Opened,
            new AnomalyChanged(Subject, [new(TrafficVector.TcpSyn, 80_000, 400, null, 100)], 80_000, 400, 1, Noon),
            new AnomalyChanged(Subject, [new(TrafficVector.TcpSyn, 40_000, 200, null, 100), new(TrafficVector.Udp, 600_000, 10, 500_000, null)], 80_000, 400, 2, Noon))
        .When(state => AnomalyDecider.Decide(state, Mark()))
        .Then(new AnomalyMarkedFalse(
            Subject.AnomalyId,
            "operator-7",
            Noon,
            "a launch",
            Subject,
            [new Threshold(TrafficVector.TcpSyn, null, 500), new Threshold(TrafficVector.Udp, 750_000, null)]));

    [Fact]
    public void An_anomaly_is_marked_false_once() => Known(Opened, new AnomalyMarkedFalse(Subject.AnomalyId, "a", Noon, "b", Subject, []))
        .When(state => AnomalyDecider.Decide(state, Mark()))
        .ThenUnchanged();

    [Fact]
    public void A_false_mark_of_an_earlier_anomaly_goes_by_what_that_one_was() => Known(
            Opened,
            new AnomalyEnded(Subject, 90_000, 300, EndReason.Subsided, Noon.AddSeconds(1), Noon + Quiet, Most: [new(TrafficVector.TcpSyn, 64_000, 160, null, 100)]),
            Opened with { Subject = Another, Vectors = [new(TrafficVector.TcpSyn, 900_000, 9_000, null, 100)] },
            new AnomalyMarkedFalse(Another.AnomalyId, "a", Noon, "b", Another, []))
        .When(state => AnomalyDecider.Decide(state, Mark()))
        .Then(new AnomalyMarkedFalse(
            Subject.AnomalyId, "operator-7", Noon, "a launch", Subject, [new Threshold(TrafficVector.TcpSyn, null, 200)]));

    [Fact]
    public void An_anomaly_that_never_was_cannot_be_marked_false() => Known()
        .When(state => AnomalyDecider.Decide(state, Mark()))
        .ThenRejected("anomaly-not-found");

    [Fact]
    public void A_false_mark_needs_a_reason() => Known(Opened)
        .When(state => AnomalyDecider.Decide(state, Mark() with { Reason = " " }))
        .ThenRejected("reason-invalid");

    [Fact]
    public void An_anomaly_whose_telemetry_is_missing_may_end_without_quiet() => With(Opened)
        .When(state => AnomalyDecider.Decide(state, End(Noon + Quiet) with { Reason = EndReason.TelemetryMissing }))
        .Then(new AnomalyEnded(Subject, 90_000, 300, EndReason.TelemetryMissing, Noon.AddSeconds(1), Noon + Quiet));

    [Fact]
    public void The_end_of_an_earlier_anomaly_does_not_end_the_one_after_it() => With(
            Opened with { Subject = Another })
        .When(state => AnomalyDecider.Decide(state, End(Noon)))
        .ThenUnchanged();

    private static Spec<AnomalyState, AnomalyEvent> With(params IEnumerable<AnomalyEvent> happened) =>
        Spec.For(AnomalyState.Stream).Given(happened);

    private static Spec<KnownAnomaly, AnomalyEvent> Known(params IEnumerable<AnomalyEvent> happened) =>
        Spec.For(KnownAnomaly.Stream(Subject.AnomalyId)).Given(happened);

    private static MarkFalse Mark() => new(Subject.AnomalyId, "operator-7", "a launch", Noon);

    private static EventStore.Decision<AnomalyEvent> Judge(AnomalyState state, SecondTraffic traffic) =>
        AnomalyDecider.Decide(state, Second(traffic, Thresholds));

    private static JudgeSecond Second(SecondTraffic traffic, IEnumerable<Threshold> thresholds)
    {
        var rules = new LevelRules(thresholds, LearnedLevel.Nothing, lowShare: 0.7);
        var verdict = rules.Judge(traffic, new TargetWatch(default, WatchLevel.Host));
        return new(Subject, Noon, traffic.Total, verdict.Over, Pulses: 1, Explanation: null, Noon.AddMilliseconds(300));
    }

    private static EndAnomaly End(DateTimeOffset quietSince) => new(
        Subject.AnomalyId,
        EndReason.Subsided,
        quietSince,
        Quiet,
        PeakBitsPerSecond: 90_000,
        PeakPacketsPerSecond: 300,
        Until: Noon.AddSeconds(1),
        At: Noon + Quiet);
}
