using Google.Protobuf;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;

namespace Platform.Detection.Tests.Windows;

/// <summary>A game's server: 40 Mbit/s of short UDP packets all week, a fifth as much of TCP from port 443 of many servers; and what comes on top of it.</summary>
[Trait("Requirement", "R1")]
public sealed class TransfersTests
{
    private const int Before = 60; // seconds
    private static readonly Amount Game = new(40_000_000, 40_000);
    private static readonly Amount Web = new(8_000_000, 1_000);
    private static readonly double[][] Uneven = [[1], [0.6, 0.4], [0.5, 0.3, 0.2]];
    private static readonly LevelRules Rules = new([], Learn(), lowShare: 0.7);
    private readonly TargetWatch _server = new(default, WatchLevel.Object);
    private int _second;

    /// <summary>Long packets of UDP, as much again as there usually is, while the game has a busy evening.</summary>
    [Theory]
    [InlineData(1, 443, false)]
    [InlineData(16, 443, false)]
    [InlineData(500, 443, true)]
    [InlineData(16, 4433, true)]
    [InlineData(16, 123, true)] // who is asked for the time sends no files
    public void What_few_servers_send_over_quic_is_no_part_of_what_adds_up(int servers, uint port, bool isFound)
    {
        Assert.False(Plays(Before, game: 1));
        Assert.Equal(isFound, Plays(120, game: 1.2, bits: 40_000_000, servers, port));
    }

    [Fact]
    public void A_flood_beside_a_download_is_found()
    {
        Assert.False(Plays(Before, game: 1));
        Assert.False(Plays(30, game: 1, bits: 40_000_000, servers: 1, port: 443));
        Assert.False(Plays(20, game: 2.5, bits: 40_000_000, servers: 1, port: 443)); // a busy evening, as without the download
        Assert.True(Plays(20, game: 5, bits: 40_000_000, servers: 1, port: 443));
    }

    [Fact]
    public void A_download_that_goes_on_for_half_an_hour_stays_one()
    {
        Assert.False(Plays(Before, game: 1));
        Assert.False(Plays(1_800, game: 1, bits: 40_000_000, servers: 4, port: 443));
    }

    /// <summary>Where one host has most of UDP and another one most of TCP, no host has both: what a download leaves of a host is not their sum.</summary>
    [Theory]
    [InlineData(12, false)]
    [InlineData(500, true)]
    public void A_download_to_one_of_many_hosts_is_none(int servers, bool isFound)
    {
        var learned = Learn(level: WatchLevel.Host, usual: SecondTraffic.Of(Game, (TrafficVector.Udp, Game), (TrafficVector.TcpAck, Game)));
        Assert.False(Plays(Before, game: 0.1, given: learned));
        Assert.Equal(isFound, Plays(300, game: 0.1, bits: 60_000_000, servers, port: 443, given: learned));
    }

    /// <summary>Few packets are sampled: of each server one now and then, among players of whom each is seen once.</summary>
    [Fact]
    public void Servers_are_not_forgotten_for_many_who_send_as_little()
    {
        var senders = new Senders();
        for (var second = 0; second < 50; second++)
        {
            var sketch = new TrafficSketch { Second = second, Total = Of(new Amount(0, 10)) };
            sketch.SourcePorts.Add(new NumberShare { Number = 443, Counters = Of(new Amount(0, 1)) });
            sketch.Peers.Add(new AddressShare { Address = ByteString.CopyFrom(198, 51, 100, (byte)(second % 15)), Counters = Of(new Amount(10_400, 1)) });
            sketch.Peers.AddRange(Enumerable.Range(0, 9).Select(player => new AddressShare
            {
                Address = ByteString.CopyFrom(192, 0, (byte)second, (byte)player),
                Counters = Of(new Amount(800, 1)),
            }));
            senders.Add(sketch);
        }

        Assert.Equal(1, senders.PartOfFew(grain: 1));
    }

    /// <summary>A flood of thousands from a service's port: of the hundred packets that were sampled each is another one's, and twenty of these are no servers.</summary>
    [Fact]
    public void Of_many_sampled_packets_those_who_have_one_are_no_servers()
    {
        var senders = new Senders();
        for (var second = 0; second < 2; second++)
        {
            var sketch = new TrafficSketch { Second = second, Total = Of(new Amount(0, 50)) };
            sketch.SourcePorts.Add(new NumberShare { Number = 443, Counters = Of(new Amount(0, 50)) });
            sketch.Peers.AddRange(Enumerable.Range(0, 32).Select(bot => new AddressShare
            {
                Address = ByteString.CopyFrom(198, 51, (byte)second, (byte)bot),
                Counters = Of(new Amount(10_400, 1)),
            }));
            senders.Add(sketch);
        }

        Assert.InRange(senders.PartOfFew(grain: 1), 0, 0.1);
    }

    /// <summary>Beside a hundred players: packets of few servers meet in some of them, of a crowd's each has its own. Of a handful nobody can say.</summary>
    [Theory]
    [InlineData(18, 12, 1, 1)]
    [InlineData(18, 40, 1, 1)]
    [InlineData(10_000, 12, 1, 1)]
    [InlineData(10_000, 40, 0, 0.25)]
    public void As_many_packets_of_few_servers_meet_in_one_of_them(int servers, int sampled, double least, double most)
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var (senders, luck) = (new Senders(), new Random(seed));
            for (var second = 0; second < sampled / 4; second++)
            {
                var sketch = new TrafficSketch { Second = second, Total = Of(new Amount(0, 44)) };
                sketch.SourcePorts.Add(new NumberShare { Number = 443, Counters = Of(new Amount(41_600, 4)) });
                for (var packet = 0; packet < 4; packet++)
                {
                    var server = luck.Next(servers);
                    sketch.Peers.Add(new AddressShare { Address = ByteString.CopyFrom(198, 51, (byte)(server / 256), (byte)server), Counters = Of(new Amount(10_400, 1)) });
                }

                sketch.Peers.AddRange(Enumerable.Range(0, 40).Select(player => new AddressShare { Address = ByteString.CopyFrom(192, 0, (byte)second, (byte)player), Counters = Of(new Amount(800, 1)) }));
                senders.Add(sketch);
            }

            Assert.InRange(senders.PartOfFew(grain: 1), least, most);
        }
    }

    /// <summary>What has just been seen for the first time was not usual before.</summary>
    [Fact]
    public void A_host_that_begins_with_a_download_is_not_attacked() => Assert.False(Plays(600, game: 1, bits: 40_000_000, servers: 4, port: 443));

    [Fact]
    public void A_download_of_more_than_the_line_has_ever_had_is_found()
    {
        Assert.False(Plays(Before, game: 1));
        Assert.True(Plays(120, game: 1, bits: 500_000_000, servers: 4, port: 443));
    }

    /// <summary>Few packets are sampled of a flood, fewer than of what the two usual ports have: that each has another port tells.</summary>
    [Theory]
    [InlineData(51_820, true)]
    [InlineData(0, false)]
    public void Of_a_tunnel_the_long_packets_have_one_port(uint port, bool isTransfer)
    {
        var senders = new Senders();
        for (var second = 0; second < 30; second++)
        {
            var sketch = new TrafficSketch { Second = second, Total = Of(new Amount(0, 3)) };
            sketch.SourcePorts.Add(new NumberShare { Number = 80, Counters = Of(new Amount(1_000, 2)) });
            sketch.SourcePorts.Add(new NumberShare { Number = port == 0 ? (uint)(20_000 + second) : port, Counters = Of(new Amount(10_400, 1)) });
            senders.Add(sketch);
        }

        Assert.Equal(90, senders.FromTwoPorts!.Value, isTransfer ? 0.1 : 30);
        Assert.Equal(isTransfer, senders.FromOtherPortsInLongPackets() <= 9);
    }

    /// <summary>What is left of UDP without them is little beside what they sent: that does not make it theirs.</summary>
    [Fact]
    public void A_flood_beside_a_transfer_of_two_is_found()
    {
        Assert.False(Plays(Before, game: 1));
        Assert.False(Plays(20, game: 1, bits: 80_000_000, servers: 2, port: 443));
        Assert.True(Plays(60, game: 1, bits: 80_000_000, servers: 2, port: 443, flood: 50_000_000));
    }

    /// <summary>Three quarters of what the game has, for five minutes, then for as long three times as much as there ever was.</summary>
    [Theory]
    [InlineData(1, 51_820, false)] // WireGuard
    [InlineData(2, 3_480, false)] // a conference
    [InlineData(20, 51_820, true)]
    [InlineData(1, 0, true)] // another port with each packet
    public void A_tunnel_or_a_conference_is_a_transfer_over_any_port_of_udp(int senders, uint port, bool isFound)
    {
        Assert.False(Plays(Before, game: 1));
        Assert.Equal(isFound, Plays(300, game: 1, bits: 36_000_000, senders, port));
        Assert.True(Plays(300, game: 1, bits: 150_000_000, senders, port));
    }

    /// <summary>It rises for a minute and goes on for five: who sends it is remembered in another way than how much it was.</summary>
    [Theory]
    [InlineData("Other", 1, 0, false)] // IPsec has no ports
    [InlineData("Other", 20, 0, true)]
    [InlineData("Gre", 1, 0, false)]
    [InlineData("L2tp", 1, 1_701, false)]
    [InlineData("OtherAmplification", 1, 1_194, false)] // OpenVPN
    [InlineData("OtherAmplification", 2, 3_478, false)] // a conference over a relay
    [InlineData("OtherAmplification", 20, 3_478, true)]
    [InlineData("Ntp", 1, 123, true)]
    [InlineData("Fragment", 1, 4_500, false, 640)] // each packet in two, and a short answer for every other one
    [InlineData("Fragment", 20, 4_500, true, 640)]
    [InlineData("Fragment", 1, 4_500, true, 90)]
    public void A_tunnel_that_rises_for_a_minute_is_a_transfer_over_any_protocol(string vector, int senders, uint port, bool isFound, int length = 1_300)
    {
        Assert.False(Plays(Before, game: 1));
        var isOver = false;
        for (var second = 1; second <= 360; second++)
        {
            isOver |= Plays(1, game: 1, bits: Math.Min(60, second) * 400_000, senders, port, vector: Enum.Parse<TrafficVector>(vector), length: length);
        }

        Assert.Equal(isFound, isOver);
    }

    /// <summary>Where many packets are sampled a third sender shows, though the two larger ones have four packets of five.</summary>
    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, true)]
    public void A_flood_of_three_uneven_senders_that_rises_is_no_tunnel(int senders, bool isFound)
    {
        Assert.False(Plays(Before, game: 1));
        var isOver = false;
        for (var second = 1; second <= 120; second++)
        {
            isOver |= Plays(1, game: 1, bits: second * 400_000, senders, vector: TrafficVector.Other, isUneven: true);
        }

        Assert.Equal(isFound, isOver);
    }

    /// <summary>Every other second is over: of fewer packets than the surge remembers nobody could say whose they are, and of more they are also somebody else's.</summary>
    [Fact]
    public void Sketches_tell_of_the_seconds_that_the_surge_remembers()
    {
        Assert.False(Plays(Before, game: 1));
        for (var second = 0; second < 300; second++)
        {
            Plays(1, game: second % 2 == 0 ? 1 : 1.4, bits: second % 2 == 0 ? 0 : 40_000_000, port: 51_820);
            var remembered = Surge.Whole(_server.Surge, default).Total.Packets;
            Assert.InRange(_server.Senders.Sketched, remembered, remembered + (3 * 2 * (Game + Web).Packets)); // the newest are not closed yet
        }
    }

    /// <summary>One server for five minutes, of three hours that were seen: the evening may be to come, but nobody declares less than it.</summary>
    [Theory]
    [InlineData(2, true)]
    [InlineData(8, false)]
    [InlineData(null, false)]
    public void On_the_first_day_a_transfer_that_goes_on_is_no_more_than_is_declared(int? declared, bool isFound)
    {
        var usual = (Game + Web).Bits;
        var learned = Learn(hours: 3, declared: declared * usual);
        Assert.False(Plays(Before, game: 1, given: learned));
        Assert.Equal(isFound, Plays(300, game: 1, bits: 5 * usual, port: 22, isTcp: true, given: learned));
    }

    /// <summary>Few servers of a service, a port that any tool can have: what goes on at more than twice the busiest hour is no download, whichever port it has.</summary>
    [Theory]
    [InlineData(1.5, 1, false)]
    [InlineData(3.1, 1, true)]
    [InlineData(5, 1, true)]
    [InlineData(1.5, 1_000, false)]
    [InlineData(3.1, 1_000, true)]
    [InlineData(5, 1_000, true)]
    [InlineData(1.5, 1, false, true)]
    [InlineData(3.1, 1, true, true)]
    [InlineData(5, 1, true, true)]
    [InlineData(3.1, 1_000, true, true)]
    public void Too_much_of_few_servers_for_too_long_is_no_transfer(double times, long grain, bool isFound, bool isTcp = false)
    {
        Assert.False(Plays(Before, game: 1, grain: grain));
        Assert.Equal(isFound, Plays(300, game: 1, bits: (long)(times * (Game + Web).Bits), servers: 12, port: 443, grain, isTcp));
    }

    /// <summary>Nearly as much as a transfer may have that goes on: of two sampled packets a second there are four or none now and then.</summary>
    [Theory]
    [InlineData(1.8, false)]
    [InlineData(3.5, true)]
    public void A_second_with_more_sampled_packets_than_others_makes_no_attack_of_a_transfer(double times, bool isFound)
    {
        var luck = new Random(1);
        Assert.False(Plays(Before, game: 1, grain: 5_000));
        Assert.Equal(isFound, Plays(900, game: 1, bits: (long)(times * (Game + Web).Bits), servers: 10, port: 443, grain: 5_000, isTcp: true, luck: luck));
    }

    /// <summary>One sender in long packets: what is beyond the bound of transfers is not excused as another transfer of the same size, or as a crowd.</summary>
    [Theory]
    [InlineData(1.5, 873, false)]
    [InlineData(3.5, 873, true)]
    [InlineData(5, 873, true)]
    [InlineData(1.5, 10_873, false)]
    [InlineData(3.5, 10_873, true)]
    public void Too_much_of_one_sender_of_whom_few_packets_are_sampled_is_no_transfer(double times, uint port, bool isFound)
    {
        Assert.False(Plays(Before, game: 1, grain: 10_000));
        Assert.Equal(isFound, Plays(200, game: 1, bits: (long)(times * (Game + Web).Bits), servers: 1, port, grain: 10_000, isTcp: true));
    }

    /// <summary>A backup as large as the busiest hour, and beside it four times that: for as long as a speed test takes, or for longer.</summary>
    [Theory]
    [InlineData(20, false)]
    [InlineData(120, true)]
    public void A_small_transfer_that_goes_on_makes_no_attack_of_a_short_one_beside_it(int seconds, bool isFound)
    {
        Assert.False(Plays(Before, game: 1));
        Assert.False(Plays(300, game: 1, bits: (Game + Web).Bits, servers: 4, port: 443));
        Assert.Equal(isFound, Plays(seconds, game: 1, bits: 5 * (Game + Web).Bits, servers: 4, port: 443));
        Assert.False(Plays(isFound ? 0 : 300, game: 1, bits: (Game + Web).Bits, servers: 4, port: 443));
    }

    /// <summary>A home network's caches send most of what it gets from one port, all day: a flood beside them is none of theirs.</summary>
    [Fact]
    public void What_is_usual_is_no_transfer()
    {
        var (usual, more) = (new Amount(40_000_000, 4_000), new Amount(60_000_000, 90_000));
        var transfers = new Transfers(PartOfFew: 1, SecondTraffic.Of(usual, (TrafficVector.Udp, usual)), MostBits: 50_000_000);
        var traffic = SecondTraffic.Of(usual, (TrafficVector.Udp, usual));
        traffic.Served = new Served(40_000_000, 4_000, 0, 0);
        Assert.Equal(0, transfers.Of(traffic, Rule(TrafficVector.Udp, TrafficUnit.Bits)));

        var flooded = SecondTraffic.Of(usual + more, (TrafficVector.Udp, usual + more));
        flooded.Served = traffic.Served;
        Assert.Equal(40_000_000, transfers.Of(flooded, Rule(TrafficVector.Udp, TrafficUnit.Bits))); // as much as they have, of 60 that are new
        Assert.Equal(0, transfers.Of(flooded, Rule(TrafficVector.Ntp, TrafficUnit.Bits)));
        flooded.Served += new Served(0, 0, 30_000_000, 3_000);
        Assert.Equal(40_000_000, transfers.Of(flooded, Rule(TrafficVector.Udp, TrafficUnit.Bits))); // other ports are TCP's
        Assert.Equal(50_000_000, transfers.Of(flooded, Rule(TrafficVector.Total, TrafficUnit.Bits)));
        Assert.Equal(0, (transfers with { PartOfFew = 0 }).Of(flooded, Rule(TrafficVector.Total, TrafficUnit.Bits)));

        static LearnedThreshold Rule(TrafficVector vector, TrafficUnit unit) => new(vector, unit, Usual: 0, Rate: 0, Burst: 0);
    }

    /// <summary>In its first minutes, of a customer who declared too little; what somebody set on purpose holds all the same.</summary>
    [Fact]
    public void A_backup_breaks_no_guess()
    {
        Threshold[] guesses = [new(TrafficVector.Total, 100_000_000, null)];
        var traffic = SecondTraffic.Of(new Amount(150_000_000, 40_000), (TrafficVector.Udp, new Amount(90_000_000, 9_000)));
        traffic.Served = new Served(90_000_000, 9_000, 0, 0);
        var early = Learn() with { Thresholds = [], IsBeginning = true };
        Note(second: 1);
        Assert.False(new LevelRules(guesses, early, lowShare: 0.7, grain: 1).Judge(traffic, _server).IsOver);
        Assert.True(new LevelRules(guesses, early, lowShare: 0.7).Judge(traffic, _server).IsOver);

        var sampled = new LevelRules([guesses[0] with { BitsPerSecond = 70_000_000 }], early with { Grain = 10 }, lowShare: 0.7, grain: 10); // they add up
        for (var second = 1; second < 30; second++)
        {
            Note(second);
            Assert.False(sampled.Judge(_server.Add(second, traffic, latenessSeconds: 12, settleSeconds: 0, sampled, out _), _server).IsOver);
        }

        traffic.Served = default;
        Assert.True(new LevelRules(guesses, early, lowShare: 0.7, grain: 1).Judge(traffic, _server).IsOver);

        void Note(long second) => _server.Note(new TrafficSketch
        {
            Second = second,
            Total = Of(traffic.Total),
            SourcePorts = { new NumberShare { Number = 443, Counters = Of(new Amount(90_000_000, 9_000)) } },
            Peers = { new AddressShare { Address = ByteString.CopyFrom(198, 51, 100, 1), Counters = Of(new Amount(90_000_000, 9_000)) } },
        });
    }

    /// <summary>Whether anything was over.</summary>
    /// <param name="seconds">For so long.</param>
    /// <param name="game">Times the usual.</param>
    /// <param name="bits">Of long UDP packets on top of it.</param>
    /// <param name="servers">From so many addresses.</param>
    /// <param name="port">From this port; 0: another one with each packet.</param>
    /// <param name="grain">Packets that one sampled packet stands for.</param>
    /// <param name="isTcp">Of TCP instead.</param>
    /// <param name="vector">Of this one instead, over UDP where it has a port.</param>
    /// <param name="flood">Bits of long UDP packets of many senders and ports beside it.</param>
    /// <param name="length">Bytes of each of its packets.</param>
    /// <param name="isUneven">Servers, three at the most, send different parts of it; else each as much.</param>
    /// <param name="given">What was learned; null: a week.</param>
    /// <param name="luck">Makes so many sampled packets of it as a second happens to have; null: as many as there are.</param>
    private bool Plays(int seconds, double game, long bits = 0, int servers = 1, uint port = 0, long grain = 1, bool isTcp = false, long flood = 0, TrafficVector? vector = null, int length = 1_300, bool isUneven = false, LearnedLevel? given = null, Random? luck = null)
    {
        var rules = given is null && grain == 1 ? Rules : new LevelRules([], given ?? Learn(grain), lowShare: 0.7);
        var isOver = false;
        for (var end = _second + seconds; _second < end; _second++)
        {
            var (played, more) = (new Amount((long)(Game.Bits * game) + flood, (long)(Game.Packets * game) + (flood / (1_300 * 8))), Sampled(new Amount(bits, bits / (length * 8))));
            var isUdp = !isTcp && (vector is null || port > 0);
            var (udp, tcp, whole) = (isUdp ? played + more : played, isTcp ? Web + more : Web, played + more + Web);
            var sketch = new TrafficSketch { Second = _second, Total = Of(whole) };
            sketch.SourcePorts.Add(new NumberShare { Number = 443, Counters = Of(port == 443 ? Web + more : Web) });
            if (port is not 443 && bits > 0)
            {
                sketch.SourcePorts.Add(new NumberShare { Number = port == 0 ? (uint)(1_024 + _second) : port, Counters = Of(port == 0 ? new Amount(more.Bits / 16, more.Packets / 16) : more) });
            }

            sketch.Peers.AddRange(Enumerable.Range(0, bits == 0 ? 0 : Math.Min(16, servers)).Select(server => new AddressShare
            {
                Address = ByteString.CopyFrom(198, 51, 100, (byte)server),
                Counters = Of(more * Share(server)),
            }));
            _server.Note(sketch, batch: _second);
            var traffic = SecondTraffic.Of(whole, [(TrafficVector.Udp, udp), (TrafficVector.TcpAck, tcp), .. vector is { } of ? [(of, more)] : ((TrafficVector, Amount)[])[]]);
            traffic.Served = _server.ServedOf(whole, batch: _second) ?? default;
            isOver |= rules.Judge(_server.Add(_second, traffic, latenessSeconds: 12, settleSeconds: 0, rules, out _), _server).IsOver;
        }

        return isOver;

        double Share(int server) => isUneven ? Uneven[servers - 1][server] : 1.0 / servers;

        Amount Sampled(Amount amount)
        {
            var (mean, packets) = (amount.Packets / (double)grain, 0);
            for (var at = Next(); luck is not null && at < mean; at += Next())
            {
                packets++;
            }

            return luck is null || amount.Packets == 0 ? amount : amount * (packets / mean);
        }

        double Next() => -Math.Log(1 - (luck?.NextDouble() ?? 0));
    }

    private static Counters Of(Amount amount) => new() { Packets = (ulong)amount.Packets, Bytes = (ulong)amount.Bits / 8 };

    private static LearnedLevel Learn(
        long grain = 1, int hours = 7 * 24, long? declared = null, WatchLevel level = WatchLevel.Object, SecondTraffic? usual = null)
    {
        var baseline = new ObjectBaseline(HoursOfWeek.Japan);
        var every = usual ?? SecondTraffic.Of(Game + Web, (TrafficVector.Udp, Game), (TrafficVector.TcpAck, Web));
        for (var second = 86_400; second < 86_400 + (hours * 3_600); second += 10)
        {
            baseline.Observe(second, every, every, every);
        }

        return baseline.Compile(level, HoursOfWeek.Japan.Of(86_400 + (hours == 3 ? 3 * 3_600 : 43_200)), LearningSettings.Default, grain, declared);
    }
}
