using System.Net;
using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;

namespace Platform.Detection.Tests.Windows;

/// <summary>What protected hosts send: 1,000 packets/s may one host, 2,000 a block, 3,000 all of them; they may receive what they like.</summary>
[Trait("Requirement", "R1")]
public sealed class OutgoingTests
{
    private static readonly WatchedObject Watched = AJudge.Watched with
    {
        Thresholds =
        [
            new(TrafficVector.Total, null, 1_000, Direction: TrafficDirection.Out),
            new(TrafficVector.Total, null, 2_000, Level: WatchLevel.Prefix, Direction: TrafficDirection.Out),
            new(TrafficVector.Total, null, 3_000, Level: WatchLevel.Object, Direction: TrafficDirection.Out),
        ],
        Prefixes = [NetworkKey.Of(IPNetwork.Parse("203.0.112.0/22"))],
    };

    private readonly AJudge _judge = new(find: _ => Watched);

    [Fact]
    public void A_host_that_sends_too_much_is_an_anomaly_from_it_and_what_it_receives_is_none()
    {
        _judge.Receive(AJudge.Second(), packets: 9_000, host: "203.0.113.1");
        Assert.Empty(_judge.Recorded);

        _judge.Sends(AJudge.Second(), packets: 600, host: "203.0.113.1");
        _judge.Sends(AJudge.Second(), packets: 600, host: "203.0.113.1");

        var opened = Assert.IsType<AnomalyDetected>(Assert.Single(_judge.Recorded));
        Assert.Equal(
            (IPNetwork.Parse("203.0.113.1/32"), WatchLevel.Host, TrafficDirection.Out),
            (opened.Subject.Target, opened.Subject.Level, opened.Subject.Direction));
        Assert.Contains("from 203.0.113.1/32", opened.Explanation!.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Many_hosts_of_a_block_that_send_a_little_each_are_an_anomaly_of_the_block()
    {
        for (var host = 1; host <= 30; host++)
        {
            _judge.Sends(AJudge.Second(), packets: 80, host: $"203.0.113.{host}");
        }

        var opened = Assert.IsType<AnomalyDetected>(_judge.Recorded[0]);
        Assert.Equal(
            (IPNetwork.Parse("203.0.113.0/24"), WatchLevel.Prefix, TrafficDirection.Out),
            (opened.Subject.Target, opened.Subject.Level, opened.Subject.Direction));
    }

    [Fact]
    public void Many_blocks_that_send_a_little_each_are_an_anomaly_of_the_object()
    {
        for (var host = 1; host <= 40; host++)
        {
            _judge.Sends(AJudge.Second(), packets: 90, host: $"203.0.{112 + (host % 4)}.{host}");
        }

        var opened = Assert.IsType<AnomalyDetected>(_judge.Recorded[0]);
        Assert.Equal((WatchLevel.Object, TrafficDirection.Out), (opened.Subject.Level, opened.Subject.Direction));
    }

    [Fact]
    public void Both_directions_of_a_host_are_anomalies_of_their_own_and_end_by_themselves()
    {
        var judge = new AJudge(find: _ => Watched with { Thresholds = [.. Watched.Thresholds, .. AJudge.Watched.Thresholds] });
        judge.Receive(AJudge.Second(), packets: 1_500, host: "203.0.113.1");
        judge.Sends(AJudge.Second(), packets: 1_500, host: "203.0.113.1");
        Assert.Equal(
            [TrafficDirection.In, TrafficDirection.Out],
            judge.Recorded.OfType<AnomalyDetected>().Select(opened => opened.Subject.Direction).Order());

        for (var second = 1; second <= 8; second++)
        {
            judge.Advance(TimeSpan.FromSeconds(1));
            judge.Sends(AJudge.Second(second), packets: 1_500, host: "203.0.113.1");
        }

        Assert.Equal(TrafficDirection.In, Assert.Single(judge.Recorded.OfType<AnomalyEnded>()).Subject.Direction);
        judge.Advance(AJudge.Quick.LongestPause);
        Assert.All(judge.Streams, stream => Assert.Null(stream.Open));
    }

    [Fact]
    public void Without_thresholds_for_it_what_is_sent_is_not_even_kept()
    {
        var judge = new AJudge();
        judge.Sends(AJudge.Second(), packets: 1_000_000, host: "203.0.113.1");
        Assert.Empty(judge.Recorded);
        Assert.Equal(0, judge.Judge.Hosts);
    }
}
