using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;

namespace Platform.Detection.Tests.Windows;

/// <summary>Who has what is new, where one packet of a thousand is sampled.</summary>
[Trait("Requirement", "R1")]
public sealed class GrowthTests
{
    private const long Grain = 1_000;
    private const long Now = 1_000_000;
    private static readonly LevelRules Rules = new([], LearnedLevel.Nothing, lowShare: 0.7);

    [Fact]
    public void Who_had_a_sampled_packet_now_and_then_had_as_much_as_that_is_over_the_time_between()
    {
        var host = new TargetWatch(default, WatchLevel.Host);
        for (var second = Now; second < Now + 600; second += 20)
        {
            Had(host, second, sampled: 1);
        }

        Assert.InRange(host.Recent(TrafficUnit.Packets), 0.7 * Grain / 20, 1.3 * Grain / 20);
    }

    [Fact]
    public void A_pause_that_may_be_one_of_telemetry_does_not_make_a_busy_host_an_idle_one()
    {
        var host = Busy();
        Had(host, Now + 3_600, sampled: 20);
        Had(host, Now + 3_601, sampled: 20);

        Assert.InRange(host.Recent(TrafficUnit.Packets), 17 * Grain, 20 * Grain);
    }

    [Fact]
    public void A_single_sampled_packet_to_another_host_leads_nothing_however_many_a_busy_one_has()
    {
        var (busy, other) = (Busy(), new TargetWatch(default, WatchLevel.Host));
        Had(busy, Now, sampled: 10, icmp: 6);
        Had(other, Now, sampled: 1, icmp: 1);

        Assert.Null(Growth.Of([busy, other], Now, new(TrafficVector.Icmp, TrafficUnit.Packets, Grain)).Leader());
    }

    [Fact]
    public void Of_what_is_hardly_usual_all_is_new_whatever_else_its_hosts_had_before()
    {
        TargetWatch[] hosts = [Busy(), Busy(), Busy(), Busy(), Busy(), new TargetWatch(default, WatchLevel.Host)];
        foreach (var host in hosts)
        {
            Had(host, Now, sampled: 10, icmp: 5);
        }

        Assert.Same(hosts[^1], Growth.Of(hosts, Now, new(TrafficVector.Icmp, TrafficUnit.Packets, Grain)).Leader()); // the others have ten as ever
        var growth = Growth.Of(hosts, Now, new(TrafficVector.Icmp, TrafficUnit.Packets, Grain, Usual: 0));
        Assert.Null(growth.Leader());
        Assert.InRange(growth.Spread(Grain), 5, 8);
        Assert.Same(hosts[^1], Growth.Of(hosts, Now, new(TrafficVector.Icmp, TrafficUnit.Packets, Grain, Usual: 10 * Grain)).Leader());
    }

    /// <summary>20 sampled packets a second for ten minutes.</summary>
    private static TargetWatch Busy()
    {
        var host = new TargetWatch(default, WatchLevel.Host);
        for (var second = Now - 600; second < Now; second++)
        {
            Had(host, second, sampled: 20);
        }

        return host;
    }

    private static void Had(TargetWatch host, long second, long sampled, long icmp = 0) => host.Add(
        second,
        SecondTraffic.Of(Amount(sampled), (TrafficVector.Icmp, Amount(icmp))),
        latenessSeconds: 12,
        settleSeconds: 0,
        Rules,
        out _);

    private static Amount Amount(long sampled) => new(sampled * Grain * 8_000, sampled * Grain);
}
