using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Relearning;
using Platform.Detection.Tests.Windows;
using Platform.EventStore;

namespace Platform.Detection.Tests.Relearning;

/// <summary>Forty days of an object that has 1,000 packets/s and of each day one minute with 3,000, and in the end an attack of an hour.</summary>
[Trait("Requirement", "R7")]
public sealed class RelearningReportTests
{
    private static readonly DateTimeOffset Now = new(2030, 3, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly IReadOnlyList<Threshold> Thresholds =
    [
        new(TrafficVector.Total, null, 2_500),
        new(TrafficVector.Udp, 900_000, null),
        new(TrafficVector.Total, null, 7, Direction: TrafficDirection.Out),
    ];

    private readonly RelearningReport _report = Report(Now.AddDays(-7), Now)!;

    [Fact]
    public void The_old_threshold_stands_beside_what_the_period_says_with_its_distribution()
    {
        var total = Of(TrafficVector.Total, TrafficUnit.Packets);

        Assert.Equal(2_500, total.Old);
        Near(1.05 * 3_000, total.Proposed); // more than the margin of 1.3 on busy minutes: what is applied excuses nothing
        Near(1_000, total.Seen.Median);
        Near(1_000, total.Seen.P99);
        Near(3_000, total.Seen.Highest);
        Assert.Equal((7 * 1_440) - 60, _report.LearnedMinutes);
        Assert.Equal(60, _report.RefusedMinutes);
    }

    [Fact]
    public void How_often_each_would_have_fired_is_counted_over_thirty_days_and_apart_for_anomalies()
    {
        var total = Of(TrafficVector.Total, TrafficUnit.Packets);

        Assert.Equal(30 * 1_440, _report.FiredMinutes);
        Assert.Equal(new Firings(Times: 30 + 1, InAnomalies: 1), total.OldFired); // a minute each day, and one hour together
        Assert.Equal(new Firings(Times: 1, InAnomalies: 1), total.ProposedFired);
    }

    /// <summary>Applied it is somebody's own, which excuses no crowd and no speed test.</summary>
    [Fact]
    public void Nothing_is_proposed_that_harmless_traffic_would_have_broken() =>
        Assert.All(_report.Rates, rate => Assert.Equal(rate.ProposedFired.InAnomalies, rate.ProposedFired.Times));

    [Fact]
    public void A_minute_of_a_hundred_times_the_others_raises_no_threshold_beyond_what_a_crowd_brings()
    {
        var report = Object(Now.AddHours(-12), minute => minute == 5 ? 100_000 : 1_000, _ => 0);
        var total = report.Rates.First(rate => rate.Key.Vector is TrafficVector.Total && rate.Old is not null);
        Near(8 * 1_000, total.Proposed);
    }

    /// <summary>Unsampled, so that each packet of a scan is seen: 40 of the 10,080 minutes of a week.</summary>
    [Fact]
    public void Of_what_hardly_came_nothing_is_proposed()
    {
        var report = Object(Now.AddDays(-7), _ => 1_000, minute => minute % 250 == 0 ? 20 : 0);

        Assert.Contains(report.Rates, rate => rate.Key.Vector is TrafficVector.Total);
        Assert.DoesNotContain(report.Rates, rate => rate.Key.Vector is TrafficVector.TcpRst);
    }

    [Fact]
    public void Of_what_is_rare_no_scan_breaks_what_is_proposed()
    {
        var resets = Object(Now.AddDays(-7), _ => 1_000, minute => minute % 50 == 0 ? 3 : 0).Rates.Where(rate => rate.Key.Vector is TrafficVector.TcpRst);
        Assert.Equal([(TrafficUnit.Bits, 5_000_000L), (TrafficUnit.Packets, 5_000L)], resets.Select(rate => (rate.Unit, rate.Proposed)));
    }

    [Fact]
    public void A_period_without_traffic_says_nothing_against_what_is_set()
    {
        var report = Object(Now.AddHours(-2), _ => 0, _ => 0);
        Assert.All(report.Rates, rate => Assert.Equal(rate.Old, rate.Proposed));
    }

    private static RelearningReport Object(DateTimeOffset from, Func<long, long> packets, Func<long, long> resets)
    {
        var (first, chunks) = (from.ToUnixTimeSeconds() / 60, new List<HistoryChunk>());
        for (var minute = first; minute < Now.ToUnixTimeSeconds() / 60; minute++)
        {
            if (minute % 60 == 0)
            {
                chunks.Add(new HistoryChunk(minute));
            }

            var (all, reset) = (packets(minute - first), resets(minute - first));
            chunks[^1].Observe(minute, WatchLevel.Host, SecondTraffic.Of(new Amount(all * 800, all), (TrafficVector.TcpRst, new Amount(reset * 400, reset))));
            chunks[^1].Mark(minute, isAnomalous: false);
        }

        return RelearningReport.Of(chunks, Thresholds, LearningSettings.Default, from, Now, Now.AddDays(-30))!;
    }

    [Fact]
    public void An_attack_in_the_period_teaches_nothing()
    {
        var before = Report(Now.AddDays(-14), Now.AddDays(-7))!;
        Assert.Equal(before.Rates.Select(rate => rate.Proposed), _report.Rates.Select(rate => rate.Proposed));
        Assert.Equal(before.Fingerprint, _report.Fingerprint);
    }

    [Fact]
    public void More_traffic_in_the_period_is_another_proposal_and_another_fingerprint()
    {
        var grown = RelearningReport.Of(History(times: 2), Thresholds, LearningSettings.Default, Now.AddDays(-7), Now, Now.AddDays(-30))!;
        Near(2 * 1.05 * 3_000, grown.Rates.First(rate => rate.Key.Vector is TrafficVector.Total && rate.Unit is TrafficUnit.Packets).Proposed);
        Assert.NotEqual(_report.Fingerprint, grown.Fingerprint);
    }

    /// <summary>The floor is 35 % of the whole: with one busy host nobody else's amplification would ever be seen again.</summary>
    [Fact]
    public void Of_what_never_came_no_more_is_proposed_than_is_set_and_of_what_is_rare_no_more_than_a_crowd_brings()
    {
        IReadOnlyList<Threshold> guessed = [new(TrafficVector.Total, null, 2_500), new(TrafficVector.Ntp, 20_000, 25), new(TrafficVector.TcpSyn, null, 100), new(TrafficVector.Icmp, null, 3)];
        var chunks = new List<HistoryChunk>();
        for (var minute = Now.AddHours(-2).ToUnixTimeSeconds() / 60; minute < Now.ToUnixTimeSeconds() / 60; minute++)
        {
            if (minute % 60 == 0)
            {
                chunks.Add(new HistoryChunk(minute));
            }

            chunks[^1].Observe(minute, WatchLevel.Host, SecondTraffic.Of(
                new Amount(800_000, 1_000), (TrafficVector.TcpSyn, new Amount(0, 10)), (TrafficVector.Icmp, new Amount(0, 10))));
            chunks[^1].Mark(minute, isAnomalous: false);
        }

        var report = RelearningReport.Of(chunks, guessed, LearningSettings.Default, Now.AddHours(-2), Now, Now.AddDays(-30))!;
        var proposed = report.Rates.Where(rate => rate.Old is not null).ToDictionary(rate => (rate.Key.Vector, rate.Unit), rate => rate.Proposed);

        Assert.Equal((20_000, 25), (proposed[(TrafficVector.Ntp, TrafficUnit.Bits)], proposed[(TrafficVector.Ntp, TrafficUnit.Packets)]));
        Assert.Equal(100, proposed[(TrafficVector.TcpSyn, TrafficUnit.Packets)]); // not 350, which is the floor
        Near(80, proposed[(TrafficVector.Icmp, TrafficUnit.Packets)]); // what is set is too low
        Assert.Equal([guessed[1], guessed[2]], report.Applied(guessed).Intersect(guessed));
    }

    [Fact]
    public void What_it_had_with_other_addresses_neither_teaches_nor_is_counted()
    {
        var regrouped = Now.AddDays(-1).AddSeconds(-40);
        var report = RelearningReport.Of(
            History(), Thresholds, LearningSettings.Default, Now.AddDays(-7), Now, Now.AddDays(-30), regroupedAt: regrouped)!;

        Assert.Equal((Now.AddDays(-1), Now.AddDays(-1), Now), (report.AddressesSince, report.From, report.Until)); // the minute that it was in has both
        Assert.Equal((1_440 - 60, 1_440), (report.LearnedMinutes, report.FiredMinutes));
        var total = report.Rates.Single(rate => rate.Key == (TrafficVector.Total, WatchLevel.Host, TrafficDirection.In) && rate.Unit is TrafficUnit.Packets);
        Assert.Equal((1_440 - 60, new Firings(Times: 2, InAnomalies: 1)), (total.Seen.Minutes, total.OldFired));

        var later = RelearningReport.Of(
            History(), Thresholds, LearningSettings.Default, Now.AddHours(-12), Now, Now.AddDays(-30), regroupedAt: regrouped)!;
        Assert.Equal((Now.AddDays(-1), Now.AddHours(-12), 1_440), (later.AddressesSince, later.From, later.FiredMinutes));
        var before = RelearningReport.Of(
            History(), Thresholds, LearningSettings.Default, Now.AddDays(-7), Now, Now.AddDays(-30), regroupedAt: Now.AddDays(-31))!;
        Assert.Equal((null, Now.AddDays(-7), 30 * 1_440), (before.AddressesSince, before.From, before.FiredMinutes));
        Assert.Null(RelearningReport.Of(
            History(), Thresholds, LearningSettings.Default, Now.AddDays(-7), Now, Now.AddDays(-30), regroupedAt: Now.AddMinutes(-60)));
    }

    [Fact]
    public void Less_than_an_hour_says_nothing() => Assert.Null(Report(Now.AddMinutes(-119), Now.AddMinutes(-61)));

    [Fact]
    public void What_came_without_a_threshold_is_proposed_one_and_what_is_not_in_the_report_stays()
    {
        Assert.Null(_report.Rates.First(rate => rate.Key == (TrafficVector.Total, WatchLevel.Object, TrafficDirection.In)).Old);
        var applied = _report.Applied(Thresholds);

        Assert.Contains(Thresholds[2], applied);
        var udp = applied.Single(threshold => threshold is { Vector: TrafficVector.Udp, Level: WatchLevel.Host });
        Assert.Equal(Of(TrafficVector.Udp, TrafficUnit.Bits).Proposed, udp.BitsPerSecond);
        Assert.Contains(applied, threshold => threshold is { Vector: TrafficVector.Total, Level: WatchLevel.Object });
    }

    [Fact]
    public void Applied_it_is_one_version_that_says_who_why_and_from_which_period()
    {
        var content = new ObjectContent(AJudge.ObjectId, "DP00000001", "default", [], Thresholds, 4, new ObjectSettings(1, ThresholdProfiles.Generic));
        var state = ProtectedObjectState.Evolve(ProtectedObjectState.Stream.Initial, new ProtectedObjectAdded(content, 1, Now));
        var command = new ApplyRelearning(
            content.ObjectId, _report.Applied(Thresholds), new LearnedPeriod(_report.From, _report.Until), 4, "operator", "a quiet month", Now);

        var accepted = Assert.IsType<Decision<ProtectedObjectEvent>.Accepted>(ProtectedObjectDecider.Decide(state, command));

        var changed = Assert.IsType<ThresholdsChanged>(Assert.Single(accepted.Events));
        Assert.Equal((5L, SettingsChangeKind.Relearned), (changed.Content.Version, changed.Kind));
        Assert.Equal([Thresholds[2]], changed.Content.Guesses); // of the profile is still what the period says nothing about
        Assert.Equal(("operator", "a quiet month", command.Period), (changed.Change!.By, changed.Change.Reason, changed.Change.Period));
        Assert.Contains(changed.Change.Differences, difference => difference is { What: "threshold/host/in/total/packets", Before: "2500", After: "3150" });
    }

    private RelearnedRate Of(TrafficVector vector, TrafficUnit unit) =>
        _report.Rates.Single(rate => rate.Key == (vector, WatchLevel.Host, TrafficDirection.In) && rate.Unit == unit);

    private static RelearningReport? Report(DateTimeOffset from, DateTimeOffset until) =>
        RelearningReport.Of(History(), Thresholds, LearningSettings.Default, from, until, Now.AddDays(-30));

    private static void Near(double expected, long actual) => Assert.InRange(actual, expected * 0.995, expected * 1.005);

    /// <summary>As the engine would have recorded and saved it.</summary>
    internal static IReadOnlyList<HistoryChunk> History(double times = 1)
    {
        var chunks = new List<HistoryChunk>();
        for (var minute = Now.AddDays(-40).ToUnixTimeSeconds() / 60; minute < Now.ToUnixTimeSeconds() / 60; minute++)
        {
            if (minute % 60 == 0)
            {
                chunks.Add(new HistoryChunk(minute));
            }

            var left = (Now.ToUnixTimeSeconds() / 60) - minute;
            var isAttack = left <= 60;
            var packets = (long)(times * (isAttack ? 90_000 : minute % 1_440 == 700 ? 3_000 : 1_000));
            var traffic = SecondTraffic.Of(new Amount(packets * 800, packets, packets / 10), (TrafficVector.Udp, new Amount(packets * 80, packets / 10)));
            foreach (var level in Enum.GetValues<WatchLevel>())
            {
                chunks[^1].Observe(minute, level, traffic);
            }

            chunks[^1].Mark(minute, isAttack);
        }

        return [.. chunks.Select(chunk => HistoryChunk.Read(chunk.FirstMinute, chunk.Write()))];
    }
}
