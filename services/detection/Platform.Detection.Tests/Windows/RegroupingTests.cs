using System.Net;
using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;

namespace Platform.Detection.Tests.Windows;

/// <summary>An object whose prefixes change while it is judged.</summary>
public sealed class RegroupingTests
{
    private static readonly WatchedObject All = With("203.0.113.0/24") with
    {
        Thresholds = [new(TrafficVector.Total, null, 3_000), new(TrafficVector.Total, null, 5_000, Level: WatchLevel.Prefix)],
    };

    private static readonly WatchedObject Half = All with { Prefixes = With("203.0.113.0/25").Prefixes };

    private readonly AJudge _judge;
    private WatchedObject _watched = All;

    public RegroupingTests() => _judge = new AJudge(find: _ => _watched);

    [Theory, Trait("Requirement", "R1")]
    [InlineData("203.0.113.0/25")]
    [InlineData("203.0.112.0/23")]
    [InlineData("203.0.113.0/24")]
    public void A_carpet_after_a_regrouping_names_the_prefix_that_the_object_has_now(string now)
    {
        PlayEveryDay(seconds: 10);
        _watched = All with { Prefixes = With(now).Prefixes };
        PlayEveryDay(seconds: 60);
        Play(packets: 500, seconds: 5);

        var block = IPNetwork.Parse(now is "203.0.112.0/23" ? "203.0.113.0/24" : now);
        Assert.Equal((block, WatchLevel.Prefix), Assert.Single(_judge.Recorded.OfType<AnomalyDetected>()).Subject is var opened ? (opened.Target, opened.Level) : default);
    }

    [Fact, Trait("Requirement", "R1")]
    public void A_carpet_that_goes_on_is_named_anew_and_the_anomaly_of_before_ends()
    {
        PlayEveryDay(seconds: 10);
        Play(packets: 500, seconds: 5);
        _watched = Half;
        Play(packets: 500, seconds: 10);
        PlayEveryDay(seconds: 30);

        Assert.Equal(["203.0.113.0/24", "203.0.113.0/25"], _judge.Recorded.OfType<AnomalyDetected>().Select(opened => $"{opened.Subject.Target}"));
        Assert.Equal(["203.0.113.0/24", "203.0.113.0/25"], _judge.Recorded.OfType<AnomalyEnded>().Select(ended => $"{ended.Subject.Target}"));
    }

    [Fact, Trait("Requirement", "R1")]
    public void An_attacked_host_that_the_object_keeps_has_one_anomaly_that_ends()
    {
        PlayEveryDay(seconds: 10);
        Play(packets: 10, seconds: 5, attacked: 9_000);
        _watched = Half;
        Play(packets: 10, seconds: 10, attacked: 9_000);
        PlayEveryDay(seconds: 30);

        Assert.Equal("203.0.113.7/32", $"{Assert.Single(_judge.Recorded.OfType<AnomalyDetected>()).Subject.Target}");
        Assert.Single(_judge.Recorded.OfType<AnomalyEnded>());
    }

    [Theory, Trait("Requirement", "R1")]
    [InlineData("203.0.113.0/25", 129, "203.0.113.128/25")]
    [InlineData("203.0.113.0/26", 65, "203.0.113.64/26")]
    [InlineData("203.0.113.2/32", 129, "203.0.113.128/25")]
    public void A_block_of_which_a_part_is_another_objects_is_named_without_it(string other, int first, string named)
    {
        _watched = All with { Others = With(other).Prefixes, IsShared = true };
        Play(packets: 10, seconds: 5, first: first);
        Play(packets: 500, seconds: 5, first: first);

        var opened = Assert.Single(_judge.Recorded.OfType<AnomalyDetected>());
        Assert.Equal((IPNetwork.Parse(named), WatchLevel.Prefix), (opened.Subject.Target, opened.Subject.Level));
    }

    [Fact, Trait("Requirement", "R1")]
    public void A_carpet_on_all_that_the_object_has_left_names_nothing_of_the_others()
    {
        _watched = All with
        {
            Thresholds = [new(TrafficVector.Total, null, 5_000, Level: WatchLevel.Object)],
            Others = With("203.0.113.16/28").Prefixes,
            IsShared = true,
        };
        Play(packets: 10, seconds: 5, step: 4);
        Play(packets: 500, seconds: 5, step: 4);

        var opened = Assert.Single(_judge.Recorded.OfType<AnomalyDetected>());
        Assert.Equal(WatchLevel.Object, opened.Subject.Level);
        Assert.Equal(
            ["203.0.113.128/25", "203.0.113.32/27", "203.0.113.64/26"], // together nine tenths
            opened.Prefixes!.Select(share => $"{share.Prefix}").Order(StringComparer.Ordinal));
        Assert.Equal("203.0.113.128/25", $"{opened.Subject.Target}");
    }

    private static WatchedObject With(params string[] prefixes) =>
        AJudge.Watched with { Prefixes = [.. prefixes.Select(prefix => NetworkKey.Of(IPNetwork.Parse(prefix)))] };

    private void PlayEveryDay(int seconds) => Play(packets: 10, seconds);

    /// <param name="packets">Of each of sixty hosts.</param>
    /// <param name="seconds">How long.</param>
    /// <param name="attacked">Of one of them.</param>
    /// <param name="first">Last byte of the first one's address.</param>
    /// <param name="step">From one to the next.</param>
    private void Play(long packets, int seconds, long? attacked = null, int first = 1, int step = 1)
    {
        for (var second = 0; second < seconds; second++)
        {
            _judge.ReceiveTogether(
                _judge.Now.ToUnixTimeSeconds(),
                Enumerable.Range(0, 60).Select(host => first + (host * step)).Where(host => !IsAnothers($"203.0.113.{host}"))
                    .Select(host => ($"203.0.113.{host}", host == 7 ? attacked ?? packets : packets)));
            _judge.Advance(TimeSpan.FromSeconds(1));
        }
    }

    private bool IsAnothers(string host) => _watched.Others?.Any(other => other.ToNetwork().Contains(IPAddress.Parse(host))) == true;
}
