using System.Net;
using Google.Protobuf;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Bandwidth;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;

namespace Platform.Detection.Tests.Windows;

public sealed class WindowJudgeTests
{
    private readonly AJudge _judge = new();

    [Fact, Trait("Requirement", "R1")]
    public void The_increment_that_uses_up_a_second_opens_the_anomaly_at_once()
    {
        _judge.Receive(AJudge.Second(), packets: 600);
        Assert.Empty(_judge.Recorded);

        _judge.Receive(AJudge.Second(), packets: 401);

        var opened = Assert.IsType<AnomalyDetected>(Assert.Single(_judge.Recorded));
        Assert.Equal(IPNetwork.Parse("203.0.113.10/32"), opened.Subject.Target);
        Assert.Equal(1_001, opened.PacketsPerSecond);
        Assert.Equal([new VectorMeasurement(TrafficVector.Total, 1_001 * 800, 1_001, null, 1_000, Level: WatchLevel.Host)], opened.Vectors);
        Assert.Equal(AJudge.Noon, opened.Since);
    }

    [Fact, Trait("Requirement", "R1")]
    public void A_busy_evening_at_its_allowance_opens_nothing()
    {
        for (var second = 0; second < 300; second++)
        {
            _judge.Receive(AJudge.Second(second), packets: 500, udpPackets: 250);
            _judge.Receive(AJudge.Second(second), packets: 500, udpPackets: 250);
            _judge.Receive(AJudge.Second(second), packets: 1_000, udpPackets: 500, host: "203.0.113.11");
            _judge.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Empty(_judge.Recorded);
    }

    [Fact]
    public void Seconds_are_not_added_to_each_other_nor_hosts()
    {
        _judge.Receive(AJudge.Second(0), packets: 900);
        _judge.Receive(AJudge.Second(1), packets: 900);
        _judge.Receive(AJudge.Second(1), packets: 900, host: "203.0.113.11");
        Assert.Empty(_judge.Recorded);
    }

    [Fact]
    public void Increments_of_a_second_are_added_up_in_any_order_within_the_lateness()
    {
        _judge.Advance(TimeSpan.FromSeconds(4));
        _judge.Receive(AJudge.Second(0), packets: 600);
        _judge.Receive(AJudge.Second(4), packets: 600);
        _judge.Receive(AJudge.Second(0), packets: 401);
        Assert.Single(_judge.Recorded);
    }

    [Fact]
    public void Flows_that_are_reported_at_their_end_and_spread_over_their_seconds_are_added_up_whole()
    {
        _judge.Advance(TimeSpan.FromSeconds(10));
        for (var second = 10; second < 24; second++)
        {
            for (var part = second - 10; part < second; part++)
            {
                _judge.Receive(AJudge.Second(part), packets: 110); // of 1,100 in each second
            }

            _judge.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Single(_judge.Recorded);
    }

    [Fact, Trait("Requirement", "R5"), Trait("Requirement", "R27")]
    public void While_one_host_has_an_anomaly_the_rest_of_the_object_is_learned_and_held_against_what_is_declared()
    {
        var watched = AJudge.Watched with { Thresholds = [new(TrafficVector.Total, null, 10_000)], Settings = new ObjectSettings(DeclaredBitsPerSecond: 1_000_000) };
        var judge = new AJudge(find: _ => watched);
        for (var second = 0; second < 3_600; second++)
        {
            judge.Receive(AJudge.Second(second), packets: 2_000); // 1.6 Mbit/s
            judge.Receive(AJudge.Second(second), packets: 50_000, host: "203.0.113.11");
            judge.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Single(judge.Recorded.OfType<AnomalyDetected>());
        Assert.Equal(1_600_000, Assert.IsType<UseChanged>(Assert.Single(judge.Used)).Measured.BitsPerSecond);
        var (_, snapshot) = Assert.Single(judge.Judge.Baselines());
        var baseline = ObjectBaseline.Restore(snapshot, watched.Hours);
        Assert.InRange(baseline.LearnedMinutes, 50, 60);
        var usual = baseline.Compile(WatchLevel.Object, 0, LearningSettings.Default, grain: 1).Expected.Total.Packets;
        Assert.InRange(usual, 1_900, 2_100);
    }

    [Fact, Trait("Requirement", "R27")]
    public void What_opens_an_anomaly_in_the_last_second_of_a_minute_is_no_use_of_what_is_declared()
    {
        var watched = AJudge.Watched with { Settings = new ObjectSettings(DeclaredBitsPerSecond: 1_000_000) };
        var judge = new AJudge(find: _ => watched);
        judge.Receive(AJudge.Second(59), packets: 200_000); // 2.7 Mbit/s of its minute
        for (var second = 60; second < 300; second++)
        {
            judge.Receive(AJudge.Second(second), packets: 10);
            judge.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Single(judge.Recorded.OfType<AnomalyDetected>());
        Assert.Empty(judge.Used);
    }

    [Fact]
    public void An_increment_that_is_too_late_is_still_judged_by_itself()
    {
        _judge.Advance(TimeSpan.FromSeconds(100));
        _judge.Receive(AJudge.Second(100), packets: 10);
        _judge.Receive(AJudge.Second(0), packets: 600);
        _judge.Receive(AJudge.Second(0), packets: 600);
        Assert.Empty(_judge.Recorded);

        _judge.Receive(AJudge.Second(0), packets: 1_001);
        Assert.Single(_judge.Recorded);
    }

    [Fact]
    public void A_batch_delivered_twice_counts_once()
    {
        _judge.Receive(AJudge.Second(), packets: 600, sequence: 7);
        _judge.Receive(AJudge.Second(), packets: 600, sequence: 7);
        Assert.Empty(_judge.Recorded);
    }

    [Fact]
    public void Silence_ends_an_anomaly_after_the_quiet_time_and_not_before()
    {
        _judge.Receive(AJudge.Second(), packets: 5_000);
        _judge.Advance(TimeSpan.FromSeconds(4.8));
        Assert.Single(_judge.Recorded);

        _judge.Advance(TimeSpan.FromSeconds(0.2));

        var ended = Assert.IsType<AnomalyEnded>(_judge.Recorded[^1]);
        Assert.Equal((5_000, AJudge.Noon.AddSeconds(1)), (ended.PeakPacketsPerSecond, ended.Until));
    }

    [Fact]
    public void An_anomaly_names_who_sent_most_from_which_port_and_how_long_packets_were()
    {
        _judge.Receive(AJudge.Second(-60), packets: 1, sketches: Sketch(AJudge.Second(-60), "192.0.2.99", packets: 1)); // long ago
        _judge.Receive(
            AJudge.Second(),
            packets: 4_000,
            sketches: [Sketch(AJudge.Second(), "192.0.2.1", packets: 1_000), Sketch(AJudge.Second(), "192.0.2.2", packets: 3_000)]);

        var evidence = Assert.IsType<AnomalyDetected>(Assert.Single(_judge.Recorded)).Explanation!.Evidence;
        Assert.Equal([new("192.0.2.2", 0.75), new("192.0.2.1", 0.25)], evidence.Sources);
        Assert.Equal(new Share("123", 1), Assert.Single(evidence.SourcePorts));
        Assert.Equal(new Share("512", 1), Assert.Single(evidence.PacketLengths));
        Assert.Empty(evidence.DestinationPorts);
    }

    [Fact]
    public void Missing_telemetry_is_no_quiet()
    {
        _judge.Receive(AJudge.Second(), packets: 5_000);
        _judge.Advance(TimeSpan.FromSeconds(50), isTelemetryThere: false); // an upgrade, a broker that is away
        Assert.Single(_judge.Recorded);

        _judge.Advance(TimeSpan.FromSeconds(2));
        _judge.Receive(_judge.Now.ToUnixTimeSeconds(), packets: 900); // it went on, lower
        _judge.Advance(TimeSpan.FromSeconds(4.8));
        Assert.Single(_judge.Recorded);

        _judge.Advance(TimeSpan.FromSeconds(0.2));
        var ended = Assert.IsType<AnomalyEnded>(_judge.Recorded[^1]);
        Assert.Equal((EndReason.Subsided, 1), (ended.Reason, ended.Pulses));
    }

    [Fact]
    public void Telemetry_that_stays_away_ends_an_anomaly_and_is_named_as_the_reason()
    {
        _judge.Receive(AJudge.Second(), packets: 5_000);
        _judge.Advance(TimeSpan.FromSeconds(60), isTelemetryThere: false);
        Assert.Single(_judge.Recorded);

        _judge.Advance(TimeSpan.FromSeconds(2), isTelemetryThere: false);
        Assert.Equal(EndReason.TelemetryMissing, Assert.IsType<AnomalyEnded>(_judge.Recorded[^1]).Reason);
    }

    [Fact]
    public void Rare_telemetry_of_a_small_network_still_shows_quiet()
    {
        _judge.Receive(AJudge.Second(), packets: 5_000);
        for (var datagram = 0; datagram < 5; datagram++)
        {
            _judge.Advance(TimeSpan.FromSeconds(8), isTelemetryThere: false);
            _judge.Judge.Hear(_judge.Now); // each speaks for the second before it
        }

        _judge.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Equal(EndReason.Subsided, Assert.IsType<AnomalyEnded>(_judge.Recorded[^1]).Reason);
    }

    [Fact]
    public void Traffic_just_under_the_threshold_keeps_an_anomaly_open()
    {
        _judge.Receive(AJudge.Second(), packets: 5_000);
        for (var second = 1; second < 30; second++)
        {
            _judge.Receive(AJudge.Second(second), packets: 701);
            _judge.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Single(_judge.Recorded);
    }

    [Fact]
    public void Traffic_at_seventy_percent_lets_an_anomaly_end()
    {
        _judge.Receive(AJudge.Second(), packets: 5_000);
        for (var second = 1; second < 7; second++)
        {
            _judge.Receive(AJudge.Second(second), packets: 700);
            _judge.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.IsType<AnomalyEnded>(_judge.Recorded[^1]);
    }

    [Fact]
    public void What_another_vector_always_has_does_not_keep_an_anomaly_open()
    {
        _judge.Receive(AJudge.Second(), packets: 900, udpPackets: 600);
        for (var second = 1; second < 7; second++)
        {
            _judge.Receive(AJudge.Second(second), packets: 800); // its total was no part of it
            _judge.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.IsType<AnomalyEnded>(_judge.Recorded[^1]);
    }

    [Fact]
    public void What_was_near_before_an_anomaly_is_no_pulse_of_it()
    {
        for (var rise = 0; rise < 5; rise++)
        {
            _judge.Receive(_judge.Now.ToUnixTimeSeconds(), packets: 800);
            _judge.Advance(TimeSpan.FromSeconds(4));
        }

        _judge.Receive(_judge.Now.ToUnixTimeSeconds(), packets: 1_100);
        _judge.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(1, Assert.IsType<AnomalyEnded>(_judge.Recorded[^1]).Pulses);
    }

    [Fact]
    public void A_pulse_within_the_quiet_time_is_the_same_anomaly()
    {
        for (var pulse = 0; pulse < 5; pulse++)
        {
            _judge.Receive(AJudge.Second(4 * pulse), packets: 1_100);
            _judge.Advance(TimeSpan.FromSeconds(4));
        }

        Assert.Single(_judge.Recorded.OfType<AnomalyDetected>());
        Assert.Empty(_judge.Recorded.OfType<AnomalyEnded>());
    }

    [Fact]
    public void Forty_pulses_are_one_anomaly_that_says_so()
    {
        for (var pulse = 0; pulse < 40; pulse++)
        {
            var wave = 4 + (pulse % 5); // pauses grow beyond the quiet time
            _judge.Receive(_judge.Now.ToUnixTimeSeconds(), packets: 1_100);
            _judge.Advance(TimeSpan.FromSeconds(wave));
        }

        Assert.Single(_judge.Recorded.OfType<AnomalyDetected>());
        Assert.Equal([2, 4, 8, 16, 32], _judge.Recorded.OfType<AnomalyChanged>().Select(changed => changed.Pulses));

        _judge.Advance(AJudge.Quick.LongestPause);
        Assert.Equal(40, Assert.IsType<AnomalyEnded>(_judge.Recorded[^1]).Pulses);
    }

    [Fact]
    public void The_peak_that_ends_with_the_anomaly_is_of_whole_seconds()
    {
        _judge.Receive(AJudge.Second(), packets: 1_001);
        _judge.Receive(AJudge.Second(), packets: 600); // less than double: not reported on its own
        _judge.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(1_601, Assert.IsType<AnomalyEnded>(_judge.Recorded[^1]).PeakPacketsPerSecond);
    }

    [Fact, Trait("Requirement", "R26")]
    public void What_a_false_mark_proposes_lets_all_of_it_pass_though_it_came_in_parts()
    {
        for (var part = 1; part <= 10; part++)
        {
            _judge.Receive(AJudge.Second(), packets: 190, settle: part == 10); // the sixth was over, and is being recorded
        }

        _judge.Advance(TimeSpan.FromSeconds(5));
        var known = _judge.Known();
        Assert.Equal([new Threshold(TrafficVector.Total, null, 2_375)], known.Proposal()); // a quarter more than 1,900
    }

    [Fact]
    public void A_process_that_begins_in_the_middle_of_an_attack_goes_on_with_the_open_anomaly()
    {
        _judge.Receive(AJudge.Second(), packets: 5_000);
        _judge.Restart(isTold: false); // the database was away for a moment
        _judge.Receive(AJudge.Second(1), packets: 5_000);
        Assert.Single(_judge.Recorded);

        _judge.Advance(TimeSpan.FromSeconds(5));
        Assert.IsType<AnomalyEnded>(_judge.Recorded[^1]);
        Assert.Equal(2, _judge.Recorded.Count);
    }

    [Fact]
    public void While_a_finding_is_being_recorded_the_same_target_finds_nothing_more()
    {
        _judge.Receive(AJudge.Second(), packets: 2_000, settle: false);
        _judge.Receive(AJudge.Second(), packets: 2_000, settle: false);
        _judge.Settle();
        Assert.Single(_judge.Recorded);
    }

    [Fact]
    public void An_anomaly_that_somebody_else_ended_begins_anew_when_its_traffic_goes_on()
    {
        _judge.Receive(AJudge.Second(), packets: 5_000);
        var first = ((AnomalyDetected)_judge.Recorded[0]).Subject.AnomalyId;
        _judge.Judge.Forsake(new HashSet<Guid> { first });
        Assert.Empty(_judge.Judge.Pulses());
    }

    [Fact]
    public void What_was_found_before_the_partition_was_lost_does_not_come_back_and_what_is_delivered_again_counts()
    {
        _judge.Receive(AJudge.Second(), packets: 5_000, sequence: 7, settle: false);
        _judge.Judge.Clear();
        _judge.Settle(); // the recorder is done with it
        Assert.Empty(_judge.Judge.Pulses());

        _judge.Receive(AJudge.Second(), packets: 5_000, sequence: 7);
        Assert.Single(_judge.Judge.Pulses());
        Assert.Single(_judge.Recorded);
    }

    [Fact]
    public void Idle_hosts_are_forgotten_and_open_ones_are_not()
    {
        _judge.Receive(AJudge.Second(), packets: 1);
        _judge.Receive(AJudge.Second(), packets: 1, host: "2001:db8::1");
        _judge.Receive(AJudge.Second(), packets: 5_000, host: "203.0.113.12", settle: false);
        Assert.Equal(3, _judge.Judge.Hosts);

        for (var i = 0; i < 10; i++)
        {
            _judge.Judge.Tick(_judge.Now.AddMinutes(2 + i)); // the finding about 203.0.113.12 still waits for the database
        }

        Assert.Equal(1, _judge.Judge.Hosts);
    }

    [Fact]
    public void Memory_is_bounded_and_an_object_leaves_as_many_places_as_it_has()
    {
        var judge = Crowded(AJudge.Watched, hosts: 1_100);
        Assert.Equal(500, judge.Judge.Hosts);
        Assert.Equal([(AJudge.Watched, 600UL)], judge.Judge.Crowded());
        Assert.Empty(judge.Judge.Crowded()); // said once
    }

    [Theory]
    [InlineData(WatchLevel.Prefix)]
    [InlineData(WatchLevel.Object)]
    internal void Hosts_that_there_is_no_room_for_count_with_their_block_and_object(WatchLevel level)
    {
        var judge = Crowded(AJudge.Watched with { Thresholds = [new(TrafficVector.Total, null, 900, Level: level)] }, hosts: 1_000, "2001:db8::");
        Assert.Equal(901, Assert.IsType<AnomalyDetected>(Assert.Single(judge.Recorded)).PacketsPerSecond);
    }

    [Fact]
    public void A_host_has_room_again_when_others_are_idle()
    {
        var judge = Crowded(AJudge.Watched, hosts: 1_100);
        judge.Advance(TimeSpan.FromSeconds(70));
        Assert.Equal(0, judge.Judge.Hosts);

        judge.Receive(judge.Now.ToUnixTimeSeconds(), packets: 2_000);
        Assert.Single(judge.Recorded);
    }

    private static AJudge Crowded(WatchedObject watched, int hosts, string network = "203.0.")
    {
        var judge = new AJudge(new WindowOptions { MaxHostsPerPartition = 1_000 }, find: _ => watched);
        for (var host = 0; host < hosts; host++)
        {
            judge.Receive(AJudge.Second(), packets: 1, host: network.EndsWith(':') ? $"{network}{host:x}" : $"{network}{host / 256}.{host % 256}");
        }

        return judge;
    }

    [Fact]
    public void A_retired_object_is_not_judged()
    {
        var judge = new AJudge(find: _ => AJudge.Watched with { IsRetired = true });
        judge.Receive(AJudge.Second(), packets: 5_000);
        Assert.Empty(judge.Recorded);
    }

    [Fact]
    public void Lost_and_repeated_batches_are_told_apart()
    {
        var numbers = new BatchNumbers();
        Assert.Equal(0UL, numbers.Next("a", AJudge.ObjectId, 5, AJudge.Noon));
        Assert.Equal(0UL, numbers.Next("a", AJudge.ObjectId, 6, AJudge.Noon));
        Assert.Equal(2UL, numbers.Next("a", AJudge.ObjectId, 9, AJudge.Noon));
        Assert.Null(numbers.Next("a", AJudge.ObjectId, 9, AJudge.Noon));
        Assert.Equal(0UL, numbers.Next("b", AJudge.ObjectId, 1, AJudge.Noon));
        Assert.Equal(0UL, numbers.Next("a", Guid.Empty, 1, AJudge.Noon));
    }

    private static TrafficSketch Sketch(long second, string peer, ulong packets) => new()
    {
        Host = ByteString.CopyFrom(203, 0, 113, 10),
        Second = second,
        Total = new Counters { Packets = packets },
        Peers = { new AddressShare { Address = ByteString.CopyFrom(IPAddress.Parse(peer).GetAddressBytes()), Counters = new Counters { Packets = packets } } },
        SourcePorts = { new NumberShare { Number = 123, Counters = new Counters { Packets = packets } } },
        PacketLengths = { new NumberShare { Number = 512, Counters = new Counters { Packets = packets } } },
    };
}
