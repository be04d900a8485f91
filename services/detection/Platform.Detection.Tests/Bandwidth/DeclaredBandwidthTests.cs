using Google.Protobuf;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Bandwidth;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Tests.Windows;
using Platform.Detection.Windows;
using Platform.EventStore;

namespace Platform.Detection.Tests.Bandwidth;

/// <summary>A contract declares 1,000,000 bits/s: the mean of a minute above that is reported, and is no attack.</summary>
[Trait("Requirement", "R27")]
public sealed class DeclaredBandwidthTests
{
    private const long Declared = 1_000_000;
    private const long Minute = 60_000_000 / 60; // any whole minute
    private static readonly WatchedObject Watched = AJudge.Watched with { Settings = new ObjectSettings(Declared) };
    private static readonly DateTimeOffset Now = AJudge.Noon;
    private readonly DeclaredUse _use = new();
    private readonly DateTimeOffset _thereSince = DateTimeOffset.UnixEpoch;
    private readonly List<Use> _said = [];
    private BandwidthState _state = new(null, 0);
    private readonly List<BandwidthEvent> _recorded = [];

    [Fact]
    public void A_busy_second_is_nothing_and_a_busy_minute_is_said_once_and_its_end_with_its_peak()
    {
        Play(0, 59 * Declared); // within one second, less than the minute may have
        Play(1, 60 * Declared * 2);
        Play(2, 60 * Declared * 3);
        Play(3, 60 * Declared * 2);
        for (var minute = 4; minute < 20; minute++)
        {
            Play(minute, Declared);
        }

        Assert.Equal(3, _recorded.Count);
        var began = Assert.IsType<BandwidthExceeded>(_recorded[0]);
        Assert.Equal((2 * Declared, Declared, At(1)), (began.BitsPerSecond, began.DeclaredBitsPerSecond, began.Since));
        var ended = Assert.IsType<BandwidthKept>(_recorded[2]);
        Assert.Equal((3 * Declared, At(1), At(4)), (ended.PeakBitsPerSecond, ended.Since, ended.Until));
    }

    [Fact]
    public void An_excess_that_grew_by_a_quarter_of_what_was_told_is_told_again_as_the_same_one()
    {
        long[] tenths = [20, 24, 25, 20, 31, 40, 49];
        for (var minute = 0; minute < tenths.Length; minute++)
        {
            Play(minute, 60 * Declared * tenths[minute] / 10);
        }

        Play(tenths.Length, 0); // the last minute is over
        Assert.Equal(
            [(20, At(0), (DateTimeOffset?)null), (25, At(0), At(2)), (40, At(0), At(5))],
            _recorded.Cast<BandwidthExceeded>().Select(told => (told.BitsPerSecond * 10 / Declared, told.Since, told.GrewAt)));
    }

    [Fact]
    public void Growth_that_comes_twice_or_in_the_wrong_order_is_told_once_and_none_of_an_excess_that_is_over()
    {
        var grown = new MeasureUse(Watched.ObjectId, Watched.ServiceCode, Declared, 5 * Declared, At(5), Now);
        var state = BandwidthState.Stream.Fold([new BandwidthExceeded(Watched.ObjectId, Watched.ServiceCode, Declared, 2 * Declared, At(2), Now)]);

        Assert.Empty(Decide(grown with { Minute = At(1) })); // of before it
        var told = Assert.IsType<BandwidthExceeded>(Assert.Single(Decide(grown)));
        state = BandwidthState.Evolve(state, told);
        Assert.Empty(Decide(grown));
        Assert.Empty(Decide(grown with { Minute = At(4), BitsPerSecond = 4 * Declared }));
        var kept = Assert.IsType<BandwidthKept>(Assert.Single(Decide(grown with { Minute = At(6), BitsPerSecond = 0 })));
        Assert.Equal((At(2), 5 * Declared), (kept.Since, kept.PeakBitsPerSecond));
        state = BandwidthState.Evolve(state, kept);
        Assert.Empty(Decide(grown with { BitsPerSecond = 9 * Declared }));
        Assert.Equal(BandwidthState.Evolve(BandwidthState.Stream.Initial, kept), state); // what was before the end is forgotten with it
        Assert.Equal(typeof(BandwidthKept), BandwidthState.Stream.SettledBy);

        IReadOnlyList<BandwidthEvent> Decide(MeasureUse use) => ((Decision<BandwidthEvent>.Accepted)BandwidthDecider.Decide(state, use)).Events;
    }

    [Fact]
    public void Minutes_with_an_anomaly_say_nothing_whatever_they_had()
    {
        for (var minute = 0; minute < 10; minute++)
        {
            Play(minute, 60 * Declared * 50, isAttacked: true);
        }

        Assert.Empty(_recorded);
    }

    [Fact]
    public void A_process_that_takes_over_says_nothing_twice_and_ends_what_another_began()
    {
        Play(0, 60 * Declared * 2);
        Play(1, 60 * Declared * 2);
        var next = new DeclaredUse();
        for (var minute = 2; minute < 4; minute++)
        {
            Play(minute, 60 * Declared * 2, by: next);
        }

        Assert.Single(_recorded);
        for (var minute = 4; minute < 12; minute++)
        {
            Play(minute, 0, by: next);
        }

        Assert.IsType<BandwidthKept>(_recorded[^1]);
        Assert.Equal(2, _recorded.Count);
    }

    [Fact]
    public void A_process_that_adds_up_the_last_minutes_of_an_excess_that_is_over_begins_no_other_and_tells_the_next()
    {
        for (var minute = 0; minute < 12; minute++)
        {
            Play(minute, minute < 4 ? 60 * Declared * 2 : 0);
        }

        Assert.IsType<BandwidthKept>(_recorded[^1]);
        var next = new DeclaredUse();
        for (var minute = 2; minute < 15; minute++)
        {
            Play(minute, minute is < 4 or > 12 ? 60 * Declared * 2 : 0, by: next, thereSince: At(10)); // it hears telemetry since it is there
        }

        Assert.Equal(3, _recorded.Count);
        Assert.Equal(At(13), Assert.IsType<BandwidthExceeded>(_recorded[^1]).Since);
    }

    [Fact]
    public void A_pause_of_a_minute_does_not_end_it_and_begin_it_again()
    {
        for (var minute = 0; minute < 12; minute++)
        {
            Play(minute, minute % 3 == 0 ? 0 : 60 * Declared * 2);
        }

        Assert.Single(_recorded);
    }

    [Fact]
    public void Minutes_without_telemetry_do_not_end_it_and_what_follows_is_the_same_excess()
    {
        var judge = new AJudge(find: _ => Watched with { Thresholds = [new(TrafficVector.Total, null, 1_000_000)] });
        Receive(from: 0, seconds: 120, packets: 12_500); // of 100 bytes: 2,000,000 bit/s
        judge.Advance(TimeSpan.FromMinutes(8), isTelemetryThere: false);
        Receive(from: 600, seconds: 180, packets: 12_500);
        Assert.True(Assert.IsType<UseChanged>(Assert.Single(judge.Used)).Measured.IsAbove);

        Receive(from: 780, seconds: 420, packets: 1);
        Assert.Equal([true, false], judge.Used.Cast<UseChanged>().Select(use => use.Measured.IsAbove));

        void Receive(int from, int seconds, long packets)
        {
            for (var second = from; second < from + seconds; second++)
            {
                judge.Receive(AJudge.Second(second), packets);
                judge.Advance(TimeSpan.FromSeconds(1));
            }
        }
    }

    [Fact]
    public void A_customer_whose_only_host_has_a_tenth_more_than_is_declared_has_an_excess_and_no_attack()
    {
        const long declared = 1_000_000_000;
        var judge = new AJudge(find: _ => Watched with
        {
            Thresholds = ThresholdProfiles.Of(ThresholdProfiles.Generic, declared)!,
            Settings = new ObjectSettings(declared, ThresholdProfiles.Generic),
        });
        for (var second = 0; second < 180; second++)
        {
            var batch = new TrafficWindowBatch { ObjectId = AJudge.ObjectId.ToString(), Source = "ingestion-1", Sequence = (ulong)second + 1, SamplingRate = 1 };
            batch.Windows.Add(new HostWindow
            {
                Host = ByteString.CopyFrom(203, 0, 113, 10),
                Second = AJudge.Second(second),
                Total = new Counters { Packets = 100_000, Bytes = 137_500_000 }, // 1.1 Gbit/s
            });
            judge.Judge.Judge(batch, default, judge.Now);
            judge.Settle();
            judge.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Empty(judge.Recorded);
        Assert.Equal(1_100_000_000, Assert.IsType<UseChanged>(Assert.Single(judge.Used)).Measured.BitsPerSecond);
    }

    [Fact]
    public void What_the_object_sends_does_not_end_what_it_receives()
    {
        var judge = new AJudge(find: _ => Watched with
        {
            Thresholds = [new(TrafficVector.Total, null, 1_000_000, Direction: TrafficDirection.Out)],
        });
        judge.Sends(AJudge.Second(), packets: 1, "203.0.113.10");
        for (var second = 0; second < 12 * 60; second += 5)
        {
            judge.Receive(AJudge.Second(second), packets: 12_500); // of 100 bytes: 2,000,000 bit/s
            judge.Advance(TimeSpan.FromSeconds(5));
        }

        Assert.All(judge.Used.OfType<UseChanged>(), use => Assert.True(use.Measured.IsAbove));
        Assert.NotEmpty(judge.Used);
    }

    [Fact]
    public void Without_a_declared_bandwidth_there_is_nothing_to_exceed()
    {
        Play(0, 60 * Declared * 9, watched: Watched with { Settings = new ObjectSettings() });
        Play(1, 0, watched: Watched with { Settings = new ObjectSettings() });
        Assert.Empty(_said);
    }

    [Fact]
    public void An_object_that_shares_its_contract_says_nothing_alone_and_hands_its_minutes_on()
    {
        var shared = Watched with { IsShared = true };
        _use.Add(shared, Minute * 60, 60 * Declared * 2, isAttacked: false, _thereSince, Now);
        Assert.Equal(
            new UsedMinute(Watched.TenantId, Watched.ServiceCode, Watched.ObjectId, Minute, 60 * Declared * 2, IsAttacked: false),
            _use.Add(shared, (Minute + 1) * 60, 0, isAttacked: false, _thereSince, Now));
        Assert.Null(_use.End(shared, Minute + 2, _thereSince, Now)); // nothing came
    }

    /// <summary>A minute's bits come in its first second; it is judged when the next minute begins.</summary>
    private void Play(int minute, long bits, bool isAttacked = false, DeclaredUse? by = null, WatchedObject? watched = null, DateTimeOffset? thereSince = null)
    {
        if ((by ?? _use).Add(watched ?? Watched, (Minute + minute) * 60, bits, isAttacked, thereSince ?? _thereSince, Now) is { } use)
        {
            _said.Add(use);
            var said = Assert.IsType<UseChanged>(use);
            var events = ((Decision<BandwidthEvent>.Accepted)BandwidthDecider.Decide(_state, said.Measured, said.Peak)).Events;
            _recorded.AddRange(events);
            _state = events.Aggregate(_state, BandwidthState.Evolve);
        }
    }

    private static DateTimeOffset At(int minute) => DateTimeOffset.FromUnixTimeSeconds((Minute + minute) * 60);
}
