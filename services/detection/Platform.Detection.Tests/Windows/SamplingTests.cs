using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;
using Platform.EventStore;

namespace Platform.Detection.Tests.Windows;

/// <summary>A router that samples one packet in so many shows each as many packets: one of them says little.</summary>
[Trait("Requirement", "R1")]
public sealed class SamplingTests
{
    private const long Grain = 10_000;

    private static readonly WatchedObject Guessed = AJudge.Watched with
    {
        Thresholds = ThresholdProfiles.Of(ThresholdProfiles.Generic, 10_000_000)!,
        Settings = new ObjectSettings(10_000_000, ThresholdProfiles.Generic),
    };

    [Theory]
    [InlineData(3, Grain)]
    [InlineData(30, Grain)]
    [InlineData(3, 0)] // ingestion of an older release says nothing of it
    public void A_few_sampled_packets_to_begin_with_are_no_attack_by_a_guessed_threshold(long first, uint rate)
    {
        var judge = new AJudge(find: _ => Guessed with { Thresholds = [new(TrafficVector.Udp, null, 5_000)] }) { SamplingRate = rate };
        judge.Receive(AJudge.Second(), packets: first * Grain, udpPackets: Grain);
        judge.Receive(AJudge.Second(1), packets: 2 * Grain, udpPackets: Grain);
        Assert.Empty(judge.Recorded);

        judge.Receive(AJudge.Second(2), packets: 40 * Grain, udpPackets: 40 * Grain);
        Assert.Single(judge.Recorded);
    }

    /// <summary>63 sampled packets a second, all that is guessed: in some seconds chance makes ninety of them.</summary>
    [Fact]
    public void As_much_as_is_guessed_is_no_attack_for_what_sampling_makes_of_it_in_one_second()
    {
        const int mean = 63;
        var judge = new AJudge(find: _ => Guessed with { Thresholds = [new(TrafficVector.Total, null, mean * Grain)] }) { SamplingRate = (uint)Grain };
        var random = new Random(1);
        for (var second = 0; second < 900; second++)
        {
            var sampled = 0;
            for (var product = random.NextDouble(); product > Math.Exp(-mean); product *= random.NextDouble())
            {
                sampled++;
            }

            judge.Receive(judge.Now.ToUnixTimeSeconds(), sampled * Grain);
            judge.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Empty(judge.Recorded);
        judge.Receive(judge.Now.ToUnixTimeSeconds(), 2 * mean * Grain);
        Assert.Single(judge.Recorded);
    }

    [Theory]
    [InlineData(1, 0.5)]
    [InlineData(40, 0.98)]
    public void What_an_anomaly_looks_like_is_less_sure_of_few_sampled_packets(int sampled, double confidence)
    {
        var judge = new AJudge { SamplingRate = (uint)Grain };
        judge.Receive(AJudge.Second(), packets: sampled * Grain, udpPackets: sampled * Grain);
        var said = Assert.IsType<AnomalyDetected>(Assert.Single(judge.Recorded)).Explanation!;
        Assert.Equal(("udp-flood", confidence), (said.Classification, said.Confidence));
    }

    /// <summary>At most 5,000 packets/s of UDP a host are guessed, and what is learned is only proposed: half a sampled packet a second.</summary>
    [Theory]
    [InlineData(4_900, false)]
    [InlineData(25_000, true)] // 2.5 sampled packets a second: in no second are there twelve
    [InlineData(60_000, true)]
    public void A_flood_of_few_sampled_packets_adds_up_beyond_a_guess_where_learning_only_proposes(int packets, bool isFound)
    {
        var proposing = Guessed with
        {
            Thresholds = [new(TrafficVector.Udp, null, 5_000)],
            Settings = Guessed.Settings! with { Learning = LearningSettings.Default with { Mode = LearningMode.Propose } },
        };
        var (judge, random) = (new AJudge(find: _ => proposing) { SamplingRate = (uint)Grain }, new Random(1));
        for (var second = 0; second < (isFound ? 60 : 3 * 3_600); second++)
        {
            var (sampled, chance) = (0, Math.Exp(-packets / (double)Grain));
            for (var product = random.NextDouble(); product > chance; product *= random.NextDouble())
            {
                sampled++; // as many as chance has it
            }

            if (sampled > 0)
            {
                judge.Receive(judge.Now.ToUnixTimeSeconds(), sampled * Grain, sampled * Grain);
            }

            judge.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(isFound, judge.Recorded.OfType<AnomalyDetected>().Any());
        Assert.All(judge.Recorded.OfType<AnomalyDetected>(), opened => Assert.Equal("profile", opened.Explanation!.Rule));
    }

    [Fact, Trait("Requirement", "R17")]
    public void What_was_guessed_stays_a_guess_when_somebody_sets_another_threshold_and_is_law_when_they_say_so()
    {
        Threshold[] guessed = [new(TrafficVector.Udp, null, 5_000), new(TrafficVector.TcpSyn, null, 2_000)];
        var content = new ObjectContent(AJudge.ObjectId, "DP00000001", "default", [], guessed, Version: 1, Guessed.Settings);
        var state = ProtectedObjectState.Evolve(ProtectedObjectState.Stream.Initial, new ProtectedObjectAdded(content, 1, AJudge.Noon));

        Assert.Empty(Played(guessed[0], guessed[1] with { PacketsPerSecond = 2_001 }));
        Assert.Empty(Played(guessed));
        Assert.NotEmpty(Played(guessed[0] with { IsOwn = true }, guessed[1]));

        IEnumerable<AnomalyEvent> Played(params Threshold[] thresholds)
        {
            var decision = ProtectedObjectDecider.Decide(state, new ChangeThresholds(content.ObjectId, thresholds, null, AJudge.Noon, [], Reason: "as measured"));
            var after = decision is Decision<ProtectedObjectEvent>.Accepted accepted
                ? accepted.Events.Aggregate(state, ProtectedObjectState.Evolve).Objects[content.ObjectId]
                : content;
            var judge = new AJudge(find: _ => Guessed with { Thresholds = after.Thresholds, Settings = after.Settings }) { SamplingRate = (uint)Grain };
            judge.Receive(AJudge.Second(), packets: Grain, udpPackets: Grain); // one sampled packet
            return judge.Recorded;
        }
    }

    [Fact]
    public void Sampled_packets_that_ingestion_spread_over_their_flows_seconds_are_no_more_than_they_were()
    {
        var judge = new AJudge(find: _ => Guessed with { Thresholds = [new(TrafficVector.Udp, null, 5_000)] }) { SamplingRate = (uint)Grain };
        for (var second = 0; second < 7; second++)
        {
            var packets = second % 3 == 0 ? 4_286 : 4_285; // three sampled packets in a flow of seven seconds
            judge.Receive(AJudge.Second(second), packets, packets);
            judge.Receive(AJudge.Second(second), packets, packets);
        }

        Assert.Empty(judge.Recorded);
    }

    [Fact]
    public void A_router_that_samples_finer_than_before_is_believed_after_some_minutes()
    {
        var watch = new ObjectWatch(Guessed, TrafficDirection.In, new ObjectBaseline(HoursOfWeek.Japan), 12, 0.7);
        watch.Sample(10_000, AJudge.Second());
        watch.Sample(1, AJudge.Second(300));
        Assert.Equal(10_000, watch.Grain);
        watch.Sample(1, AJudge.Second(700));
        Assert.Equal(1, watch.Grain);
    }

    [Fact]
    public void One_sampled_packet_of_any_answer_that_never_came_is_no_attack_where_most_is_learned()
    {
        var baseline = new ObjectBaseline(HoursOfWeek.Japan);
        for (var second = AJudge.Second(-86_400); second < AJudge.Second(); second += 10)
        {
            var traffic = SecondTraffic.Of(new Amount(40_000_000, 30_000), (TrafficVector.TcpAck, new Amount(40_000_000, 30_000)));
            baseline.Observe(second, traffic, traffic, traffic);
        }

        var learned = baseline.Compile(WatchLevel.Host, HoursOfWeek.Japan.Of(AJudge.Second()), LearningSettings.Default, Grain).Thresholds;
        foreach (var threshold in Guessed.Thresholds.Where(threshold => threshold is { Level: WatchLevel.Host, Vector: not (TrafficVector.Total or TrafficVector.Udp) }))
        {
            Assert.Contains(learned, rule => rule.Vector == threshold.Vector && rule.Unit is TrafficUnit.Packets && rule.Rate + rule.Burst > Grain);
        }
    }

    [Fact]
    public void What_somebody_set_on_purpose_counts_to_the_packet_from_the_first_one_on()
    {
        var judge = new AJudge();
        judge.Receive(AJudge.Second(), packets: Grain, udpPackets: Grain);
        Assert.Single(judge.Recorded);
    }

    [Fact, Trait("Requirement", "R5")]
    public void Seconds_without_a_sampled_packet_are_learned_as_none()
    {
        var judge = new AJudge(find: _ => AJudge.Watched with { Thresholds = [new(TrafficVector.Total, null, long.MaxValue)] });
        for (var second = 0; second < 7_200; second += 5)
        {
            judge.Receive(AJudge.Second(second), packets: Grain); // one packet of 10,000 every five seconds: 2,000 packets/s
            judge.Advance(TimeSpan.FromSeconds(5));
        }

        var (watched, snapshot) = Assert.Single(judge.Judge.Baselines());
        var learned = ObjectBaseline.Restore(snapshot, watched.Hours)
            .Compile(WatchLevel.Object, watched.Hours.Of(AJudge.Second(3_600)), LearningSettings.Default, Grain);
        var usual = learned.Thresholds.First(threshold => threshold is { Vector: TrafficVector.Total, Unit: TrafficUnit.Packets }).Usual;
        Assert.InRange(usual, 1_800, 2_600);
    }

    [Fact, Trait("Requirement", "R5")]
    public void Seconds_without_a_sampled_packet_are_learned_as_none_just_before_telemetry_is_missing_too()
    {
        var judge = new AJudge(find: _ => AJudge.Watched with { Thresholds = [new(TrafficVector.Total, null, long.MaxValue)] });
        for (var run = 0; run < 18; run++)
        {
            for (var second = 0; second < 20; second += 5)
            {
                judge.Receive(judge.Now.ToUnixTimeSeconds(), packets: Grain); // 2,000 packets/s
                judge.Advance(TimeSpan.FromSeconds(5));
            }

            judge.Advance(TimeSpan.FromSeconds(580), isTelemetryThere: false);
        }

        var (watched, snapshot) = Assert.Single(judge.Judge.Baselines());
        var learned = ObjectBaseline.Restore(snapshot, watched.Hours)
            .Compile(WatchLevel.Object, watched.Hours.Of(AJudge.Second(3_600)), LearningSettings.Default, Grain);
        Assert.InRange(learned.Thresholds.First(threshold => threshold is { Vector: TrafficVector.Total, Unit: TrafficUnit.Packets }).Usual, 1_500, 2_700);
    }

    [Fact, Trait("Requirement", "R5")]
    public void Of_the_time_before_its_first_packet_an_object_learns_nothing_whenever_telemetry_was_there()
    {
        var judge = new AJudge(find: _ => AJudge.Watched with { Thresholds = [new(TrafficVector.Total, null, long.MaxValue)] });
        judge.Advance(TimeSpan.FromMinutes(10)); // of others
        judge.Advance(TimeSpan.FromSeconds(30), isTelemetryThere: false);
        for (var second = 0; second < 30; second++)
        {
            judge.Advance(TimeSpan.FromSeconds(1));
            judge.Receive(judge.Now.ToUnixTimeSeconds(), packets: 1_000);
        }

        Assert.Empty(judge.Recorded);
    }

    [Fact]
    public void A_sampled_packet_now_and_then_does_not_keep_an_anomaly_open()
    {
        var rules = new LevelRules([], ALevel(rate: 2_000, burst: 12 * Grain), lowShare: 0.7);
        var target = new TargetWatch(default, WatchLevel.Host) { Episode = new Episode() };
        target.Episode.State = AnomalyState.Quiet with { Open = new AnomalySubject(Guid.Empty, Guid.Empty, "", default), Vectors = [TrafficVector.Total] };

        Assert.False(rules.IsNear(SecondTraffic.Of(new Amount(0, Grain)), target)); // five times the rate, and one packet
        Assert.True(rules.IsNear(SecondTraffic.Of(new Amount(0, 9 * Grain)), target));
    }

    [Fact]
    public void What_was_carried_on_drains_in_single_sampled_packets_and_those_are_no_pulses()
    {
        var learned = ALevel(rate: 4_000, burst: 47 * Grain); // a third of a sampled packet a second is usual
        var (rules, target, opened) = (new LevelRules([], learned, lowShare: 0.7), new TargetWatch(default, WatchLevel.Host) { Episode = new Episode() }, 0L);
        target.Episode.State = AnomalyState.Quiet with { Open = new AnomalySubject(Guid.Empty, Guid.Empty, "", default), Vectors = [TrafficVector.Total] };
        for (var second = 1; second < 3_600; second++)
        {
            var sampled = second < 300 ? 5 : second % 3 == 0 ? 1 : 0; // and the attack is over
            if (sampled == 0)
            {
                continue;
            }

            var traffic = target.Add(second, SecondTraffic.Of(new Amount(0, sampled * Grain)), latenessSeconds: 12, settleSeconds: 0, rules, out _);
            opened = rules.IsNear(traffic, target) ? second : opened;
        }

        Assert.InRange(opened, 299, 300 + 240);
    }

    [Fact]
    public void What_a_learned_rule_of_the_whole_named_is_held_with_its_burst()
    {
        var rules = new LevelRules([], ALevel(rate: 4_000.5, burst: 47 * Grain), lowShare: 0.7);
        var told = new VectorMeasurement(TrafficVector.Total, 0, 5 * Grain, null, 4_000); // the burst was used up: what was left is the rate
        var hold = Naming.HoldOf(new TargetWatch(default, WatchLevel.Object), rules, new Verdict([told], "learned", IsAtOnce: false));

        Assert.Equal((4_000, 0.7 * 47 * Grain), (hold.Rate, hold.Burst)); // else each sampled packet would keep it open
    }

    /// <summary>There nothing else is learned, and a guess is none of what learning proposes.</summary>
    [Fact]
    public void What_adds_up_beyond_a_guess_holds_also_where_learning_only_proposes()
    {
        var rules = new LevelRules([new(TrafficVector.Udp, null, 5_000)], LearnedLevel.Nothing, lowShare: 0.7, Grain);
        var told = new VectorMeasurement(TrafficVector.Udp, 0, 3 * Grain, null, 6_250);
        var hold = Naming.HoldOf(new TargetWatch(default, WatchLevel.Object), rules, new Verdict([told], RuleName.Profile, IsAtOnce: false));

        hold.Follow(rules, isLearningApplied: false);
        Assert.Equal(6_250, hold.Rate);
        hold.Follow(new LevelRules([], LearnedLevel.Nothing, lowShare: 0.7, Grain), isLearningApplied: false);
        Assert.Equal(long.MaxValue, hold.Rate);
    }

    [Fact]
    public void A_small_contract_has_floors_so_that_five_megabits_of_answers_are_no_attack()
    {
        foreach (var profile in ThresholdProfiles.Names)
        {
            var ssdp = ThresholdProfiles.Of(profile, declaredBitsPerSecond: 1_000_000)!.Single(threshold => threshold.Vector is TrafficVector.Ssdp);
            Assert.Equal((5_000_000L, 5_000L), (ssdp.BitsPerSecond, ssdp.PacketsPerSecond));
        }
    }

    private static LearnedLevel ALevel(double rate, double burst) => LearnedLevel.Nothing with
    {
        Thresholds = [new LearnedThreshold(TrafficVector.Total, TrafficUnit.Packets, Usual: 1_000, rate, burst)],
    };
}
