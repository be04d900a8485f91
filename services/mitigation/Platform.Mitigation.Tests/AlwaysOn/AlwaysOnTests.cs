using System.Net;
using Platform.Mitigation.AlwaysOn;
using Platform.Mitigation.Capacity;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Scrubbers;
using Platform.Testing;
using static Platform.Mitigation.Tests.Mitigations.AMitigation;

namespace Platform.Mitigation.Tests.AlwaysOn;

/// <summary>Orders of what stands always, and who finds room for how much.</summary>
public sealed class AlwaysOnTests
{
    private static readonly Guid Order = Guid.Parse("0190dddd-0000-7000-8000-000000000001");
    private static readonly AlwaysOnOrdered Ordered = new(Order, "DP00000001", "version 2 of the contract", Noon);
    private static readonly OrderAlwaysOn Asked = new("DP00000001", Contract, CanDivert: true, Order, Version: 2, Noon);
    private static readonly ScrubbingPool[] Pools =
        [new() { Name = "osaka", BitsPerSecond = 10_000 }, new() { Name = "tokyo", BitsPerSecond = 40_000 }];

    [Fact, Trait("Requirement", "R6")]
    public void It_is_ordered_once_and_cancelled_once()
    {
        When(state => AlwaysOnDecider.Decide(state, Asked)).Then(Ordered);
        When(state => AlwaysOnDecider.Decide(state, Asked), Ordered).ThenUnchanged();
        var cancel = new CancelAlwaysOn(3, Noon.AddDays(1));
        var cancelled = new AlwaysOnCancelled(Order, Ordered.ServiceCode, "version 3 of the contract", Noon.AddDays(1));
        When(state => AlwaysOnDecider.Decide(state, cancel), Ordered).Then(cancelled);
        When(state => AlwaysOnDecider.Decide(state, cancel), Ordered, cancelled).ThenUnchanged();
        When(state => AlwaysOnDecider.Decide(state, Asked), Ordered, cancelled).Then(Ordered);
    }

    [Fact, Trait("Requirement", "R27")]
    public void What_cannot_stand_is_refused_with_a_clear_answer()
    {
        When(state => AlwaysOnDecider.Decide(state, Asked with { CanDivert = false })).ThenRejected("nothing-diverts");
        When(state => AlwaysOnDecider.Decide(state, Asked with { Contract = Contract with { Ended = true } })).ThenRejected("contract-ended");
        When(state => AlwaysOnDecider.Decide(state, Asked with { Contract = new([IPNetwork.Parse("10.0.0.0/16")], Ended: false) }))
            .ThenRejected("too-many-routes");
    }

    [Theory]
    [InlineData("203.0.113.0/24", "203.0.113.0/24")]
    [InlineData("203.0.113.64/26", "203.0.113.64/26")]
    [InlineData("198.18.4.0/22", "198.18.4.0/24 198.18.5.0/24 198.18.6.0/24 198.18.7.0/24")]
    [InlineData("2001:db8::/47", "2001:db8::/48 2001:db8:1::/48")]
    public void A_prefix_that_is_too_wide_for_the_rails_is_diverted_in_parts(string prefix, string routes)
    {
        var parts = AlwaysOnDecider.Routes([IPNetwork.Parse(prefix)])!;
        Assert.Equal(routes.Split(' ').Order(StringComparer.Ordinal), parts.Select(it => it.ToString()).Order(StringComparer.Ordinal));
        Assert.All(parts, it => Assert.True(SafetyRails.WithinHardLimits(it)));
    }

    [Theory, Trait("Requirement", "R27")]
    [InlineData(1_000, true, 1_000)]
    [InlineData(1_000, false, 100)]
    [InlineData(1_001, false, 101)]
    public void Need_follows_from_what_was_declared_and_ordered_alone(long declared, bool alwaysOn, long need) =>
        Assert.Equal(need, Allocation.NeedOf(declared, alwaysOn, sharing: 10));

    [Fact, Trait("Requirement", "R26")]
    public void Each_contract_is_whole_in_one_pool_and_limit_use_and_headroom_are_known()
    {
        var (pools, unplaced) = Allocation.Of(Pools, [new("b", 8_000), new("a", 9_000), new("c", 30_000), new("d", 50_000)]);
        Assert.Equal([new PoolUse("osaka", 10_000, 9_000, 1), new PoolUse("tokyo", 40_000, 38_000, 2)], pools);
        Assert.Equal(50_000, unplaced);
    }

    [Fact, Trait("Requirement", "R40")]
    public void What_stands_in_a_pool_stays_there_whoever_comes_or_shrinks()
    {
        var (pools, unplaced, placed) = Allocation.Place(Pools, [new("a", 1_000), new("b", 9_000, Pool: "tokyo"), new("c", 9_000, Pool: "kyoto")]);
        Assert.Equal(("tokyo", "osaka", "osaka", 0), (placed["b"], placed["a"], placed["c"], unplaced)); // of a pool that is gone: anywhere
        Assert.Equal([10_000, 9_000], pools.Select(pool => pool.Used));
    }

    [Fact, Trait("Requirement", "R27")]
    public void What_fits_nowhere_is_not_admitted_and_a_lowered_limit_shuts_nobody_out_who_needs_no_more()
    {
        Need[] others = [new("a", 9_000), new("b", 38_000)];
        Assert.False(Allocation.Fits(Pools, others, new("c", 2_001)));
        Assert.True(Allocation.Fits(Pools, others, new("c", 2_000)));
        Assert.True(Allocation.Fits([], others, new("c", long.MaxValue / 2)));
        Assert.True(Allocation.Fits(Pools, [new("a", 90_000)], new("c", 40_000))); // a has no room as it is; c takes none from it
    }

    [Fact, Trait("Requirement", "R26"), Trait("Requirement", "R27")]
    public void What_stands_counts_where_it_stands_whatever_it_became_and_what_says_not_how_much_it_is_finds_no_room()
    {
        var (pools, unplaced, placed) = Allocation.Place(Pools, [new("a", 12_000, Pool: "osaka"), new("b", 1_000), new("c", 0)]);
        Assert.Equal([new PoolUse("osaka", 10_000, 12_000, 1), new PoolUse("tokyo", 40_000, 1_000, 1)], pools); // exceeded, and nobody else gets into it
        Assert.Equal((0, "tokyo", false), (unplaced, placed["b"], placed.ContainsKey("c")));
        Assert.False(Allocation.Fits(Pools, [], new("a", 12_000, Pool: "osaka"))); // its traffic does not move to where there would be room
        Assert.True(Allocation.Fits(Pools, [], new("a", 10_000, Pool: "osaka")));
    }

    private static Spec<AlwaysOnState, AlwaysOnEvent>.Outcome When(
        Func<AlwaysOnState, EventStore.Decision<AlwaysOnEvent>> decide, params AlwaysOnEvent[] given) =>
        Spec.For(AlwaysOnState.Stream).Given(given).When(decide);
}
