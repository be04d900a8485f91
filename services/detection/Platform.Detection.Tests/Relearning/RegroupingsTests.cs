using System.Net;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Relearning;
using Platform.EventStore;

namespace Platform.Detection.Tests.Relearning;

/// <summary>The record of a contract says since when an object has the addresses that it has now.</summary>
[Trait("Requirement", "R7")]
public sealed class RegroupingsTests
{
    private static readonly DateTimeOffset Noon = new(2030, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly (Guid Default, Guid Shop) Id = (new("01900000-0000-7000-8000-000000000001"), new("01900000-0000-7000-8000-000000000002"));
    private readonly List<ProtectedObjectEvent> _happened =
    [
        new ProtectedObjectAdded(
            new(Id.Default, "DP00000001", "default", Networks("203.0.113.0/24", "198.51.100.0/24"), [], 1, new ObjectSettings(1, ThresholdProfiles.Generic)), 1, Noon),
    ];

    [Fact]
    public void An_object_has_what_it_began_with_whatever_else_is_changed()
    {
        Happens(state => ProtectedObjectDecider.Decide(state, new ChangeThresholds(Id.Default, [new(TrafficVector.Total, null, 7)], null, Noon.AddHours(1), By: "operator", Reason: "why")));
        Assert.Null(Regroupings.Last(Id.Default, _happened));
    }

    [Theory]
    [InlineData("203.0.113.0/24")]
    [InlineData("203.0.113.0/25")] // `default` keeps its prefixes, and has no more what of them is the other's
    public void What_another_object_is_given_and_gives_back_are_changes_of_both(string prefix)
    {
        Add(Networks(prefix), Noon.AddHours(1));
        Assert.Equal((Noon.AddHours(1), null), (Regroupings.Last(Id.Default, _happened), Regroupings.Last(Id.Shop, _happened)));

        Happens(state => ProtectedObjectDecider.Decide(
            state, new ChangeGrouping(Id.Shop, "shop", Networks(prefix, "198.51.100.0/28"), null, "operator", "why", Noon.AddHours(2))));
        Assert.Equal((Noon.AddHours(2), Noon.AddHours(2)), (Regroupings.Last(Id.Default, _happened), Regroupings.Last(Id.Shop, _happened)));

        Happens(state => ProtectedObjectDecider.Decide(state, new RemoveObject(Id.Shop, null, "operator", "why", Noon.AddHours(3))));
        Assert.Equal(Noon.AddHours(3), Regroupings.Last(Id.Default, _happened));
    }

    [Fact]
    public void What_others_share_among_them_is_none_of_its_affairs()
    {
        Add(Networks("203.0.113.0/24"), Noon.AddHours(1));
        Happens(state => ProtectedObjectDecider.Decide(
            state, new AddObject(new("01900000-0000-7000-8000-000000000003"), "mail", Networks("203.0.113.0/25"), ThresholdProfiles.Generic, "operator", "why", Noon.AddHours(2))));
        Assert.Equal((Noon.AddHours(1), Noon.AddHours(2)), (Regroupings.Last(Id.Default, _happened), Regroupings.Last(Id.Shop, _happened)));
    }

    [Fact]
    public void A_contract_with_other_prefixes_is_another_ground()
    {
        var grown = ((ProtectedObjectAdded)_happened[0]).Content with { Prefixes = Networks("203.0.113.0/24"), Version = 2 };
        _happened.Add(new ContractFollowed(grown, 2, Noon.AddHours(1)));
        Assert.Equal(Noon.AddHours(1), Regroupings.Last(Id.Default, _happened));
    }

    private void Add(IReadOnlyList<IPNetwork> prefixes, DateTimeOffset at) => Happens(state =>
        ProtectedObjectDecider.Decide(state, new AddObject(Id.Shop, "shop", prefixes, ThresholdProfiles.Generic, "operator", "why", at)));

    private void Happens(Func<ProtectedObjectState, Decision<ProtectedObjectEvent>> decide) => _happened.AddRange(
        Assert.IsType<Decision<ProtectedObjectEvent>.Accepted>(decide(_happened.Aggregate(ProtectedObjectState.Stream.Initial, ProtectedObjectState.Evolve))).Events);

    private static IPNetwork[] Networks(params string[] prefixes) => [.. prefixes.Select(IPNetwork.Parse)];
}
