using System.Net;
using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;

namespace Platform.Detection.Tests.Windows;

/// <summary>Attacks that are spread over many hosts: 1,000 packets/s may one host have, 2,000 a block.</summary>
public sealed class CarpetTests
{
    private static readonly WatchedObject Block = AJudge.Watched with
    {
        Thresholds =
        [
            new(TrafficVector.Total, null, 1_000),
            new(TrafficVector.Total, null, 2_000, Level: WatchLevel.Prefix),
        ],
        Prefixes = [NetworkKey.Of(IPNetwork.Parse("203.0.113.0/24"))],
    };

    private readonly AJudge _judge = new(find: _ => Block);

    [Fact, Trait("Requirement", "R1")]
    public void Traffic_that_no_single_host_has_names_the_prefix()
    {
        for (var host = 1; host <= 30; host++)
        {
            _judge.Receive(AJudge.Second(), packets: 100, host: $"203.0.113.{host}");
        }

        var opened = Assert.IsType<AnomalyDetected>(_judge.Recorded[0]);
        Assert.Equal((IPNetwork.Parse("203.0.113.0/24"), WatchLevel.Prefix), (opened.Subject.Target, opened.Subject.Level));
        Assert.Single(_judge.Recorded.OfType<AnomalyDetected>());
    }

    [Fact, Trait("Requirement", "R1")]
    public void A_single_host_that_is_attacked_is_named_alone()
    {
        _judge.Receive(AJudge.Second(), packets: 100, host: "203.0.113.1");
        _judge.Receive(AJudge.Second(), packets: 9_000, host: "203.0.113.2");
        _judge.Receive(AJudge.Second(), packets: 100, host: "203.0.113.3");

        var opened = Assert.Single(_judge.Recorded.OfType<AnomalyDetected>());
        Assert.Equal((IPNetwork.Parse("203.0.113.2/32"), WatchLevel.Host), (opened.Subject.Target, opened.Subject.Level));
    }

    [Fact, Trait("Requirement", "R1")]
    public void Many_hosts_over_at_once_become_one_anomaly_of_the_prefix()
    {
        for (var host = 1; host <= 200; host++)
        {
            _judge.Receive(AJudge.Second(), packets: 1_100, host: $"203.0.113.{host}");
        }

        Assert.InRange(_judge.Recorded.OfType<AnomalyDetected>().Count(), 1, 9);
        Assert.Contains(_judge.Recorded.OfType<AnomalyDetected>(), opened => opened.Subject.Target.PrefixLength == 24);
    }
}
