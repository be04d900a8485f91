using System.Net;
using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;

namespace Platform.Detection.Tests.Windows;

/// <summary>Another process goes on in the middle of an attack: it is told what is open, and nothing of the seconds before.</summary>
[Trait("Requirement", "R1"), Trait("Requirement", "R197")]
public sealed class ResumeTests
{
    private static readonly WatchedObject Block = AJudge.Watched with
    {
        Thresholds = [new(TrafficVector.Total, null, 1_000)],
        Prefixes = [NetworkKey.Of(IPNetwork.Parse("203.0.113.0/24"))],
    };

    [Fact]
    public void A_carpet_is_not_announced_again_host_by_host()
    {
        var judge = new AJudge(find: _ => Block);
        Play(judge, seconds: 3, host => host <= 20 ? 1_100 : 150);
        Assert.Equal(9, Detected(judge)); // the first hosts, then their block

        judge.Restart();
        Play(judge, seconds: 10, host => host is > 30 and <= 50 ? 1_100 : 150);
        Assert.Equal(9, Detected(judge));
        Assert.Single(judge.Streams, stream => stream.Open?.Target.PrefixLength == 24);

        EndsOnce(judge, _ => 150); // 7,500 in the block, as every day
    }

    [Fact]
    public void A_block_that_is_over_together_goes_on_at_four_fifths_of_its_threshold()
    {
        var judge = new AJudge(find: _ => Block with { Thresholds = [new(TrafficVector.Total, null, 2_000, Level: WatchLevel.Prefix)] });
        Play(judge, seconds: 2, _ => 50);
        Assert.Equal(1, Detected(judge));

        judge.Restart();
        Play(judge, seconds: 15, _ => 32);
        Assert.Equal((1, 0), (Detected(judge), judge.Recorded.OfType<AnomalyEnded>().Count()));

        EndsOnce(judge, _ => 20);
    }

    [Fact]
    public void A_host_goes_on_at_four_fifths_of_its_threshold()
    {
        var judge = new AJudge(find: _ => Block);
        Play(judge, seconds: 2, host => host == 1 ? 5_000 : 0);
        judge.Restart();
        Play(judge, seconds: 15, host => host == 1 ? 800 : 0);
        Assert.Equal((1, 0), (Detected(judge), judge.Recorded.OfType<AnomalyEnded>().Count()));

        EndsOnce(judge, host => host == 1 ? 600 : 0);
        Assert.Equal(5_000, judge.Recorded.OfType<AnomalyEnded>().Single().PeakPacketsPerSecond);
    }

    [Theory]
    [InlineData("prefix")]
    [InlineData("object")]
    public void A_host_that_a_wider_rule_named_is_held_against_that_rule(string level)
    {
        var judge = new AJudge(find: _ => Block with { Thresholds = [new(TrafficVector.Total, null, 20_000, Level: TrafficNames.FindLevel(level)!.Value)] });
        Play(judge, seconds: 2, host => host == 1 ? 25_000 : 50);
        Assert.Equal(WatchLevel.Host, Assert.Single(judge.Recorded.OfType<AnomalyDetected>()).Subject.Level);

        judge.Restart();
        Play(judge, seconds: 10, host => host == 1 ? 19_000 : 50); // with the others 21,450
        Assert.Equal((1, 0), (Detected(judge), judge.Recorded.OfType<AnomalyEnded>().Count()));

        EndsOnce(judge, host => host == 1 ? 15_000 : 50);
    }

    [Fact]
    public void A_whole_object_goes_on()
    {
        var judge = new AJudge(find: _ => Block with { Thresholds = [new(TrafficVector.Total, null, 2_000, Level: WatchLevel.Object)], Prefixes = Prefixes("203.0.112.0/24", "203.0.113.0/24") });
        for (var second = 0; second < 8; second++)
        {
            if (second == 2)
            {
                judge.Restart();
            }

            for (var host = 1; host <= 40; host++)
            {
                judge.Receive(judge.Now.ToUnixTimeSeconds(), packets: second < 2 ? 60 : 42, host: $"203.0.{112 + (host % 2)}.{host}");
            }

            judge.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(WatchLevel.Object, Assert.Single(judge.Recorded.OfType<AnomalyDetected>()).Subject.Level);
        Assert.Empty(judge.Recorded.OfType<AnomalyEnded>());
    }

    [Fact]
    public void Who_pulsed_is_waited_for_as_long_as_its_judge_before_would_have_waited()
    {
        var judge = new AJudge(find: _ => Block);
        judge.Receive(judge.Now.ToUnixTimeSeconds(), packets: 5_000);
        judge.Advance(TimeSpan.FromSeconds(4));
        judge.Receive(judge.Now.ToUnixTimeSeconds(), packets: 5_000); // came back after four seconds: it has ten from now on

        judge.Restart();
        judge.Receive(judge.Now.ToUnixTimeSeconds(), packets: 1, host: "203.0.113.99");
        judge.Advance(TimeSpan.FromSeconds(8));
        judge.Receive(judge.Now.ToUnixTimeSeconds(), packets: 5_000);
        judge.Receive(judge.Now.ToUnixTimeSeconds() + 1, packets: 5_000);

        Assert.Equal((1, 0), (Detected(judge), judge.Recorded.OfType<AnomalyEnded>().Count()));
        judge.Advance(AJudge.Quick.LongestPause + TimeSpan.FromSeconds(1));
        Assert.Equal(3, Assert.Single(judge.Recorded.OfType<AnomalyEnded>()).Pulses);
    }

    [Fact]
    public void What_ended_before_anybody_went_on_with_it_is_another_anomaly_when_it_comes_again()
    {
        var judge = new AJudge(find: _ => Block);
        judge.Receive(judge.Now.ToUnixTimeSeconds(), packets: 5_000);
        var open = judge.Streams.Single();
        judge.Advance(TimeSpan.FromSeconds(6)); // over
        judge.Judge.Clear();
        judge.Judge.Resume([new(AJudge.Watched.TenantId, open, 0, AJudge.Noon, 0, 0, null, default, null)]); // the view lagged
        for (var second = 0; second < 2; second++)
        {
            judge.Receive(judge.Now.ToUnixTimeSeconds() + second, packets: 50_000);
        }

        var opened = judge.Recorded.OfType<AnomalyDetected>().Select(one => one.Subject.AnomalyId).ToArray();
        Assert.Equal(2, opened.Distinct().Count());
        Assert.Equal(2, opened.Length);
    }

    [Fact]
    public void What_is_open_of_a_prefix_that_the_object_has_no_more_is_left_alone()
    {
        var watched = Block with { Thresholds = [new(TrafficVector.Total, null, 2_000, Level: WatchLevel.Prefix)], Prefixes = Prefixes("203.0.113.0/26", "203.0.113.64/26") };
        var judge = new AJudge(find: _ => watched);
        Play(judge, seconds: 2, host => host < 60 ? 50 : 0);
        Assert.Equal(26, Assert.Single(judge.Recorded.OfType<AnomalyDetected>()).Subject.Target.PrefixLength);

        watched = watched with { Prefixes = Prefixes("203.0.113.0/24") };
        judge.Restart();
        Play(judge, seconds: 2, host => host < 60 ? 20 : 0);
        Assert.Empty(judge.Judge.Pulses()); // the warden ends it
    }

    [Fact, Trait("Requirement", "R26")]
    public void What_was_measured_before_counts_for_what_a_false_mark_proposes()
    {
        var judge = new AJudge(find: _ => Block);
        Play(judge, seconds: 1, host => host == 1 ? 5_000 : 0);
        Play(judge, seconds: 1, host => host == 1 ? 8_000 : 0); // less than double: told when it ends
        judge.Restart();
        EndsOnce(judge, host => host == 1 ? 100 : 0);

        Assert.Equal([new Threshold(TrafficVector.Total, null, 10_000)], judge.Known().Proposal());
    }

    private static int Detected(AJudge judge) => judge.Recorded.OfType<AnomalyDetected>().Count();

    private static NetworkKey[] Prefixes(params string[] prefixes) => [.. prefixes.Select(prefix => NetworkKey.Of(IPNetwork.Parse(prefix)))];

    /// <summary>Each of the open ones, when it is calm for long enough.</summary>
    private static void EndsOnce(AJudge judge, Func<int, long> calm)
    {
        Play(judge, seconds: 8, calm);
        Assert.All(judge.Streams, stream => Assert.Null(stream.Open));
        var opened = judge.Recorded.OfType<AnomalyDetected>().Select(one => one.Subject.AnomalyId);
        Assert.Equal(opened.Order(), judge.Recorded.OfType<AnomalyEnded>().Select(one => one.Subject.AnomalyId).Order());
    }

    /// <summary>A second after the other, in which each of 50 hosts has so many packets.</summary>
    private static void Play(AJudge judge, int seconds, Func<int, long> packets)
    {
        for (var second = 0; second < seconds; second++)
        {
            foreach (var host in Enumerable.Range(1, 50).Where(host => packets(host) > 0))
            {
                judge.Receive(judge.Now.ToUnixTimeSeconds(), packets(host), host: $"203.0.113.{host}");
            }

            judge.Advance(TimeSpan.FromSeconds(1));
        }
    }
}
