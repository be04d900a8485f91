using System.Net;
using FsCheck;
using FsCheck.Fluent;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;

namespace Platform.Detection.Tests.Windows;

/// <summary>
/// One attack is one anomaly, however it is spread over hosts and blocks of one object, in whatever order its windows come, and it ends. No host of it is over
/// by itself: such hosts have anomalies of their own.
/// </summary>
public sealed class OneAttackProperties
{
    private const int Blocks = 6;
    private const long MostOfAHost = 900;

    private static readonly Threshold OfAHost = new(TrafficVector.Total, null, 1_000);
    private static readonly Threshold OfABlock = new(TrafficVector.Total, null, 2_000, Level: WatchLevel.Prefix);
    private static readonly Threshold OfTheObject = new(TrafficVector.Total, null, 5_000, Level: WatchLevel.Object);

    private static readonly Threshold[][] Thresholds = [[OfABlock], [OfTheObject], [OfABlock, OfTheObject], [OfAHost, OfABlock, OfTheObject]];

    private static readonly string[][] Prefixes =
    [
        ["198.51.96.0/21"],
        [.. Enumerable.Range(0, Blocks).Select(block => $"198.51.{96 + block}.0/24")],
        ["198.51.96.0/23", "198.51.98.0/24", "198.51.99.0/25", "198.51.99.128/25", "198.51.100.0/23"],
    ];

    /// <summary>What of these other objects have.</summary>
    private static readonly IPNetwork[][] Others =
    [
        [],
        [IPNetwork.Parse("198.51.96.0/25"), IPNetwork.Parse("198.51.98.77/32")],
        [IPNetwork.Parse("198.51.97.0/24"), IPNetwork.Parse("198.51.96.64/26"), IPNetwork.Parse("198.51.99.192/27")],
    ];

    private static readonly Arbitrary<Attack> Attacks = Arb.From(
        from thresholds in Gen.Choose(0, Thresholds.Length - 1)
        from prefixes in Gen.Choose(0, Prefixes.Length - 1)
        from others in Gen.Choose(0, Others.Length - 1)
        from blocks in Gen.Choose(1, Blocks)
        from count in Gen.Choose(3, 60)
        from most in Gen.Elements(50, 200, 900)
        from hosts in Gen.ArrayOf(
            from block in Gen.Choose(0, blocks - 1)
            from host in Gen.Choose(1, 250)
            from packets in Gen.Choose(20, most)
            select (Host: $"198.51.{96 + block}.{host}", Packets: (long)packets), count)
        from seconds in Gen.Choose(2, 6)
        from batch in Gen.Elements(1, 3, 20, 1_000)
        from vector in Gen.Elements(Vectors)
        from totals in Gen.Choose(0, 7)
        from growth in Gen.Elements(0, 0, 1, 3)
        from change in Gen.Elements(Changes)
        from seed in Gen.Choose(0, int.MaxValue - 1)
        select new Attack(thresholds, prefixes, others, [.. hosts.DistinctBy(host => host.Host)], seconds, batch, vector, totals, growth, change, seed));

    /// <summary>What the attack is made of, and of what there are thresholds; null: of no vector, the whole is held against them.</summary>
    private static readonly Vector?[] Vectors = [null, Vector.Udp, Vector.TcpSyn];

    /// <summary>Somebody sets so many times the thresholds of blocks and object in the middle of it.</summary>
    private static readonly double[] Changes = [1, 1, 0.5, 1.2];

    [Fact, Trait("Requirement", "R1")]
    public void An_attack_in_any_spread_and_order_opens_one_anomaly_at_most_and_ends() => Prop.ForAll(Attacks, attack =>
    {
        var judge = Play(attack, restart: false);
        IsOneAtMost(judge);
        AllIsOver(judge);
        NamesNothingOfOthers(judge, attack);
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(400));

    [Fact, Trait("Requirement", "R1"), Trait("Requirement", "R197")]
    public void It_stays_one_when_another_process_takes_over_in_the_middle() => Prop.ForAll(Attacks, attack =>
    {
        var judge = Play(attack, restart: true);
        IsOneAtMost(judge);
        AllIsOver(judge);
        NamesNothingOfOthers(judge, attack);
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(400));

    private static void IsOneAtMost(AJudge judge)
    {
        var opened = judge.Recorded.OfType<AnomalyDetected>().ToArray();
        Assert.True(opened.Length <= 1, string.Join(Environment.NewLine, opened.Select(one => $"{one.Subject.Level} {one.Subject.Target}: {one.Explanation!.Sentence}")));
    }

    private static void AllIsOver(AJudge judge)
    {
        Assert.Empty(judge.FoundTwice);
        Assert.All(judge.Streams, stream => Assert.Null(stream.Open));
        Assert.Equal(
            judge.Recorded.OfType<AnomalyDetected>().Select(one => one.Subject.AnomalyId).Order(),
            judge.Recorded.OfType<AnomalyEnded>().Select(one => one.Subject.AnomalyId).Order());
    }

    private static void NamesNothingOfOthers(AJudge judge, Attack attack)
    {
        var named = judge.Recorded.SelectMany(happened => happened switch
        {
            AnomalyDetected e => [e.Subject.Target, .. e.Prefixes?.Select(share => share.Prefix) ?? []],
            AnomalyChanged e => [e.Subject.Target, .. e.Prefixes?.Select(share => share.Prefix) ?? []],
            _ => (IPNetwork[])[],
        });
        Assert.All(named, name => Assert.DoesNotContain(Others[attack.Others], other => name.Contains(other.BaseAddress) || other.Contains(name.BaseAddress)));
    }

    private static WatchedObject Watched(Attack attack, double times = 1)
    {
        var prefixes = Prefixes[attack.Prefixes].Select(IPNetwork.Parse).Where(prefix => !Others[attack.Others].Contains(prefix)).ToArray();
        return AJudge.Watched with
        {
            Thresholds =
            [
                .. from threshold in Thresholds[attack.Thresholds]
                   select threshold with
                   {
                       Vector = (attack.Totals >> (int)threshold.Level & 1) != 0 ? TrafficVector.Total
                           : attack.Vector switch { Vector.Udp => TrafficVector.Udp, Vector.TcpSyn => TrafficVector.TcpSyn, _ => TrafficVector.Total },
                       PacketsPerSecond = (long)(threshold.PacketsPerSecond!.Value * (threshold.Level is WatchLevel.Host ? 1 : times)),
                   },
            ],
            Prefixes = [.. prefixes.Select(NetworkKey.Of)],
            Others = [.. Others[attack.Others].Where(other => Array.Exists(prefixes, prefix => prefix.Contains(other.BaseAddress))).Select(NetworkKey.Of)],
        };
    }

    private static AJudge Play(Attack attack, bool restart)
    {
        var watched = Watched(attack);
        var judge = new AJudge(find: _ => watched);
        var random = new Random(attack.Seed);
        (string Host, long Packets)[] everyDay =
        [
            .. from block in Enumerable.Range(0, Blocks)
               from host in Enumerable.Range(1, 5)
               where !IsAnothers($"198.51.{96 + block}.{host}", attack)
               select ($"198.51.{96 + block}.{host}", 10L),
        ];
        (string Host, long Packets)[] attacked = [.. attack.Hosts.Where(host => !IsAnothers(host.Host, attack))];
        for (var second = 0; second < 5; second++)
        {
            PlaySecond(judge, everyDay, attack, random);
        }

        for (var second = 0; second < attack.Seconds; second++)
        {
            var grown = 1 + (attack.Growth * second);
            PlaySecond(judge, [.. everyDay, .. attacked.Select(host => (host.Host, Math.Min(MostOfAHost, host.Packets * grown)))], attack, random);
            if (second == attack.Seconds / 2)
            {
                watched = Watched(attack, attack.Change);
                if (restart)
                {
                    judge.Restart();
                }
            }
        }

        for (var second = 0; second <= AJudge.Quick.LongestPause.TotalSeconds; second++)
        {
            PlaySecond(judge, everyDay, attack, random);
        }

        return judge;
    }

    private static bool IsAnothers(string host, Attack attack) => Array.Exists(Others[attack.Others], other => other.Contains(IPAddress.Parse(host)));

    private static void PlaySecond(AJudge judge, (string Host, long Packets)[] had, Attack attack, Random random)
    {
        had = [.. had];
        random.Shuffle(had);
        foreach (var part in had.Chunk(attack.Batch))
        {
            judge.ReceiveTogether(judge.Now.ToUnixTimeSeconds(), part, attack.Vector);
        }

        judge.Advance(TimeSpan.FromSeconds(1));
    }

    /// <param name="Thresholds">Which ones are set.</param>
    /// <param name="Prefixes">Which ones the object has.</param>
    /// <param name="Others">Which of them other objects have.</param>
    /// <param name="Hosts">What each has of it in every second.</param>
    /// <param name="Seconds">How long.</param>
    /// <param name="Batch">Windows that come together.</param>
    /// <param name="Vector">What it is made of.</param>
    /// <param name="Totals">Levels whose thresholds are of all traffic, whatever the attack is made of.</param>
    /// <param name="Growth">So many times its first second each second adds to it.</param>
    /// <param name="Change">So many times the thresholds of blocks and object, from the middle on.</param>
    /// <param name="Seed">Of their order.</param>
    private sealed record Attack(
        int Thresholds, int Prefixes, int Others, (string Host, long Packets)[] Hosts, int Seconds, int Batch, Vector? Vector, int Totals, int Growth, double Change, int Seed);
}
