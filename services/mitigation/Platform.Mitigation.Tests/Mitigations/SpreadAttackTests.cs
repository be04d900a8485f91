using System.Net;
using Platform.EventStore;
using Platform.Mitigation.Mitigations;
using static Platform.Mitigation.Tests.Mitigations.AMitigation;

namespace Platform.Mitigation.Tests.Mitigations;

/// <summary>A carpet over several prefixes of a customer is defended at each of them, within the rails.</summary>
public sealed class SpreadAttackTests
{
    private static readonly IPNetwork One = IPNetwork.Parse("203.0.113.0/24");
    private static readonly IPNetwork Two = IPNetwork.Parse("198.51.100.0/24");
    private static readonly IPNetwork Three = IPNetwork.Parse("2001:db8:0:7::/64");
    private static readonly IPNetwork Strange = IPNetwork.Parse("192.0.2.0/24");

    private static readonly Defense OfAll = Known with
    {
        Contract = new ContractScope([One, Two, IPNetwork.Parse("2001:db8::/48")], Ended: false),
        Means = WithFlowSpec,
    };

    private static readonly VectorEvidence Ntp = new("ntp", 80_000_000, 20_000, 1_000_000, null);
    private static readonly VectorEvidence Udp = new("udp", 800_000_000, 200_000, 80_000_000, null);

    [Fact, Trait("Requirement", "R1"), Trait("Requirement", "R2")]
    public void Each_prefix_that_is_named_has_its_rules() => Assert.Equal([One, Two, Three], Requested(Decide(OfAll, On(Ntp, (One, 0.5), (Two, 0.3), (Three, 0.2)))).Select(it => it.Prefix));

    [Fact, Trait("Requirement", "R2")]
    public void All_limits_together_let_no_more_through_than_the_threshold()
    {
        Assert.Equal([7_000_000, 3_000_000], Limits((One, 0.7), (Two, 0.3)));
        Assert.Equal([8_000_000, 2_000_000], Limits((One, 0.5), (Two, 0))); // a quarter of an equal part at least: there is honest traffic too

        long[] Limits(params (IPNetwork, double)[] prefixes) => [.. Requested(Decide(OfAll, On(Udp, prefixes))).Select(it => it.Rule!.BytesPerSecond!.Value)];
    }

    [Fact, Trait("Requirement", "R2")]
    public void A_prefix_that_a_rail_refuses_is_left_out_and_that_is_said()
    {
        var happened = Decide(OfAll, On(Ntp, (Strange, 0.6), (One, 0.3), (IPNetwork.Parse("203.0.112.0/23"), 0.1)));
        Assert.Equal([One], Requested(happened).Select(it => it.Prefix));
        Assert.Equal(One, Assert.IsType<MitigationStarted>(happened[0]).Target);
        var said = Assert.Single(happened.OfType<StepRefused>());
        Assert.Equal("target-outside-prefixes", said.Code);
        Assert.StartsWith("2 of 3 attacked prefixes are not defended (192.0.2.0/24, 203.0.112.0/23): ", said.Detail, StringComparison.Ordinal);
    }

    [Fact, Trait("Requirement", "R2")]
    public void Where_there_is_room_for_some_the_largest_are_defended_and_the_others_are_said()
    {
        var happened = Decide(OfAll with { MostPrefixes = 1, NoMore = SlotAnswer.TenantFull }, On(Ntp, (One, 0.3), (Two, 0.5), (Three, 0.2)));
        Assert.Equal([Two], Requested(happened).Select(it => it.Prefix));
        Assert.Equal("tenant-cap-reached", Assert.Single(happened.OfType<StepRefused>()).Code);
    }

    [Fact, Trait("Requirement", "R2")]
    public void None_that_may_be_defended_is_a_refusal_with_its_code()
    {
        var failed = Assert.IsType<MitigationFailed>(Assert.Single(Decide(OfAll with { Rails = Rails with { KillSwitchEngaged = true } }, On(Ntp, (One, 0.6), (Two, 0.4)))));
        Assert.Equal("kill-switch-engaged", failed.Code);
        Assert.Equal(2, failed.Evidence![0].Prefixes!.Count); // it is asked again with all of them
    }

    [Fact, Trait("Requirement", "R2")]
    public void A_blackhole_is_for_hosts_and_no_step_leaves_some_prefixes_undefended()
    {
        var blackholes = OfAll with { Means = Blackholes };
        var (first, second) = (IPNetwork.Parse("203.0.113.1/32"), IPNetwork.Parse("198.51.100.2/32"));
        Assert.Equal([first, second], Requested(Decide(blackholes, On(Ntp, (first, 0.6), (second, 0.4)))).Select(it => it.Prefix));
        Assert.Equal("blackhole-wider-than-host", Assert.IsType<MitigationFailed>(Assert.Single(Decide(blackholes, On(Ntp, (One, 0.6), (second, 0.4))))).Code);
    }

    [Fact, Trait("Requirement", "R1"), Trait("Requirement", "R2")]
    public void A_prefix_that_the_attack_reaches_later_gains_its_rules_once_and_what_stands_stays()
    {
        var started = Decide(OfAll, new StartMitigation(Scope, One.ToString(), [Ntp], OfAll, Noon));
        var state = started.Aggregate(MitigationState.Stream.Initial, MitigationState.Evolve);
        var more = new NoteEvidence(Scope.MitigationId, On(Ntp, (One, 0.5), (Two, 0.5), (Strange, 0.1)), OfAll, Noon.AddMinutes(1));
        Assert.True(MitigationDecider.SaysMore(state, more.Evidence));

        var grown = Accepted(MitigationDecider.Decide(state, more));
        Assert.Equal([Two], Requested(grown).Select(it => it.Prefix));
        state = grown.Aggregate(state, MitigationState.Evolve);
        Assert.Empty(Accepted(MitigationDecider.Decide(state, more)));
    }

    private static IReadOnlyList<VectorEvidence> On(VectorEvidence vector, params (IPNetwork Prefix, double Share)[] prefixes) =>
        [vector with { Prefixes = [.. prefixes.Select(it => new AttackedPrefix(it.Prefix, it.Share))] }];

    private static IReadOnlyList<MitigationEvent> Decide(Defense defense, IReadOnlyList<VectorEvidence> evidence) => Decide(
        defense, new StartMitigation(Scope, evidence[0].Prefixes![0].Prefix.ToString(), evidence, defense, Noon));

    private static IReadOnlyList<MitigationEvent> Decide(Defense _, StartMitigation start) => Accepted(MitigationDecider.Decide(MitigationState.Stream.Initial, start));

    private static IReadOnlyList<MitigationEvent> Accepted(Decision<MitigationEvent> decision) => Assert.IsType<Decision<MitigationEvent>.Accepted>(decision).Events;

    private static IEnumerable<CountermeasureRequested> Requested(IReadOnlyList<MitigationEvent> happened) => happened.OfType<CountermeasureRequested>();
}
