using FsCheck;
using FsCheck.Fluent;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;

namespace Platform.Detection.Tests.Windows;

/// <summary>
/// Whatever comes, in whatever order: no anomaly opens twice, none stays open for ever, none fires without a rule, and no second over its
/// allowance is overlooked.
/// </summary>
public sealed class WindowJudgeProperties
{
    private const int Runs = 300;

    private static readonly Gen<Step> Steps =
        from kind in Gen.Choose(0, 19)
        from host in Gen.Choose(1, 3)
        from behind in Gen.Choose(0, 6)
        from packets in Gen.Choose(0, 1_300)
        from udp in Gen.Choose(0, 600)
        from milliseconds in Gen.Choose(0, 7_000)
        select kind switch
        {
            0 => new Step(Restart: true, 0, "", behind, 0, 0),
            < 6 => new Step(Restart: false, milliseconds, "", 0, 0, 0),
            _ => new Step(Restart: false, 0, $"203.0.113.{host}", behind, packets, Math.Min(udp, packets)),
        };

    private static readonly Arbitrary<Step[]> Histories = Arb.From(Gen.ArrayOf(Steps));

    private const int Hosts = 40;

    /// <summary>Every level has a rule, and what is usual stays below 70 % of it.</summary>
    private static readonly WatchedObject TwoBlocks = AJudge.Watched with
    {
        Thresholds =
        [
            new(TrafficVector.Total, null, 1_000),
            new(TrafficVector.Total, null, 9_000, Level: WatchLevel.Prefix),
            new(TrafficVector.Total, null, 14_000, Level: WatchLevel.Object),
        ],
    };

    /// <summary>Nothing is set: it is judged by what was learned.</summary>
    private static readonly WatchedObject Learning = AJudge.Watched with { Thresholds = [] };

    private static readonly Lazy<byte[]> Snapshot = new(Learn);

    private static readonly Gen<(int Host, int Packets)[]> Second =
        from hits in Gen.Choose(0, 25)
        from attack in Gen.ArrayOf(
            from host in Gen.Choose(0, Hosts - 1)
            from packets in Gen.Choose(50, 2_500)
            select (host, packets), hits)
        select attack;

    private static readonly Arbitrary<(int Host, int Packets)[][]> Attacks = AttacksOf(1);

    /// <summary>What was learned gives way to more of the same: of an attack that it cannot overlook there is more.</summary>
    private static readonly Arbitrary<(int Host, int Packets)[][]> GreatAttacks = AttacksOf(1, 40);

    private const int SurelyOver = 40_000; // of one host, 60 times the usual

    private static Arbitrary<(int Host, int Packets)[][]> AttacksOf(params int[] times) => Arb.From(
        from seconds in Gen.Choose(1, 8)
        from many in Gen.Elements(times)
        from attack in Gen.ArrayOf(Second, seconds)
        select attack.Select(second => second.Select(hit => (hit.Host, hit.Packets * many)).ToArray()).ToArray());

    [Fact]
    public void No_target_has_two_open_anomalies_and_each_ends_as_what_it_began() => Check(judge =>
    {
        foreach (var target in judge.Recorded.GroupBy(Target))
        {
            AnomalySubject? open = null;
            foreach (var happened in target)
            {
                switch (happened)
                {
                    case AnomalyDetected e:
                        Assert.Null(open);
                        open = e.Subject;
                        break;
                    case AnomalyChanged e:
                        Assert.Equal(open, e.Subject);
                        break;
                    case AnomalyEnded e:
                        Assert.Equal(open, e.Subject);
                        open = null;
                        break;
                }
            }
        }
    });

    /// <summary>At the judge: the stream takes no second one, whatever is found.</summary>
    [Fact]
    public void Nothing_is_found_twice_while_it_is_open_or_being_recorded() => Check(judge => Assert.Empty(judge.FoundTwice), isAlwaysTold: true, isSlow: true);

    [Fact]
    public void Every_anomaly_names_a_vector_that_was_over_its_threshold() => Check(judge => Assert.All(
        judge.Recorded.OfType<AnomalyDetected>(),
        opened =>
        {
            Assert.NotEmpty(opened.Vectors);
            Assert.All(opened.Vectors, vector => Assert.True(
                vector.BitsPerSecond > vector.ThresholdBitsPerSecond || vector.PacketsPerSecond > vector.ThresholdPacketsPerSecond));
        }));

    [Fact]
    public void After_the_traffic_stops_every_anomaly_ends_whoever_judged_it_before() => Check(
        judge => Assert.All(judge.Streams, stream => Assert.Null(stream.Open)), isAlwaysTold: true);

    [Fact]
    public void A_second_over_its_allowance_never_goes_by_without_an_open_anomaly() =>
        Prop.ForAll(Histories, history => Play(history, isAlwaysTold: false, afterEach: (judge, step) =>
        {
            if (step is { Packets: > 1_000 } or { UdpPackets: > 500 })
            {
                Assert.Contains(judge.Streams, stream => stream.Open?.Target.BaseAddress.ToString() == step.Host);
            }
        })).Check(Config.QuickThrowOnFailure.WithMaxTest(Runs));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Whatever_was_attacked_every_anomaly_ends_while_the_traffic_of_every_day_goes_on(bool isLearned) => Prop.ForAll(isLearned ? GreatAttacks : Attacks, attack =>
    {
        var judge = isLearned ? new AJudge(find: _ => Learning, remember: _ => Learned()) : new AJudge(find: _ => TwoBlocks);
        foreach (var second in attack.Prepend([]))
        {
            PlaySecond(judge, second);
            var open = judge.Judge.Pulses().Select(pulse => pulse.AnomalyId).ToArray();
            Assert.Equal(open.Distinct(), open);
            Assert.Equal(judge.Streams.Count(stream => stream.Open is not null), open.Length);
            Assert.True(open.Length > 0 || !second.Any(hit => hit.Packets > (isLearned ? SurelyOver : 1_000))); // nobody is overlooked
        }

        for (var second = 0; second <= AJudge.Quick.LongestPause.TotalSeconds; second++)
        {
            PlaySecond(judge, []);
        }

        Assert.All(judge.Streams, stream => Assert.Null(stream.Open));
        Assert.Empty(judge.FoundTwice);
        Assert.All(judge.Recorded.OfType<AnomalyDetected>(), opened => Assert.True(opened.Vectors[0].Excess() > 1 || opened.Explanation!.Rule == "learned"));
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(60));

    [Fact]
    public void What_was_learned_finds_what_is_many_times_the_usual_and_nothing_of_every_day()
    {
        var judge = new AJudge(find: _ => Learning, remember: _ => Learned());
        for (var second = 0; second < 60; second++)
        {
            PlaySecond(judge, []);
        }

        Assert.Empty(judge.Recorded);
        PlaySecond(judge, [(Hosts - 1, 40_000)]);
        Assert.Equal("learned", Assert.Single(judge.Recorded.OfType<AnomalyDetected>()).Explanation!.Rule);
    }

    private static ObjectBaseline Learned() => ObjectBaseline.Restore(Snapshot.Value, HoursOfWeek.Japan);

    /// <summary>Two days of what every day brings.</summary>
    private static byte[] Learn()
    {
        var baseline = new ObjectBaseline(HoursOfWeek.Japan);
        var (host, block, whole) = (Packets(UsualOf(0)), Packets(Sum(host => host % 2 == 0)), Packets(Sum(_ => true)));
        for (var second = AJudge.Second(-2 * 86_400); second < AJudge.Second(); second += 10)
        {
            baseline.Observe(second, whole, host, block);
        }

        return baseline.Snapshot();

        static SecondTraffic Packets(long packets) => SecondTraffic.Of(new Amount(packets * 800, packets));

        static long Sum(Func<int, bool> isTheirs) => Enumerable.Range(0, Hosts).Where(isTheirs).Sum(UsualOf);
    }

    private static void PlaySecond(AJudge judge, (int Host, int Packets)[] attack)
    {
        for (var host = 0; host < Hosts; host++)
        {
            var packets = UsualOf(host) + attack.Where(hit => hit.Host == host).Sum(hit => (long)hit.Packets);
            judge.Receive(judge.Now.ToUnixTimeSeconds(), packets, host: $"203.0.{112 + (host % 2)}.{1 + host}");
        }

        judge.Advance(TimeSpan.FromSeconds(1));
    }

    /// <summary>A few have most of it, as ever: some 4,100 packets/s in each block.</summary>
    private static long UsualOf(int host) => host < 4 ? 650 : 650 / (host - 2) + 100;

    [Fact, Trait("Requirement", "R197")]
    public void What_opens_nothing_opens_nothing_either_when_another_process_has_just_taken_over() => Prop.ForAll(Attacks, attack =>
    {
        var (stays, changes) = (new AJudge(find: _ => TwoBlocks), new AJudge(find: _ => TwoBlocks));
        foreach (var second in attack.Prepend([]).SelectMany(second => Enumerable.Repeat(second, 2)))
        {
            PlaySecond(stays, second);
            PlaySecond(changes, second);
        }

        var before = stays.Recorded.Count;
        Assert.Equal(before, changes.Recorded.Count);
        changes.Restart();
        PlaySecond(stays, attack[^1]);
        PlaySecond(changes, attack[^1]);
        if (!stays.Recorded.Skip(before).OfType<AnomalyDetected>().Any())
        {
            Assert.Empty(changes.Recorded.Skip(before).OfType<AnomalyDetected>());
        }

        for (var second = 0; second <= AJudge.Quick.LongestPause.TotalSeconds; second++)
        {
            PlaySecond(changes, []);
        }

        var opened = changes.Recorded.OfType<AnomalyDetected>().Select(one => one.Subject.AnomalyId);
        Assert.Equal(opened.Order(), changes.Recorded.OfType<AnomalyEnded>().Select(one => one.Subject.AnomalyId).Order());
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(100));

    /// <param name="isSlow">Recording takes until the next step, now and then.</param>
    private static void Check(Action<AJudge> holds, bool isAlwaysTold = false, bool isSlow = false) =>
        Prop.ForAll(Histories, history =>
        {
            var judge = Play(history, isAlwaysTold, (_, _) => { }, isSlow);
            judge.Receive(judge.Now.ToUnixTimeSeconds(), packets: 1); // who took over last hears of the object
            judge.Advance(AJudge.Quick.LongestPause + TimeSpan.FromSeconds(1)); // it may have pulsed
            holds(judge);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(Runs));

    private static AJudge Play(Step[] history, bool isAlwaysTold, Action<AJudge, Step> afterEach, bool isSlow = false)
    {
        var judge = new AJudge();
        foreach (var step in history)
        {
            if (step.Restart)
            {
                judge.Settle();
                judge.Restart(isTold: isAlwaysTold || step.Behind % 2 == 0);
            }
            else if (step.Host.Length == 0)
            {
                judge.Advance(TimeSpan.FromMilliseconds(step.Milliseconds));
            }
            else
            {
                judge.Receive(judge.Now.ToUnixTimeSeconds() - step.Behind, step.Packets, step.UdpPackets, step.Host, settle: !isSlow || step.Packets % 2 == 0);
                afterEach(judge, step);
            }
        }

        return judge;
    }

    private static string Target(AnomalyEvent happened) => happened switch
    {
        AnomalyDetected e => e.Subject.Target.ToString(),
        AnomalyChanged e => e.Subject.Target.ToString(),
        AnomalyEnded e => e.Subject.Target.ToString(),
        _ => "",
    };

    /// <param name="Restart">The process dies and another begins.</param>
    /// <param name="Milliseconds">Time passes, when no host is named.</param>
    /// <param name="Host">An increment for this host.</param>
    /// <param name="Behind">Seconds behind the clock.</param>
    /// <param name="Packets">Of all vectors.</param>
    /// <param name="UdpPackets">Of them.</param>
    private sealed record Step(bool Restart, int Milliseconds, string Host, int Behind, int Packets, int UdpPackets);
}
