using System.Net;
using Google.Protobuf;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Mitigation.Effects;
using Platform.Mitigation.Mitigations;
using static Platform.Mitigation.Tests.Mitigations.AMitigation;

namespace Platform.Mitigation.Tests.Effects;

/// <summary>What a measurement says, and what follows from it.</summary>
[Trait("Requirement", "R2")]
public sealed class EffectTests
{
    private static readonly VectorEvidence Ntp = new("ntp", 80_000_000, 20_000, 8_000_000, null);
    private static readonly CountermeasureRequested Rule = new(
        DerivedId.For(Scope.MitigationId, "rule"),
        CountermeasureKind.FlowSpec,
        Target,
        Noon,
        new TrafficRule(Target, TrafficAction.Discard, Protocol: 17, SourcePort: NumberRange.Of(123)));

    private static readonly CountermeasureRequested Blackhole = new(CountermeasureId, CountermeasureKind.Blackhole, Target, Noon.AddSeconds(10));

    /// <summary>A rule that did not help, a blackhole that did, and the end of the attack.</summary>
    private static readonly MitigationEvent[] AtItsWidest =
    [
        new MitigationStarted(Scope.MitigationId, AnomalyId, Scope.ServiceCode, Target, Noon + MaximumDuration, Noon, [Ntp], Step: 0),
        Rule,
        new StepTaken(2, "FlowSpecDiscard left 80 of 80 Mbit/s after 10 s.", Noon.AddSeconds(10)),
        Blackhole,
        Announced,
        EndNoted,
    ];

    [Theory]
    [InlineData(80_000_000, "unchanged")]
    [InlineData(40_000_001, "unchanged")]
    [InlineData(40_000_000, "helped")]
    [InlineData(0, "helped")]
    public void Half_of_the_attack_is_the_measure(long arrives, string verdict) => Assert.Equal(verdict, EffectRules.Verdict([Ntp], Rate(arrives)));

    [Fact]
    public void What_is_allowed_anyway_may_arrive() => Assert.Equal(
        "helped", EffectRules.Verdict([Ntp with { ThresholdBitsPerSecond = 70_000_000 }], AttackRate.Of([Ntp with { ThresholdBitsPerSecond = 70_000_000 }], _ => 60_000_000)));

    [Fact]
    public void What_all_of_udp_may_have_is_too_much_of_ntp()
    {
        VectorEvidence[] evidence = [Ntp with { BitsPerSecond = 22_000_000, ThresholdBitsPerSecond = 5_000_000 }, new("udp", 22_000_000, 6_000, 20_000_000, null)];
        var during = AttackRate.Of(evidence, _ => 17_000_000);
        Assert.Equal((17_000_000, 12_000_000), (during.All, during.Beyond));
        Assert.Equal("unchanged", EffectRules.Verdict(evidence, during));
        Assert.Equal("unchanged", EffectRules.OfIdle(evidence, said: null, droppedByAll: 0, during)?.Verdict);
        Assert.Equal("helped", EffectRules.Verdict(evidence, AttackRate.Of(evidence, it => it.Vector == "ntp" ? 1_000_000 : 17_000_000))); // honest UDP
    }

    [Fact]
    public void Of_a_flood_of_short_packets_no_more_is_allowed_than_its_packets_say()
    {
        var flood = new VectorEvidence("udp", 358_400_000, 700_000, 500_000_000, 125_000); // 64 bytes each
        Assert.Equal("unchanged", EffectRules.Verdict([flood], AttackRate.Of([flood], it => it.BitsPerSecond)));
        Assert.Equal("The attack goes on: 358.4 Mbit/s are seen of it.", EffectRules.GoesOn([flood], it => it.BitsPerSecond));
        Assert.Null(EffectRules.GoesOn([flood], _ => 64_000_000)); // as many as are allowed
    }

    [Theory]
    [InlineData(0, 60_000_000, "unchanged")] // one of them is as it was
    [InlineData(0, 30_000_000, "helped")]
    [InlineData(40_000_000, 40_000_000, "unchanged")] // each half of the greatest, and together more than half
    public void Of_several_vectors_half_of_the_greatest_and_of_all_together_is_the_measure(long ntp, long icmp, string verdict)
    {
        VectorEvidence[] evidence = [Ntp, Ntp with { Vector = "icmp", BitsPerSecond = 60_000_000 }];
        Assert.Equal(verdict, EffectRules.Verdict(evidence, AttackRate.Of(evidence, it => it.Vector == "ntp" ? ntp : icmp)));
    }

    [Fact]
    public void What_is_part_of_another_vector_counts_once_and_goes_on_by_itself()
    {
        var (udp, total, fragment) = (Ntp with { Vector = "udp", BitsPerSecond = 90_000_000, ThresholdBitsPerSecond = 85_000_000 },
            Ntp with { Vector = "total", BitsPerSecond = 120_000_000 }, Ntp with { Vector = "fragment", BitsPerSecond = 100_000_000 });
        Assert.Equal((90_000_000, 90_000_000), Bits(EffectRules.Before([Ntp, udp])));
        Assert.Equal((120_000_000, 120_000_000), Bits(EffectRules.Before([total, Ntp, udp, fragment])));
        Assert.Equal((100_000_000, 190_000_000), Bits(EffectRules.Before([Ntp, udp, fragment]))); // so many are of other protocols too
        Assert.Equal((90_000_000, 90_000_000), Bits(EffectRules.Before([udp, fragment with { BitsPerSecond = 60_000_000 }])));
        Assert.NotNull(EffectRules.GoesOn([Ntp, udp], _ => 40_000_000)); // allowed as UDP, and five times as NTP
    }

    [Fact]
    public void Without_evidence_nothing_can_be_said() => Assert.Equal("unmeasured", EffectRules.Verdict([], new(1, 1, 1)));

    [Theory]
    [InlineData(70_000_000, 10_000_000, null, "helped")]
    [InlineData(72_000_000, 500_000_000, null, "helped")] // of a busy host most of what passes is honest
    [InlineData(20_000_000, 60_000_000, null, "unchanged")] // a drop in the bucket is no help
    [InlineData(500_000, 5_000_000, null, "helped")] // no more than is allowed anyway
    [InlineData(0, 60_000_000, null, "unchanged")]
    [InlineData(0, 1_000_000, null, null)] // no attack passes, nothing is dropped, and no flows were heard: nothing can be said
    [InlineData(0, 0, 0L, null)] // no attack anywhere
    [InlineData(0, 0, 78_000_000L, "not-seen")] // it goes on, and past the scrubbers comes nothing
    [InlineData(0, 1_000_000, 78_000_000L, "not-seen")]
    [InlineData(30_000_000, 500_000, 78_000_000L, "not-seen")] // most of it takes another way
    [InlineData(50_000_000, 500_000, 78_000_000L, "helped")]
    [InlineData(0, 60_000_000, 78_000_000L, "unchanged")]
    public void A_filter_helps_when_it_drops_most_or_little_passes_and_says_when_the_attack_does_not_come_past_it(
        long dropped, long passed, long? arrives, string? verdict) =>
        Assert.Equal(verdict, EffectRules.OfFilter([Ntp], new FilteredRate(dropped, passed), dropped, arrives is { } there ? Rate(there) : null)?.Verdict);

    [Theory]
    [InlineData(8, 9_000_000_000, "unmeasured")] // one packet
    [InlineData(5_000_000, 4_000_000, "helped")]
    [InlineData(0, 9_000_000_000, null)]
    public void A_filter_by_hand_that_no_anomaly_is_a_measure_of_helps_when_it_drops_most_of_what_comes_past_it(long dropped, long passed, string? verdict) =>
        Assert.Equal(verdict, EffectRules.OfFilter([], new FilteredRate(dropped, passed), dropped, arrives: null)?.Verdict);

    [Fact]
    public void Of_an_attack_that_went_down_while_a_filter_dropped_nothing_it_is_said_once_that_it_was_not_by_this_one()
    {
        Assert.Null(EffectRules.OfFilter([Ntp], new FilteredRate(0, 30_000_000), 0, Rate(7_000_000)));
        var said = EffectRules.OfIdle([Ntp], said: null, droppedByAll: 0, Rate(7_000_000))!;
        Assert.Equal(
            ("unmeasured", 7_000_000, "Not measured: nothing of the attack is dropped here, and it went down without that. 7 of 80 Mbit/s arrive."),
            (said.Verdict, said.DuringBitsPerSecond, said.Words));
        Assert.Equal(
            "Not measured: nothing of the attack is dropped here, others of the target's filters drop it. 78 of 80 Mbit/s arrive.",
            EffectRules.OfIdle([Ntp], said: null, droppedByAll: 70_000_000, Rate(78_000_000))!.Words);

        Assert.NotNull(EffectRules.OfIdle([Ntp], Said("unmeasured", EffectRules.Silence.Words), 0, Rate(1)));
        Assert.Null(EffectRules.OfIdle([Ntp], Said("unmeasured", said.Words), droppedByAll: 70_000_000, Rate(1)));
        Assert.Null(EffectRules.OfIdle([Ntp], Said("helped", "Most of what comes past the scrubbers is dropped."), 0, Rate(1))); // while it was there it did

    }

    [Fact]
    public void An_attack_that_is_half_of_what_it_was_and_of_which_nothing_is_dropped_goes_on()
    {
        var first = EffectRules.OfIdle([Ntp], said: null, droppedByAll: 0, Rate(30_000_000))!;
        Assert.Equal(
            ("unchanged", 30_000_000, "Nothing changed: nothing of the attack is dropped here, and 30 of 80 Mbit/s arrive."),
            (first.Verdict, first.DuringBitsPerSecond, first.Words));
        Assert.Equal("unchanged", EffectRules.OfIdle([Ntp], Said("unmeasured", EffectRules.WentDown.Words), 0, Rate(30_000_000))?.Verdict); // it is back
        Assert.Equal("unmeasured", EffectRules.OfIdle([Ntp], said: null, droppedByAll: 50_000_000, Rate(30_000_000))?.Verdict); // of others
        Assert.Null(EffectRules.OfIdle([Ntp], Said("helped", "It did."), 0, Rate(30_000_000))); // flows come later than what is dropped ends
    }

    private static AttackRate Rate(long ntp) => AttackRate.Of([Ntp], _ => ntp);

    private static (long Greatest, long All) Bits(AttackRate rate) => (rate.Greatest, rate.All);

    private static MeasuredEffect Said(string verdict, string words) => new(80_000_000, null, 0, 0, 1, 1, verdict, Words: words);

    [Fact]
    public void What_another_filter_of_the_same_target_drops_was_seen_all_the_same() => Assert.Null(
        EffectRules.OfFilter([Ntp], new FilteredRate(0, 500_000), droppedByAll: 70_000_000, arrives: Rate(78_000_000)));

    [Fact]
    public void What_is_said_is_said_in_words_with_its_figures()
    {
        Assert.Equal(
            "Nothing changed: 79 of 80 Mbit/s still arrive, beside 1.5 Mbit/s of other traffic.", EffectRules.OfRoute([Ntp], Rate(79_000_000), 1_500_000).Words);
        Assert.Equal(
            "60 of 140 Mbit/s still arrive, beside 5 Mbit/s of other traffic.",
            EffectRules.OfRoute([Ntp, Ntp with { Vector = "dns", BitsPerSecond = 60_000_000 }], new(30_000_000, 60_000_000, Beyond: 22_000_000), 5_000_000).Words);
        Assert.Equal(
            "Not seen: 78 Mbit/s of the attack arrive, and only 0.5 Mbit/s come past the scrubbers.",
            EffectRules.OfFilter([Ntp], new FilteredRate(0, 500_000), 0, Rate(78_000_000))!.Words);
        Assert.Equal("Not seen: no scrubber of osaka was heard for 10 s.", EffectRules.NobodyThere("osaka", TimeSpan.FromSeconds(10)).Words);
        Assert.Equal(
            "Scrubbing did not help within 12 s. Not seen: no scrubber was heard for 10 s.",
            EffectRules.Why(DefenseStepKind.Scrubbing, [EffectRules.NobodyThere(null, TimeSpan.FromSeconds(10)).Words], TimeSpan.FromSeconds(12)));
    }

    [Fact]
    public void Counters_that_begin_anew_are_no_rate_and_a_time_that_was_not_looked_at_has_none()
    {
        var looks = new ScrubbedTraffic();
        for (var second = 0; second <= 10; second++)
        {
            looks.Note(Noon.AddSeconds(second), droppedBytes: 1000 * second, passedBytes: 100 * second);
        }

        Assert.Equal(new FilteredRate(8000, 800), looks.Rate(Noon.AddSeconds(8), TimeSpan.FromSeconds(5)));
        Assert.Null(looks.Rate(Noon.AddSeconds(4), TimeSpan.FromSeconds(5)));
        looks.Note(Noon.AddSeconds(11), 0, 0);
        Assert.Null(looks.Rate(Noon.AddSeconds(11), TimeSpan.FromSeconds(5)));
    }

    [Fact]
    public void Silence_of_the_telemetry_is_told_from_quiet()
    {
        var traffic = new TargetTraffic();
        Assert.False(IsHeard(10)); // never heard
        foreach (var second in (int[])[1, 2, 3, 6, 7, 8])
        {
            traffic.Hear(DateTimeOffset.FromUnixTimeSeconds(second)); // also in the wrong order it would be the same
        }

        Assert.True(IsHeard(9));
        Assert.True(IsHeard(11));
        Assert.False(IsHeard(12)); // it ended with 8
        traffic.Hear(DateTimeOffset.FromUnixTimeSeconds(20));
        Assert.False(IsHeard(21)); // a break within the window
        for (var second = 21; second <= 26; second++)
        {
            traffic.Hear(DateTimeOffset.FromUnixTimeSeconds(second));
        }

        Assert.True(IsHeard(26));

        bool IsHeard(long until) =>
            traffic.IsHeard(DateTimeOffset.FromUnixTimeSeconds(until), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(3));
    }

    [Fact]
    public void A_step_of_which_one_part_helps_is_kept()
    {
        Assert.True(EffectRules.DidNotHelp(["unchanged", "unchanged"]));
        Assert.True(EffectRules.DidNotHelp(["unchanged", "not-seen"]));
        Assert.False(EffectRules.DidNotHelp(["not-seen", "unmeasured"]));
        Assert.False(EffectRules.DidNotHelp(["unchanged", "helped"]));
        Assert.False(EffectRules.DidNotHelp(["unchanged", null])); // not measured yet
        Assert.False(EffectRules.DidNotHelp([]));
    }

    [Fact]
    public void After_the_hold_the_widest_goes_and_the_narrower_is_held_once_more() => With(AtItsWidest)
        .When(state => MitigationDecider.Decide(state, Relieve(EndNoted.HeldUntil)))
        .Then(
            new SteppedBack(0, EndNoted.HeldUntil + Hold, EndNoted.HeldUntil),
            new CountermeasureDropped(
                Scope.ServiceCode, CountermeasureId, "The attack is over: one step back.", EndNoted.HeldUntil, WithdrawalReason.AnomalyEnded));

    [Fact]
    public void After_the_last_hold_everything_goes()
    {
        var steppedBack = new SteppedBack(0, EndNoted.HeldUntil + Hold, EndNoted.HeldUntil);
        var dropped = new CountermeasureDropped(Scope.ServiceCode, CountermeasureId, "x", EndNoted.HeldUntil, WithdrawalReason.AnomalyEnded);
        With([.. AtItsWidest, steppedBack, dropped])
            .When(state => MitigationDecider.Decide(state, Relieve(EndNoted.HeldUntil)))
            .ThenRejected("mitigation-still-held");
        With([.. AtItsWidest, steppedBack, dropped])
            .When(state => MitigationDecider.Decide(state, Relieve(steppedBack.HeldUntil)))
            .Then(new WithdrawalRequested(Scope.ServiceCode, WithdrawalReason.AnomalyEnded, null, steppedBack.HeldUntil));
    }

    [Fact]
    public void An_extension_before_the_end_holds_the_narrowest_step_until_then_and_what_is_wider_goes_one_hold_after_the_attack()
    {
        var (until, at) = (Noon.AddHours(4), EndNoted.HeldUntil);
        var extended = new MitigationExtended(Scope.ServiceCode, until, "they come back", Noon.AddMinutes(1));
        var dropped = new CountermeasureDropped(Scope.ServiceCode, CountermeasureId, "The attack is over: one step back.", at, WithdrawalReason.AnomalyEnded);
        MitigationEvent[] wide = [.. AtItsWidest[..^1], extended];
        With(wide).When(state => MitigationDecider.Decide(state, End)).Then(EndNoted);
        With([.. wide, EndNoted]).When(state => MitigationDecider.Decide(state, Relieve(at))).Then(new SteppedBack(0, until, at), dropped);
        With([.. wide, EndNoted, new SteppedBack(0, until, at), dropped])
            .When(state => MitigationDecider.Decide(state, Relieve(until.AddTicks(-1))))
            .ThenRejected("mitigation-still-held");

        // The wider stopped by hand within the hold: the narrowest is left all the same.
        With([.. wide, EndNoted, dropped with { Reason = WithdrawalReason.Operator }])
            .When(state => MitigationDecider.Decide(state, Relieve(at)))
            .Then(new SteppedBack(0, until, at));

        // Who extends when it is over sees what stands, and means all of it.
        With([.. AtItsWidest, extended]).When(state => MitigationDecider.Decide(state, Relieve(until.AddTicks(-1)))).ThenRejected("mitigation-still-held");
    }

    [Fact]
    public void What_goes_by_a_step_back_goes_because_the_attack_is_over() => With(
            [.. AtItsWidest, new CountermeasureDropped(Scope.ServiceCode, CountermeasureId, "x", EndNoted.HeldUntil, WithdrawalReason.AnomalyEnded)])
        .When(state => MitigationDecider.Decide(state, ReadGone()))
        .Then(new CountermeasureWithdrawn(Scope, CountermeasureId, WithdrawalReason.AnomalyEnded, Noon.AddMinutes(7)));

    [Fact]
    public void Nothing_steps_back_while_the_attack_goes_on() => With(AtItsWidest[..^1])
        .When(state => MitigationDecider.Decide(state, Relieve(Noon.AddHours(1))))
        .ThenRejected("anomaly-still-open");

    [Fact]
    public void The_last_word_comes_after_the_end_and_once()
    {
        var during = new MeasuredEffect(80_000_000, 100_000, null, null, null, null, "helped");
        MitigationEvent[] over =
        [
            .. AtItsWidest,
            new EffectMeasured(Scope, CountermeasureId, during, Noon.AddSeconds(20)),
            Withdrawing,
            .. Over,
        ];
        var said = new EffectMeasured(
            Scope, CountermeasureId, during with { AfterBitsPerSecond = 90_000, Words = "After it went 0.1 Mbit/s arrived." }, Noon.AddMinutes(8), IsFinal: true);
        var command = new NoteAftermath(CountermeasureId, 90_000, Noon.AddMinutes(8));
        With(over).When(state => MitigationDecider.Decide(state, command)).Then(said);
        With([.. over, said]).When(state => MitigationDecider.Decide(state, command)).ThenUnchanged();
        With(AtItsWidest).When(state => MitigationDecider.Decide(state, command)).ThenUnchanged(); // it still stands
    }

    [Fact]
    public void What_never_could_be_measured_says_so() => With([.. StartedAtNoon, Announced, Withdrawing, .. Over])
        .When(state => MitigationDecider.Decide(state, new NoteAftermath(CountermeasureId, null, Noon.AddMinutes(8))))
        .Then(new EffectMeasured(
            Scope, CountermeasureId, new MeasuredEffect(0, null, null, null, null, null, "unmeasured", Words: "What arrived after it went was not measured."), Noon.AddMinutes(8), IsFinal: true));

    [Fact]
    public void An_attack_that_goes_out_is_nobodys_blackhole()
    {
        var start = Start("203.0.113.10/32", Known, Ntp) with { IsOutgoing = true };
        With([]).When(state => MitigationDecider.Decide(state, start)).Then(new MitigationFailed(
            Scope,
            "203.0.113.10/32",
            "attack-goes-out",
            MitigationRejections.AttackGoesOut("203.0.113.10/32").Detail,
            Noon,
            start.Evidence));
    }

    [Fact]
    public void Traffic_is_added_up_by_second_and_vector_and_averaged_over_what_was_asked()
    {
        var traffic = new TargetTraffic();
        traffic.Watch(new HashSet<IPNetwork> { Target });
        traffic.Add(Batch("203.0.113.10", 1, udp: 1000, ntp: 600));
        traffic.Add(Batch("203.0.113.10", 1, udp: 500, ntp: 400)); // an increment of the same second
        traffic.Add(Batch("203.0.113.10", 2, udp: 500, ntp: 0));
        traffic.Add(Batch("203.0.113.11", 2, udp: 9999, ntp: 9999)); // a neighbour
        var end = DateTimeOffset.FromUnixTimeSeconds(3);

        Assert.Equal(1000 * 8 / 2, traffic.BitsPerSecond(Target, "ntp", end, TimeSpan.FromSeconds(2)));
        Assert.Equal(2000 * 8 / 2, traffic.BitsPerSecond(Target, "udp", end, TimeSpan.FromSeconds(2)));
        Assert.Equal(2000 * 8 / 2, traffic.BitsPerSecond(Target, "total", end, TimeSpan.FromSeconds(2))); // all of it
        Assert.Equal(500 * 8, traffic.BitsPerSecond(Target, "udp", end, TimeSpan.FromSeconds(1)));
        traffic.Watch(new HashSet<IPNetwork>());
        Assert.Equal(0, traffic.BitsPerSecond(Target, "udp", end, TimeSpan.FromSeconds(1)));
    }

    private static RelieveMitigation Relieve(DateTimeOffset at) => new(Scope.MitigationId, Hold, at);

    private static TrafficWindowBatch Batch(string host, long second, ulong udp, ulong ntp) => new()
    {
        Windows =
        {
            new HostWindow
            {
                Host = ByteString.CopyFrom(IPAddress.Parse(host).GetAddressBytes()),
                Second = second,
                Total = new Counters { Bytes = udp },
                Vectors =
                {
                    new VectorCounters { Vector = Vector.Udp, Counters = new Counters { Bytes = udp } },
                    new VectorCounters { Vector = Vector.Ntp, Counters = new Counters { Bytes = ntp } },
                },
            },
        },
    };
}
