using Google.Protobuf;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;

namespace Platform.Detection.Tests.Learning;

/// <summary>A service with 40 Mbit/s of short TCP packets all day, and four times as much of long ones on top of it.</summary>
[Trait("Requirement", "R1")]
public sealed class TrafficShapeTests
{
    private static readonly Amount Usual = new(40_000_000, 30_000);
    private static readonly Amount More = Usual + new Amount(160_000_000, 160_000_000 / (1_400 * 8));
    private static readonly LearnedLevel Learned = Learn(Usual, grain: 1);

    [Fact]
    public void Long_tcp_packets_of_one_source_are_a_transfer_and_of_many_an_attack()
    {
        Assert.False(IsOver(sources: 1));
        Assert.True(IsOver(sources: 500));
    }

    /// <summary>Long packets for half a minute, four times as much as is usual in all: from servers of one service they are somebody's download.</summary>
    [Theory]
    [InlineData(true, 1, 443, false)]
    [InlineData(true, 16, 443, false)]
    [InlineData(true, 500, 443, true)]
    [InlineData(true, 16, 53, true)]
    [InlineData(true, 1, null, true)] // another port with each packet
    [InlineData(false, 16, 443, false)]
    [InlineData(false, 16, null, true)]
    [InlineData(false, 500, 443, true)]
    public void A_download_comes_from_one_port_of_few_servers(bool isUdp, int sources, int? port, bool isFound)
    {
        var (rules, target, isOver) = (new LevelRules([], Learned, lowShare: 0.7), new TargetWatch(default, WatchLevel.Object), false);
        var download = new Amount(4 * Usual.Bits, 4 * Usual.Bits / (1_300 * 8));
        for (var second = 0; second < 90; second++)
        {
            var (tcp, more) = (Usual, second < 60 ? default : download);
            var whole = tcp + more;
            var sketch = Sketch(second, whole, sources: second < 60 ? 500 : sources, theirs: Math.Max(1, more.Packets));
            for (var i = 0; i < (port is null ? 16 : 1) && second >= 60; i++)
            {
                sketch.SourcePorts.Add(new NumberShare
                {
                    Number = (uint)(port ?? (20_000 + (second * 16) + i)),
                    Counters = port is null ? new Counters { Packets = 1, Bytes = 1_300 } : new Counters { Packets = (ulong)more.Packets, Bytes = (ulong)more.Bits / 8 },
                });
            }

            target.Note(sketch, batch: second);
            var traffic = isUdp
                ? SecondTraffic.Of(whole, (TrafficVector.TcpAck, tcp), (TrafficVector.Udp, more))
                : SecondTraffic.Of(whole, (TrafficVector.TcpAck, whole));
            traffic.Served = target.ServedOf(whole, batch: second) ?? default;
            isOver |= rules.Judge(target.Add(second, traffic, latenessSeconds: 12, settleSeconds: 0, rules, out _), target).IsOver;
        }

        Assert.Equal(isFound, isOver);
    }

    /// <summary>Long TCP packets of one source, so many times the busiest hour: a line test takes half a minute, a download has its bounds.</summary>
    [Theory]
    [InlineData(1.7, 600, false)]
    [InlineData(3.5, 35, false)]
    [InlineData(3.5, 60, true)]
    public void A_transfer_that_goes_on_may_have_less_than_one_that_tests_the_line(double times, int seconds, bool isFound)
    {
        var (rules, target, isOver) = (new LevelRules([], Learned, lowShare: 0.7), new TargetWatch(default, WatchLevel.Object), false);
        var more = Usual + new Amount((long)(times * Usual.Bits), (long)(times * Usual.Bits / (1_400 * 8)));
        for (var second = 0; second < 60 + seconds; second++)
        {
            var amount = second < 60 ? Usual : more;
            target.Note(Sketch(second, amount, sources: second < 60 ? 500 : 1));
            isOver |= rules.Judge(
                target.Add(second, SecondTraffic.Of(amount, (TrafficVector.TcpAck, amount)), latenessSeconds: 12, settleSeconds: 0, rules, out _), target).IsOver;
        }

        Assert.Equal(isFound, isOver);
    }

    /// <summary>As much again of the same from everybody, or more, and long packets of one source: neither is anything by itself.</summary>
    [Theory]
    [InlineData(2.6, 1.5, false)]
    [InlineData(4, 1.5, true)] // without the transfer it would be as much
    [InlineData(2.6, 3.5, true)] // for a minute that is no transfer
    public void A_transfer_on_a_busier_day_is_no_part_of_what_adds_up(double same, double times, bool isFound)
    {
        var (rules, target, isOver) = (new LevelRules([], Learned, lowShare: 0.7), new TargetWatch(default, WatchLevel.Object), false);
        var transfer = new Amount((long)(times * Usual.Bits), (long)(times * Usual.Bits / (1_400 * 8)));
        for (var second = 0; second < 120; second++)
        {
            var ofMany = second < 60 ? Usual : new Amount((long)(Usual.Bits * same), (long)(Usual.Packets * same));
            var amount = second < 60 ? Usual : ofMany + transfer;
            var sketch = Sketch(second, amount, sources: 500, theirs: ofMany.Packets);
            sketch.Peers.Add(new AddressShare
            {
                Address = ByteString.CopyFrom(192, 0, 2, 1),
                Counters = new Counters { Packets = (ulong)(amount - ofMany).Packets, Bytes = (ulong)(amount - ofMany).Bits / 8 },
            });
            sketch.SourcePorts.Add(new NumberShare { Number = 443, Counters = sketch.Peers[^1].Counters });
            target.Note(sketch, batch: second);
            var traffic = SecondTraffic.Of(amount, (TrafficVector.TcpAck, amount));
            traffic.Served = target.ServedOf(amount, batch: second) ?? default;
            isOver |= rules.Judge(target.Add(second, traffic, latenessSeconds: 12, settleSeconds: 0, rules, out _), target).IsOver;
        }

        Assert.Equal(isFound, isOver);
    }

    /// <summary>Long TCP packets of one source, five times the busiest hour: 25 seconds of them, 30 without, again and again.</summary>
    [Fact]
    public void A_transfer_that_comes_again_and_again_is_no_line_test()
    {
        var (rules, target) = (new LevelRules([], Learned, lowShare: 0.7), new TargetWatch(default, WatchLevel.Object));
        var more = Usual + new Amount(5 * Usual.Bits, 5 * Usual.Bits / (1_400 * 8));
        var over = new List<int>();
        for (var second = 0; second < 60 + (55 * 6); second++)
        {
            var isPulse = second >= 60 && (second - 60) % 55 < 25;
            var amount = isPulse ? more : Usual;
            target.Note(Sketch(second, amount, sources: isPulse ? 1 : 500));
            if (rules.Judge(target.Add(second, SecondTraffic.Of(amount, (TrafficVector.TcpAck, amount)), latenessSeconds: 12, settleSeconds: 0, rules, out _), target).IsOver)
            {
                over.Add(second);
            }
        }

        Assert.NotEmpty(over);
        Assert.All(over, second => Assert.InRange(second, 60 + (2 * 55), int.MaxValue)); // two of them are two tests of the line
    }

    [Fact]
    public void Few_long_packets_where_the_usual_short_ones_are_a_little_fewer_than_in_a_busy_minute_are_a_transfer_all_the_same()
    {
        var transfer = new Amount(80_000_000, 80_000_000 / (1_400 * 8));
        var amount = new Amount((long)(0.7 * Usual.Bits), (long)(0.7 * Usual.Packets)) + transfer; // no packet more than usual, and twice the bits
        var target = new TargetWatch(default, WatchLevel.Host);
        target.Note(Sketch(second: 1, amount, sources: 1, theirs: transfer.Packets));
        Assert.False(new LevelRules([], Learned, lowShare: 0.7).Judge(SecondTraffic.Of(amount, (TrafficVector.TcpAck, amount)), target).IsOver);
    }

    [Fact]
    public void What_is_in_no_vector_is_no_transfer()
    {
        var traffic = SecondTraffic.Of(Usual + new Amount(300_000 * 480, 300_000), (TrafficVector.TcpAck, Usual)); // FIN without ACK
        var target = new TargetWatch(default, WatchLevel.Object);
        target.Note(Sketch(second: 1, traffic.Total, sources: 500));
        Assert.True(new LevelRules([], Learned, lowShare: 0.7).Judge(traffic, target).IsOver);
    }

    [Fact]
    public void What_grows_for_minutes_may_have_less_where_no_beginnings_tell_a_crowd()
    {
        var game = SecondTraffic.Of(Usual, (TrafficVector.Udp, Usual));
        Assert.False(Grown(game, times: 4));
        Assert.True(Grown(game, times: 5.5));
        var web = SecondTraffic.Of(Usual, (TrafficVector.TcpAck, Usual - new Amount(480_000, 1_000)), (TrafficVector.TcpSyn, new Amount(480_000, 1_000)));
        Assert.False(Grown(web, times: 5.5));
    }

    /// <summary>Packets four times as long as ever are no crowd's, also where they grow for a quarter of an hour and the rest grows half as much.</summary>
    [Theory]
    [InlineData(170, false)]
    [InlineData(990, true)]
    public void Packets_of_another_length_that_grow_for_minutes_are_no_crowd(int length, bool isFound)
    {
        var (tcp, udp, syn) = (new Amount(28_000_000, 21_000), new Amount(11_000_000, 8_000), new Amount(480_000, 1_000));
        var usual = SecondTraffic.Of(tcp + udp + syn, (TrafficVector.TcpAck, tcp), (TrafficVector.Udp, udp), (TrafficVector.TcpSyn, syn));
        Assert.Equal(isFound, Grown(usual, times: 1.2, flood: new Amount(18_000L * length * 8, 18_000)));
    }

    private static bool Grown(SecondTraffic usual, double times, Amount flood = default)
    {
        var baseline = new ObjectBaseline(HoursOfWeek.Japan);
        for (var second = 86_400; second < 8 * 86_400; second += 10)
        {
            baseline.Observe(second, usual, usual, usual);
        }

        var rules = new LevelRules([], baseline.Compile(WatchLevel.Object, HoursOfWeek.Japan.Of(86_400 + 43_200), LearningSettings.Default, grain: 1), lowShare: 0.7);
        var (target, isOver) = (new TargetWatch(default, WatchLevel.Object), false);
        for (var second = 0; second < 1_500; second++)
        {
            var level = 1 + ((times - 1) * Math.Clamp((second - 60) / 900.0, 0, 1));
            Amount Of(TrafficVector vector) => new Amount((long)(usual[vector].Bits * level), (long)(usual[vector].Packets * level))
                + (vector is TrafficVector.Total or TrafficVector.TcpAck ? flood * Math.Clamp((second - 60) / 900.0, 0, 1) : default);
            var traffic = SecondTraffic.Of(Of(TrafficVector.Total), (TrafficVector.Udp, Of(TrafficVector.Udp)), (TrafficVector.TcpAck, Of(TrafficVector.TcpAck)), (TrafficVector.TcpSyn, Of(TrafficVector.TcpSyn)));
            isOver |= rules.Judge(target.Add(second, traffic, latenessSeconds: 12, settleSeconds: 0, rules, out _), target).IsOver;
        }

        return isOver;
    }

    [Fact]
    public void What_would_open_no_anomaly_keeps_none_open()
    {
        var (rules, target, last) = (new LevelRules([], Learned, lowShare: 0.7), new TargetWatch(default, WatchLevel.Host) { Episode = new Episode() }, 0);
        target.Episode.State = AnomalyState.Quiet with { Open = new AnomalySubject(Guid.Empty, Guid.Empty, "", default), Vectors = [TrafficVector.Total] };
        var flood = new Amount(400_000_000, 500_000);
        for (var second = 0; second < 1_800; second++)
        {
            var busier = new Amount((long)(1.6 * Usual.Bits), (long)(1.6 * Usual.Packets)); // than on other days
            var traffic = second < 600
                ? SecondTraffic.Of(busier + flood, (TrafficVector.TcpAck, busier), (TrafficVector.Udp, flood))
                : SecondTraffic.Of(busier, (TrafficVector.TcpAck, busier));
            last = rules.IsNear(target.Add(second, traffic, latenessSeconds: 12, settleSeconds: 0, rules, out _), target) ? second : last;
        }

        Assert.InRange(last, 599, 630);
    }

    [Fact]
    public void A_flood_of_the_usual_packets_keeps_its_anomaly_open_for_as_long_as_it_lasts()
    {
        var (rules, target) = (new LevelRules([], Learned, lowShare: 0.7), new TargetWatch(default, WatchLevel.Host) { Episode = new Episode() });
        target.Episode.State = AnomalyState.Quiet with { Open = new AnomalySubject(Guid.Empty, Guid.Empty, "", default), Vectors = [TrafficVector.Total] };
        for (var second = 0; second < 1_800; second++)
        {
            var amount = new Amount((long)((second < 60 ? 1 : 4.5) * Usual.Bits), (long)((second < 60 ? 1 : 4.5) * Usual.Packets));
            var traffic = target.Add(second, SecondTraffic.Of(amount, (TrafficVector.TcpAck, amount)), latenessSeconds: 12, settleSeconds: 0, rules, out _);
            Assert.Equal(second >= 60, rules.IsNear(traffic, target));
        }
    }

    [Fact]
    public void A_little_more_traffic_is_more_of_the_same_when_its_packets_are_about_as_long_as_ever()
    {
        Assert.False(Grows(packets: 1.6, bits: 1.2815)); // what is beyond the usual has 78 bytes a packet, but the usual is a guess
        Assert.True(Grows(packets: 1.6, bits: 1.05));
    }

    [Fact]
    public void More_of_the_same_opens_connections_as_ever()
    {
        var baseline = new ObjectBaseline(HoursOfWeek.Japan);
        for (var second = 86_400; second < 2 * 86_400; second += 10)
        {
            var traffic = WithBeginnings(times: 1, beginnings: 1);
            baseline.Observe(second, traffic, traffic, traffic);
        }

        var rules = new LevelRules([], baseline.Compile(WatchLevel.Object, HoursOfWeek.Japan.Of(86_400 + 43_200), LearningSettings.Default, grain: 1), lowShare: 0.7);
        Assert.False(rules.Judge(WithBeginnings(times: 3, beginnings: 3), new TargetWatch(default, WatchLevel.Object)).IsOver);
        Assert.False(rules.Judge(WithBeginnings(times: 4.6, beginnings: 5), new TargetWatch(default, WatchLevel.Object)).IsOver); // at once
        Assert.False(rules.Judge(WithBeginnings(times: 6, beginnings: 6), new TargetWatch(default, WatchLevel.Object)).IsOver); // so many packets leave no doubt
        Assert.True(rules.Judge(WithBeginnings(times: 6, beginnings: 3), new TargetWatch(default, WatchLevel.Object)).IsOver);
        Assert.True(rules.Judge(WithBeginnings(times: 12, beginnings: 12), new TargetWatch(default, WatchLevel.Object)).IsOver);
        Assert.True(rules.Judge(WithBeginnings(times: 3, beginnings: 1), new TargetWatch(default, WatchLevel.Object)).IsOver);
    }

    /// <summary>Homes have a third of UDP, and so few beginnings that their want does not show: a crowd has UDP too, a flood of usual packets has not.</summary>
    [Theory]
    [InlineData(3, true, 1, false)]
    [InlineData(3, false, 1, true)]
    [InlineData(3, true, 60_000, false)]
    [InlineData(3, false, 60_000, true)]
    public void Of_a_flood_of_the_usual_packets_the_other_protocols_do_not_grow(double times, bool isCrowd, long grain, bool isFound)
    {
        var (tcp, udp) = (new Amount(400_000_000, 100_000), new Amount(200_000_000, 50_000));
        var baseline = new ObjectBaseline(HoursOfWeek.Japan);
        for (var second = 86_400; second < 8 * 86_400; second += 10)
        {
            var usual = SecondTraffic.Of(tcp + udp, (TrafficVector.TcpAck, tcp), (TrafficVector.Udp, udp));
            baseline.Observe(second, usual, usual, usual);
        }

        var rules = new LevelRules([], baseline.Compile(WatchLevel.Object, HoursOfWeek.Japan.Of(86_400 + 43_200), LearningSettings.Default, grain), lowShare: 0.7);
        var (target, isOver) = (new TargetWatch(default, WatchLevel.Object), false);
        for (var second = 0; second < 180; second++)
        {
            var (of, and) = second < 60 ? (tcp, udp) : isCrowd
                ? (Times(tcp, times), Times(udp, times))
                : (Times(tcp + udp, times) - udp, udp);
            isOver |= rules.Judge(
                target.Add(second, SecondTraffic.Of(of + and, (TrafficVector.TcpAck, of), (TrafficVector.Udp, and)), latenessSeconds: 12, settleSeconds: 0, rules, out _), target).IsOver;
        }

        Assert.Equal(isFound, isOver);

        static Amount Times(Amount amount, double times) => new((long)(amount.Bits * times), (long)(amount.Packets * times));
    }

    /// <summary>Five sampled packets a second: a burst is worth more than a second of any of these floods.</summary>
    [Theory]
    [InlineData(2, false)]
    [InlineData(4.5, true)] // and two and a half times what is allowed for an hour is excused
    public void A_flood_that_looks_like_the_usual_traffic_adds_up_beyond_what_more_of_the_same_may_have(double times, bool isFound)
    {
        const long grain = 6_000;
        var (rules, target, isOver) = (new LevelRules([], Learn(Usual, grain), lowShare: 0.7), new TargetWatch(default, WatchLevel.Object), false);
        for (var second = 0; second < 120; second++)
        {
            var amount = second < 60 ? Usual : new Amount((long)(Usual.Bits * times), (long)(Usual.Packets * times));
            isOver |= rules.Judge(
                target.Add(second, SecondTraffic.Of(amount, (TrafficVector.TcpAck, amount)), latenessSeconds: 12, settleSeconds: 0, rules, out _), target).IsOver;
        }

        Assert.Equal(isFound, isOver);
    }

    private static SecondTraffic WithBeginnings(double times, int beginnings)
    {
        var (within, begin) = (new Amount((long)(Usual.Bits * times), (long)(Usual.Packets * times)), new Amount(beginnings * 720_000, beginnings * 1_500));
        return SecondTraffic.Of(within + begin, (TrafficVector.TcpAck, within), (TrafficVector.TcpSyn, begin));
    }

    private static bool Grows(double packets, double bits)
    {
        var (rules, target, isOver) = (new LevelRules([], Learned, lowShare: 0.7), new TargetWatch(default, WatchLevel.Object), false);
        for (var second = 0; second < 60; second++)
        {
            var amount = new Amount((long)(Usual.Bits * bits), (long)(Usual.Packets * packets));
            isOver |= rules.Judge(
                target.Add(second, SecondTraffic.Of(amount, (TrafficVector.TcpAck, amount)), latenessSeconds: 12, settleSeconds: 0, rules, out _), target).IsOver;
        }

        return isOver;
    }

    private static bool IsOver(int sources)
    {
        var target = new TargetWatch(default, WatchLevel.Object);
        target.Note(Sketch(second: 1, More, sources));
        return new LevelRules([], Learned, lowShare: 0.7).Judge(SecondTraffic.Of(More, (TrafficVector.TcpAck, More)), target).IsOver;
    }

    private static TrafficSketch Sketch(long second, Amount whole, int sources, long? theirs = null)
    {
        var sketch = new TrafficSketch { Second = second, Total = new Counters { Packets = (ulong)whole.Packets, Bytes = (ulong)whole.Bits / 8 } };
        var each = (theirs ?? Math.Max(1, (whole - Usual).Packets)) / sources;
        for (var source = 0; source < Math.Min(16, sources); source++)
        {
            sketch.Peers.Add(new AddressShare
            {
                Address = ByteString.CopyFrom(198, 51, 100, (byte)source),
                Counters = new Counters { Packets = (ulong)each, Bytes = (ulong)each * (sources <= 16 ? 1_400ul : 160) },
            });
        }

        return sketch;
    }

    private static LearnedLevel Learn(Amount usual, long grain)
    {
        var baseline = new ObjectBaseline(HoursOfWeek.Japan);
        for (var second = 86_400; second < 8 * 86_400; second += 10)
        {
            var traffic = SecondTraffic.Of(usual, (TrafficVector.TcpAck, usual));
            baseline.Observe(second, traffic, traffic, traffic);
        }

        return baseline.Compile(WatchLevel.Object, HoursOfWeek.Japan.Of(86_400 + 43_200), LearningSettings.Default, grain);
    }
}
