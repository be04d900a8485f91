using System.ComponentModel.DataAnnotations;
using System.Net;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.Tests.Bgp;

public sealed class BgpOptionsTests
{
    private static readonly SpeakerOptions Edge = new() { Name = "edge", Address = new Uri("http://127.0.0.1:50051") };

    [Fact]
    public void One_speaker_with_name_and_address_is_enough() => Assert.Empty(Faults(new BgpOptions { Speakers = [Edge] }));

    [Fact]
    public void A_blackhole_carries_the_well_known_communities_and_like_a_diversion_stays_in_the_network_unless_told_otherwise()
    {
        Assert.Equal("203.0.113.10/32 community 65535:666 65535:65281", Route(CountermeasureKind.Blackhole, []));
        Assert.Equal("203.0.113.10/32 community 64500:666", Route(CountermeasureKind.Blackhole, ["64500:666"]));
        Assert.Contains("community 65535:65281", Route(CountermeasureKind.Diversion, [], whole: true), StringComparison.Ordinal);
        Assert.Contains("community 64500:1", Route(CountermeasureKind.Diversion, ["64500:1"], whole: true), StringComparison.Ordinal);

        static string Route(CountermeasureKind kind, string[] communities, bool whole = false)
        {
            var options = new SpeakerOptions
            {
                Name = "edge", Address = Edge.Address, DiversionNextHopIPv4 = "192.0.2.50", BlackholeCommunities = communities, DiversionCommunities = communities,
            };
            using var speaker = new BgpSpeaker(options, identifier: 1, TimeSpan.FromSeconds(1), pools: []);
            var route = speaker.RouteFor(new CountermeasureSpec(kind, IPNetwork.Parse("203.0.113.10/32")), DateTimeOffset.UnixEpoch)!;
            return whole ? route.Effect : route.ToString();
        }
    }

    public static TheoryData<string> Wrong => new(
        "no speaker", "two of one name", "no name", "no address", "IPv6 as IPv4 next hop", "IPv4 as IPv6 next hop", "an octal next hop", "a community of text",
        "a community too great", "a preference below nothing", "a timeout of nothing", "an interval of an hour", "an identifier of 0");

    [Theory]
    [MemberData(nameof(Wrong))]
    public void What_cannot_work_is_refused_with_the_setting_named(string fault)
    {
        var (options, setting) = fault switch
        {
            "no speaker" => (new BgpOptions(), nameof(BgpOptions.Speakers)),
            "two of one name" => (new BgpOptions { Speakers = [Edge, Edge] }, nameof(BgpOptions.Speakers)),
            "no name" => (With(new() { Address = Edge.Address }), "Speakers:0:Name"),
            "no address" => (With(new() { Name = "edge" }), "Speakers:0:Address"),
            "IPv6 as IPv4 next hop" => (With(new() { Name = "edge", Address = Edge.Address, NextHopIPv4 = "100::1" }), "Speakers:0:NextHopIPv4"),
            "IPv4 as IPv6 next hop" => (With(new() { Name = "edge", Address = Edge.Address, NextHopIPv6 = "192.0.2.1" }), "Speakers:0:NextHopIPv6"),
            "an octal next hop" =>
                (With(new() { Name = "edge", Address = Edge.Address, DiversionNextHopIPv4 = "192.0.2.010" }), "Speakers:0:DiversionNextHopIPv4"),
            "a community of text" =>
                (With(new() { Name = "edge", Address = Edge.Address, BlackholeCommunities = ["blackhole"] }), "Speakers:0:BlackholeCommunities"),
            "a community too great" =>
                (With(new() { Name = "edge", Address = Edge.Address, BlackholeCommunities = ["65536:1"] }), "Speakers:0:BlackholeCommunities"),
            "a preference below nothing" =>
                (With(new() { Name = "edge", Address = Edge.Address, DiversionLocalPreference = -1 }), "Speakers:0:DiversionLocalPreference"),
            "a timeout of nothing" => (new BgpOptions { Speakers = [Edge], Timeout = TimeSpan.Zero }, nameof(BgpOptions.Timeout)),
            "an interval of an hour" =>
                (new BgpOptions { Speakers = [Edge], CompareInterval = TimeSpan.FromHours(1) }, nameof(BgpOptions.CompareInterval)),
            _ => (new BgpOptions { Speakers = [Edge], PathIdentifier = 0 }, nameof(BgpOptions.PathIdentifier)),
        };

        var found = Assert.Single(Faults(options));
        Assert.Contains(setting, $"{string.Join(' ', found.MemberNames)} {found.ErrorMessage}", StringComparison.Ordinal);
    }

    [Fact]
    public void A_tenant_may_not_hold_more_than_all_tenants_together() => Assert.Contains(
        nameof(MitigationOptions.MaxCountermeasuresPerTenant),
        Assert.Single(Faults(new MitigationOptions { MaxCountermeasures = 5, MaxCountermeasuresPerTenant = 6 })).MemberNames);

    private static BgpOptions With(SpeakerOptions speaker) => new() { Speakers = [speaker] };

    private static List<ValidationResult> Faults(object options)
    {
        var faults = new List<ValidationResult>();
        Validator.TryValidateObject(options, new ValidationContext(options), faults, validateAllProperties: true);
        return faults;
    }
}
