using System.Net;
using Platform.Detection.ProtectedObjects;
using Platform.Testing;

namespace Platform.Detection.Tests.ProtectedObjects;

public sealed class ProtectedObjectTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly Guid ContractId = Guid.Parse("0190bbbb-0000-7000-8000-000000000001");
    private static readonly IPNetwork[] Prefixes = [IPNetwork.Parse("203.0.113.0/24"), IPNetwork.Parse("2001:db8::/48")];
    private static readonly IPNetwork[] OtherPrefixes = [IPNetwork.Parse("198.51.100.0/24")];
    private static readonly Threshold[] OwnThresholds = [new(TrafficVector.Total, 5_000_000, null), new(TrafficVector.TcpSyn, null, 500)];

    private static readonly ObjectContent Content = new(
        ContractId, "DP00000001", "default", Prefixes, Threshold.DefaultsFor(1_000_000_000), Version: 1,
        new ObjectSettings(1_000_000_000, "generic"));

    private static readonly ObjectContent Own = Content with { Thresholds = OwnThresholds, Settings = new ObjectSettings(1_000_000_000) };

    private static readonly ProtectedObjectAdded Added = new(Content, ContractVersion: 1, Noon);
    private static readonly ProtectedObjectRetired Retired = new(ContractId, "DP00000001", Noon);

    [Fact]
    public void A_signed_contract_is_watched_with_thresholds_from_its_bandwidth() => With()
        .When(state => ProtectedObjectDecider.Decide(state, Contract(version: 1)))
        .Then(Added);

    [Fact]
    public void Thresholds_to_begin_with_watch_every_level_and_never_start_at_nothing()
    {
        Assert.All(ThresholdProfiles.Names, profile =>
        {
            var thresholds = ThresholdProfiles.Of(profile, 1)!;
            Assert.All(Enum.GetValues<WatchLevel>(), level => Assert.Superset(
                new HashSet<TrafficVector> { TrafficVector.Total, TrafficVector.Udp, TrafficVector.Icmp, TrafficVector.TcpSyn },
                thresholds.Where(threshold => threshold.Level == level).Select(threshold => threshold.Vector).ToHashSet()));
            Assert.All(thresholds, threshold => Assert.True(threshold.PacketsPerSecond >= 1_000));
            Assert.Equal(thresholds.Count, thresholds.DistinctBy(threshold => (threshold.Vector, threshold.Level)).Count());
        });
    }

    [Fact]
    public void Thresholds_of_wider_levels_stay_when_only_those_of_hosts_are_changed() => With(Added)
        .When(state => ProtectedObjectDecider.Decide(state, Change(OwnThresholds) with { Wider = null }))
        .Then(new ThresholdsChanged(
            Own with { Thresholds = [.. OwnThresholds, .. Content.Thresholds.Where(threshold => !threshold.IsOfHosts)], Version = 2 }, Noon));

    [Fact]
    public void A_contract_signed_twice_is_watched_once() => With(Added)
        .When(state => ProtectedObjectDecider.Decide(state, Contract(version: 1)))
        .ThenUnchanged();

    [Fact]
    public void A_changed_contract_brings_its_prefixes_and_leaves_the_thresholds() => With(Added)
        .When(state => ProtectedObjectDecider.Decide(state, Contract(version: 2, OtherPrefixes)))
        .Then(new ContractFollowed(Content with { Prefixes = OtherPrefixes, Version = 2 }, 2, Noon));

    [Fact]
    public void A_change_that_comes_before_the_contract_brings_it_into_being() => With()
        .When(state => ProtectedObjectDecider.Decide(state, Contract(version: 2, OtherPrefixes)))
        .Then(new ProtectedObjectAdded(Content with { Prefixes = OtherPrefixes }, 2, Noon));

    [Fact]
    public void An_older_version_of_the_contract_that_comes_late_is_not_followed() => With(
            Added, new ContractFollowed(Content with { Version = 2 }, ContractVersion: 3, Noon))
        .When(state => ProtectedObjectDecider.Decide(state, Contract(version: 2, OtherPrefixes)))
        .ThenUnchanged();

    [Fact]
    public void An_ended_contract_is_no_longer_watched() => With(Added)
        .When(state => ProtectedObjectDecider.Decide(state, new RetireObject(ContractId, "DP00000001", Noon)))
        .Then(Retired);

    [Fact]
    public void A_contract_ended_twice_is_retired_once() => With(Added, Retired)
        .When(state => ProtectedObjectDecider.Decide(state, new RetireObject(ContractId, "DP00000001", Noon)))
        .ThenUnchanged();

    [Fact]
    public void An_end_that_comes_before_the_contract_is_remembered() => With()
        .When(state => ProtectedObjectDecider.Decide(state, new RetireObject(ContractId, "DP00000001", Noon)))
        .Then(Retired);

    [Fact]
    public void A_contract_that_comes_after_its_end_is_never_watched() => With(Retired)
        .When(state => ProtectedObjectDecider.Decide(state, Contract(version: 1)))
        .ThenUnchanged();

    [Fact, Trait("Requirement", "R17")]
    public void Other_thresholds_are_a_new_version_with_the_whole_configuration() => With(Added)
        .When(state => ProtectedObjectDecider.Decide(state, Change(OwnThresholds)))
        .Then(new ThresholdsChanged(Own with { Version = 2 }, Noon));

    [Fact]
    public void The_same_thresholds_in_another_order_change_nothing() => With(
            Added, new ThresholdsChanged(Own with { Version = 2 }, Noon))
        .When(state => ProtectedObjectDecider.Decide(state, Change([.. OwnThresholds.Reverse()])))
        .ThenUnchanged();

    [Fact]
    public void Thresholds_set_by_hand_survive_a_change_of_the_contract() => With(
            Added, new ThresholdsChanged(Own with { Version = 2 }, Noon))
        .When(state => ProtectedObjectDecider.Decide(state, Contract(version: 2, OtherPrefixes)))
        .Then(new ContractFollowed(
            Own with { Prefixes = OtherPrefixes, Version = 3 }, 2, Noon));

    [Fact]
    public void Who_saw_an_older_version_is_told_so() => With(
            Added, new ThresholdsChanged(Own with { Version = 2 }, Noon))
        .When(state => ProtectedObjectDecider.Decide(state, Change([OwnThresholds[0]], expectedVersion: 1)))
        .ThenRejected("thresholds-changed-meanwhile");

    [Fact]
    public void Who_saw_the_newest_version_may_change_it() => With(Added)
        .When(state => ProtectedObjectDecider.Decide(state, Change(OwnThresholds, expectedVersion: 1)))
        .Then(new ThresholdsChanged(Own with { Version = 2 }, Noon));

    [Fact]
    public void An_object_that_nobody_watches_has_no_thresholds_to_change() => With()
        .When(state => ProtectedObjectDecider.Decide(state, Change(OwnThresholds)))
        .ThenRejected("protected-object-not-found");

    [Fact]
    public void A_retired_object_keeps_its_thresholds() => With(Added, Retired)
        .When(state => ProtectedObjectDecider.Decide(state, Change(OwnThresholds)))
        .ThenRejected("protected-object-retired");

    public static TheoryData<string> InvalidThresholds => new("none", "the same vector twice", "no rate", "a rate of nothing", "a negative rate");

    [Theory]
    [MemberData(nameof(InvalidThresholds))]
    public void Thresholds_that_make_no_sense_are_refused(string fault)
    {
        Threshold[] thresholds = fault switch
        {
            "none" => [],
            "the same vector twice" => [new(TrafficVector.Udp, 1, null), new(TrafficVector.Udp, 2, null)],
            "no rate" => [new(TrafficVector.Udp, null, null)],
            "a rate of nothing" => [new(TrafficVector.Udp, 0, 5)],
            _ => [new(TrafficVector.Udp, null, -1)],
        };
        With(Added).When(state => ProtectedObjectDecider.Decide(state, Change(thresholds))).ThenRejected("thresholds-invalid");
    }

    private static Spec<ProtectedObjectState, ProtectedObjectEvent> With(params IEnumerable<ProtectedObjectEvent> happened) =>
        Spec.For(ProtectedObjectState.Stream).Given(happened);

    private static FollowContract Contract(long version, IPNetwork[]? prefixes = null) =>
        new(ContractId, "DP00000001", prefixes ?? Prefixes, 1_000_000_000, version, Noon);

    private static ChangeThresholds Change(Threshold[] thresholds, long? expectedVersion = null) =>
        new(ContractId, thresholds, expectedVersion, Noon, Wider: []);
}
