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

        Assert.Equal(2, _recorded.Count);
        var began = Assert.IsType<BandwidthExceeded>(_recorded[0]);
        Assert.Equal((2 * Declared, Declared, At(1)), (began.BitsPerSecond, began.DeclaredBitsPerSecond, began.Since));
        var ended = Assert.IsType<BandwidthKept>(_recorded[1]);
        Assert.Equal((3 * Declared, At(1), At(4)), (ended.PeakBitsPerSecond, ended.Since, ended.Until));
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
    public void A_pause_of_a_minute_does_not_end_it_and_begin_it_again()
    {
        for (var minute = 0; minute < 12; minute++)
        {
            Play(minute, minute % 3 == 0 ? 0 : 60 * Declared * 2);
        }

        Assert.Single(_recorded);
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
        _use.Add(shared, Minute * 60, 60 * Declared * 2, isAttacked: false, Now);
        Assert.Equal(
            new UsedMinute(Watched.TenantId, Watched.ServiceCode, Watched.ObjectId, Minute, 60 * Declared * 2, IsAttacked: false),
            _use.Add(shared, (Minute + 1) * 60, 0, isAttacked: false, Now));
        Assert.Null(_use.End(shared, Minute + 2, Now)); // nothing came
    }

    /// <summary>A minute's bits come in its first second; it is judged when the next minute begins.</summary>
    private void Play(int minute, long bits, bool isAttacked = false, DeclaredUse? by = null, WatchedObject? watched = null)
    {
        if ((by ?? _use).Add(watched ?? Watched, (Minute + minute) * 60, bits, isAttacked, Now) is { } use)
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
