using System.Net;
using Platform.Detection.ProtectedObjects;
using Platform.EventStore;
using Platform.Testing;

namespace Platform.Detection.Tests.ProtectedObjects;

/// <summary>A contract's prefixes under names: each in exactly one object.</summary>
[Trait("Requirement", "R17")]
public sealed class GroupingTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly Guid ContractId = Guid.Parse("0190bbbb-0000-7000-8000-000000000001");
    private static readonly Guid ShopId = Guid.Parse("0190cccc-0000-7000-8000-000000000001");
    private static readonly Guid OtherId = Guid.Parse("0190cccc-0000-7000-8000-000000000002");
    private static readonly IPNetwork First = IPNetwork.Parse("203.0.113.0/24");
    private static readonly IPNetwork Second = IPNetwork.Parse("198.51.100.0/24");
    private static readonly IPNetwork Part = IPNetwork.Parse("198.51.100.64/28");
    private static readonly IPNetwork Sixth = IPNetwork.Parse("2001:db8::/48");

    private static readonly ObjectContent Rest = new(
        ContractId, "DP00000001", "default", [First, Second, Sixth], Threshold.DefaultsFor(1_000_000_000), Version: 1,
        new ObjectSettings(1_000_000_000, "generic"));

    private static readonly ObjectContent Shop = new(
        ShopId, "DP00000001", "shop", [First], ThresholdProfiles.Of("web", 1_000_000_000)!, Version: 1, new ObjectSettings(1_000_000_000, "web"));

    private static readonly ObjectContent Left = Rest with { Prefixes = [Second, Sixth], Version = 2 };
    private static readonly ProtectedObjectAdded Signed = new(Rest, ContractVersion: 1, Noon);

    private static readonly ProtectedObjectAdded ShopAdded = new(
        Shop, 1, Noon, new SettingsChange("operator-7", "another team", Difference.Between(null, Shop)));

    [Fact]
    public void A_named_object_takes_its_prefixes_out_of_the_rest_and_says_who_and_why() => With(Signed)
        .When(state => ProtectedObjectDecider.Decide(state, Add()))
        .Then(ShopAdded, Grouped(Rest, Left));

    [Fact]
    public void Part_of_a_prefix_is_named_and_the_rest_keeps_the_whole_because_the_narrowest_counts() => With(Signed)
        .When(state => ProtectedObjectDecider.Decide(state, Add() with { Prefixes = [Part] }))
        .Then(ShopAdded with
        {
            Content = Shop with { Prefixes = [Part] },
            Change = ShopAdded.Change! with { Differences = Difference.Between(null, Shop with { Prefixes = [Part] }) },
        });

    [Fact]
    public void The_same_name_with_the_same_prefixes_is_added_once() => With(Signed, ShopAdded, Grouped(Rest, Left))
        .When(state => ProtectedObjectDecider.Decide(state, Add() with { ObjectId = OtherId }))
        .ThenUnchanged();

    [Theory]
    [InlineData("SHOP", "198.51.100.0/24", "web", "object-name-taken")]
    [InlineData("Default", "198.51.100.0/24", "web", "object-name-taken")]
    [InlineData(" ", "198.51.100.0/24", "web", "object-name-invalid")]
    [InlineData("a\nb", "198.51.100.0/24", "web", "object-name-invalid")]
    [InlineData("mail", "203.0.113.0/24", "web", "prefix-in-another-object")]
    [InlineData("mail", "192.0.2.0/24", "web", "prefix-not-of-contract")]
    [InlineData("mail", "198.51.0.0/16", "web", "prefix-not-of-contract")]
    [InlineData("mail", "", "web", "prefix-count-invalid")]
    [InlineData("mail", "198.51.100.0/24 198.51.100.0/24", "web", "prefix-count-invalid")]
    [InlineData("mail", "198.51.100.0/24", "casino", "profile-unknown")]
    public void What_cannot_be_grouped_is_refused(string name, string prefixes, string profile, string code) => With(Signed, ShopAdded, Grouped(Rest, Left))
        .When(state => ProtectedObjectDecider.Decide(
            state, Add() with { ObjectId = OtherId, Name = name, Prefixes = Parse(prefixes), Profile = profile }))
        .ThenRejected(code);

    [Fact]
    public void A_contract_that_is_not_watched_has_no_prefixes_to_name() => With()
        .When(state => ProtectedObjectDecider.Decide(state, Add()))
        .ThenRejected("contract-not-found");

    [Fact]
    public void An_ended_contract_has_none_either() => With(Signed, new ProtectedObjectRetired(ContractId, "DP00000001", Noon))
        .When(state => ProtectedObjectDecider.Decide(state, Add()))
        .ThenRejected("protected-object-retired");

    [Fact]
    public void Other_prefixes_and_another_name_are_its_next_version_and_the_rest_gets_back_what_it_gave_up()
    {
        var moved = Shop with { Name = "store", Prefixes = [Second], Version = 2 };
        var rest = Left with { Prefixes = [First, Sixth], Version = 3 };
        With(Signed, ShopAdded, Grouped(Rest, Left))
            .When(state => ProtectedObjectDecider.Decide(state, Regroup("store", Second)))
            .Then(Grouped(Shop, moved), Grouped(Left, rest));
    }

    [Fact]
    public void Whoever_gains_prefixes_comes_first()
    {
        var both = Shop with { Prefixes = [First, Second] };
        var added = ShopAdded with { Content = both };
        var (before, after) = (Rest with { Prefixes = [Sixth], Version = 2 }, Rest with { Prefixes = [Second, Sixth], Version = 3 });
        With(Signed, added, Grouped(Rest, before))
            .When(state => ProtectedObjectDecider.Decide(state, Regroup("shop", First)))
            .Then(Grouped(before, after), Grouped(both, Shop with { Version = 2 }));
    }

    [Fact]
    public void The_rest_cannot_be_grouped_and_not_be_removed()
    {
        With(Signed).When(state => ProtectedObjectDecider.Decide(state, Regroup("all", First) with { ObjectId = ContractId })).ThenRejected("default-object-stays");
        With(Signed).When(state => ProtectedObjectDecider.Decide(state, Remove() with { ObjectId = ContractId })).ThenRejected("default-object-stays");
    }

    [Fact]
    public void A_removed_object_gives_everything_back_and_its_last_version_says_why()
    {
        var (empty, whole) = (Shop with { Prefixes = [], Version = 2 }, Rest with { Version = 3 });
        With(Signed, ShopAdded, Grouped(Rest, Left))
            .When(state => ProtectedObjectDecider.Decide(state, Remove()))
            .Then(Grouped(Left, whole), Grouped(Shop, empty), new ProtectedObjectRetired(ShopId, "DP00000001", Noon));
        With(Signed, ShopAdded, Grouped(Rest, Left), Grouped(Left, whole), Grouped(Shop, empty), new ProtectedObjectRetired(ShopId, "DP00000001", Noon))
            .When(state => ProtectedObjectDecider.Decide(state, Remove()))
            .ThenUnchanged();
    }

    [Fact]
    public void A_removed_object_takes_no_changes_and_leaves_the_others_alone()
    {
        ProtectedObjectEvent[] removed =
            [Signed, ShopAdded, Grouped(Rest, Left), Grouped(Left, Rest with { Version = 3 }), new ProtectedObjectRetired(ShopId, "DP00000001", Noon)];
        With(removed).When(state => ProtectedObjectDecider.Decide(state, Regroup("shop", Second))).ThenRejected("protected-object-retired");
        With(removed).When(state => ProtectedObjectDecider.Decide(state, Add() with { ObjectId = OtherId })) // its name is free again
            .Then(
                ShopAdded with
                {
                    Content = Shop with { ObjectId = OtherId },
                },
                Grouped(Rest with { Version = 3 }, Left with { Version = 4 }));
    }

    [Fact]
    public void Who_saw_an_older_version_groups_nothing()
    {
        With(Signed, ShopAdded).When(state => ProtectedObjectDecider.Decide(state, Regroup("store", Second) with { ExpectedVersion = 9 }))
            .ThenRejected("thresholds-changed-meanwhile");
        With(Signed, ShopAdded).When(state => ProtectedObjectDecider.Decide(state, Remove() with { ExpectedVersion = 9 }))
            .ThenRejected("thresholds-changed-meanwhile");
    }

    [Fact]
    public void Grouping_needs_a_reason()
    {
        With(Signed).When(state => ProtectedObjectDecider.Decide(state, Add() with { Reason = " " })).ThenRejected("reason-invalid");
        With(Signed, ShopAdded).When(state => ProtectedObjectDecider.Decide(state, Regroup("store", Second) with { Reason = "" })).ThenRejected("reason-invalid");
        With(Signed, ShopAdded).When(state => ProtectedObjectDecider.Decide(state, Remove() with { Reason = "" })).ThenRejected("reason-invalid");
    }

    [Fact]
    public void A_changed_contract_takes_from_the_named_what_is_no_longer_its_own()
    {
        var two = Shop with { Prefixes = [First, Part] };
        With(Signed, ShopAdded with { Content = two }, Grouped(Rest, Left))
            .When(state => ProtectedObjectDecider.Decide(state, Contract(2, Second, Sixth)))
            .Then(
                new ContractFollowed(Left with { Version = 3 }, 2, Noon, [Second, Sixth]),
                new ContractFollowed(two with { Prefixes = [Part], Version = 2 }, 2, Noon, [Second, Sixth]));
    }

    [Fact]
    public void What_a_contract_gets_new_is_the_rests_and_an_object_that_lost_nothing_has_no_new_version() => With(Signed, ShopAdded, Grouped(Rest, Left))
        .When(state => ProtectedObjectDecider.Decide(state, Contract(2, First, Second, Sixth, IPNetwork.Parse("192.0.2.0/24"))))
        .Then(new ContractFollowed(
            Left with { Prefixes = [Second, Sixth, IPNetwork.Parse("192.0.2.0/24")], Version = 3 },
            2,
            Noon,
            [First, Second, Sixth, IPNetwork.Parse("192.0.2.0/24")]));

    [Fact]
    public void What_a_contract_lost_does_not_come_back_with_a_removed_object() => With(
            Signed,
            ShopAdded,
            Grouped(Rest, Left),
            new ContractFollowed(Left with { Version = 3 }, 2, Noon, [Second, Sixth]),
            new ContractFollowed(Shop with { Prefixes = [], Version = 2 }, 2, Noon, [Second, Sixth]))
        .When(state => ProtectedObjectDecider.Decide(state, Remove()))
        .Then(
            new ThresholdsChanged(
                Shop with { Prefixes = [], Version = 3 }, Noon, SettingsChangeKind.Grouped, new SettingsChange("operator-7", "another team", [])),
            new ProtectedObjectRetired(ShopId, "DP00000001", Noon));

    [Fact]
    public void Objects_end_with_their_contract() => With(Signed, ShopAdded, Grouped(Rest, Left))
        .When(state => ProtectedObjectDecider.Decide(state, new RetireObjects(ContractId, "DP00000001", Noon)))
        .Then(new ProtectedObjectRetired(ShopId, "DP00000001", Noon), new ProtectedObjectRetired(ContractId, "DP00000001", Noon));

    [Fact]
    public void A_past_version_is_restored_with_its_name_and_prefixes()
    {
        var moved = Shop with { Name = "store", Prefixes = [Second], Version = 2 };
        var rest = Left with { Prefixes = [First, Sixth], Version = 3 };
        With(Signed, ShopAdded, Grouped(Rest, Left), Grouped(Shop, moved), Grouped(Left, rest))
            .When(state => ProtectedObjectDecider.Decide(state, Restore()))
            .Then(
                Grouped(moved, Shop with { Version = 3 }) with { Kind = SettingsChangeKind.Restored },
                Grouped(rest, Rest with { Prefixes = [Second, Sixth], Version = 4 }));
    }

    [Theory]
    [InlineData("203.0.113.0/24", "203.0.113.0/24")]
    [InlineData("192.0.2.0/24", "198.51.100.64/28")] // of the past ones nothing is left: those of now stay
    public void A_past_version_is_restored_without_prefixes_that_the_contract_lost(string kept, string restored)
    {
        var past = Shop with { Prefixes = [First, IPNetwork.Parse("192.0.2.128/25")] };
        var mistaken = past with { Prefixes = [First, Part], Thresholds = ThresholdProfiles.Of("game", 1_000_000_000)!, Version = 2 };
        var now = mistaken with { Prefixes = kept == $"{First}" ? [First, Part] : [Part], Version = 3 };
        if (kept == "192.0.2.0/24")
        {
            past = past with { Prefixes = [First] };
        }

        IPNetwork[] contract = [IPNetwork.Parse(kept), Second];
        var rest = Left with { Prefixes = [.. contract.Except([First])], Version = 3 };
        With(
            Signed,
            ShopAdded with { Content = past },
            Grouped(past, mistaken),
            new ContractFollowed(rest, 2, Noon, contract),
            new ContractFollowed(now, 2, Noon, contract))
            .When(state => ProtectedObjectDecider.Decide(state, Restore()))
            .Then(Grouped(now, past with { Prefixes = [IPNetwork.Parse(restored)], Version = 4 }) with { Kind = SettingsChangeKind.Restored });
    }

    [Fact]
    public void A_past_version_whose_prefixes_another_object_has_now_is_not_restored()
    {
        var moved = Shop with { Prefixes = [Second], Version = 2 };
        var other = Shop with { ObjectId = OtherId, Name = "mail" };
        With(Signed, ShopAdded, Grouped(Shop, moved), ShopAdded with { Content = other })
            .When(state => ProtectedObjectDecider.Decide(state, Restore()))
            .ThenRejected("prefix-in-another-object");
    }

    [Fact]
    public void Each_object_has_thresholds_and_versions_of_its_own() => With(Signed, ShopAdded, Grouped(Rest, Left))
        .When(state => ProtectedObjectDecider.Decide(state, new ChooseProfile(ShopId, "game", 1, "operator-7", "another team", Noon)))
        .Then(Grouped(
            Shop,
            Shop with { Thresholds = ThresholdProfiles.Of("game", 1_000_000_000)!, Settings = new ObjectSettings(1_000_000_000, "game"), Version = 2 })
            with { Kind = SettingsChangeKind.Profile });

    /// <summary>Whatever is grouped in whatever order: every prefix of the contract is in one object, and in no second one.</summary>
    [Fact]
    public void No_order_of_changes_loses_a_prefix_or_gives_it_twice()
    {
        IPNetwork[] all = [First, Second, Sixth, IPNetwork.Parse("192.0.2.0/25"), IPNetwork.Parse("192.0.2.128/25")];
        for (var seed = 1; seed <= 200; seed++)
        {
            var random = new Random(seed);
            IReadOnlyList<IPNetwork> contract = all;
            var state = ProtectedObjectState.Evolve(
                ProtectedObjectState.Stream.Initial, new ProtectedObjectAdded(Rest with { Prefixes = all }, 1, Noon));
            for (var step = 0; step < 40; step++)
            {
                IPNetwork[] some = [.. all.Where(_ => random.Next(3) == 0)];
                var ids = state.Objects.Keys.Order().ToArray();
                var id = ids[random.Next(ids.Length)];
                var decision = random.Next(5) switch
                {
                    0 => ProtectedObjectDecider.Decide(state, Add() with { ObjectId = new Guid(seed, (short)step, 1, new byte[8]), Name = $"n{step}", Prefixes = some }),
                    1 => ProtectedObjectDecider.Decide(state, Regroup($"r{step}", some) with { ObjectId = id }),
                    2 => ProtectedObjectDecider.Decide(state, Remove() with { ObjectId = id }),
                    3 => ProtectedObjectDecider.Decide(state, Restore() with { ObjectId = id }),
                    _ => ProtectedObjectDecider.Decide(
                        state, Contract(step + 2, [.. contract = some.Length == 0 ? contract : [.. all.Where(prefix => some.Contains(prefix) || random.Next(2) == 0)]])),
                };
                if (decision is Decision<ProtectedObjectEvent>.Accepted { Events: var happened })
                {
                    state = happened.Aggregate(state, ProtectedObjectState.Evolve);
                }

                var watched = state.Objects.Values.Where(content => !state.Retired.Contains(content.ObjectId)).SelectMany(content => content.Prefixes).ToArray();
                Assert.Equal(contract.Order(ByText), watched.Order(ByText));
            }
        }
    }

    private static readonly Comparer<IPNetwork> ByText = Comparer<IPNetwork>.Create((left, right) => string.CompareOrdinal(left.ToString(), right.ToString()));

    private static AddObject Add() => new(ShopId, "shop", [First], "web", "operator-7", "another team", Noon);

    private static ChangeGrouping Regroup(string name, params IPNetwork[] prefixes) => new(ShopId, name, prefixes, null, "operator-7", "another team", Noon);

    private static RemoveObject Remove() => new(ShopId, null, "operator-7", "another team", Noon);

    private static RestoreVersion Restore() => new(ShopId, 1, null, "operator-7", "another team", Noon);

    private static FollowContract Contract(long version, params IPNetwork[] prefixes) => new(ContractId, "DP00000001", prefixes, 1_000_000_000, version, Noon);

    private static IPNetwork[] Parse(string prefixes) => [.. prefixes.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(prefix => IPNetwork.Parse(prefix))];

    private static ThresholdsChanged Grouped(ObjectContent before, ObjectContent after) => new(
        after, Noon, SettingsChangeKind.Grouped, new SettingsChange("operator-7", "another team", Difference.Between(before, after)));

    private static Spec<ProtectedObjectState, ProtectedObjectEvent> With(params IEnumerable<ProtectedObjectEvent> happened) =>
        Spec.For(ProtectedObjectState.Stream).Given(happened);
}
