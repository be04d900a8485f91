using System.ComponentModel.DataAnnotations;
using Platform.Mitigation.Scrubbers;

namespace Platform.Mitigation.Tests.Scrubbers;

/// <summary>Pools and their ways back: what cannot work stops the start.</summary>
public sealed class ScrubberOptionsTests
{
    [Theory]
    [InlineData("NextHop")]
    [InlineData("Gre")]
    [InlineData("Vlan")]
    [InlineData("Vrf")]
    public void A_way_back_of_each_kind_is_taken(string kind) => Assert.Empty(Faults(With(new ReturnPath
    {
        Kind = Enum.Parse<ReturnKind>(kind),
        Interface = "back0.100",
        NextHopIPv4 = "192.0.2.9",
        NextHopIPv6 = "2001:db8::9",
    })));

    [Theory]
    [InlineData("Gre", null, "192.0.2.9")] // which tunnel?
    [InlineData("Vlan", "", null)]
    [InlineData("Vrf", "a-name-that-is-too-long", null)]
    [InlineData("Vlan", "eth0; reboot", null)]
    [InlineData("NextHop", null, null)] // where to?
    [InlineData("NextHop", null, "2001:db8::1")] // not IPv4
    [InlineData("NextHop", null, "192.0.2")] // not what it looks like
    [InlineData("NextHop", null, "192.0.2.61")] // back into the pool itself
    public void A_way_back_that_leads_nowhere_or_round_is_refused(string kind, string? device, string? nextHop) => Assert.Contains(
        "Return",
        Assert.Single(Faults(With(new ReturnPath { Kind = Enum.Parse<ReturnKind>(kind), Interface = device, NextHopIPv4 = nextHop }))).ErrorMessage,
        StringComparison.Ordinal);

    [Fact]
    public void An_agent_of_a_pool_that_is_not_there_is_refused() => Assert.Contains("there is no pool 'kyoto'", Assert.Single(Faults(new ScrubberOptions
    {
        Agents = [new() { Name = "a", Token = "0123456789abcdef", Pool = "kyoto" }],
    })).ErrorMessage, StringComparison.Ordinal);

    private static ScrubberOptions With(ReturnPath back) => new()
    {
        Pools = [new() { Name = "osaka", BitsPerSecond = 1, NextHopIPv4 = "192.0.2.61", Return = back }],
    };

    private static List<ValidationResult> Faults(ScrubberOptions options)
    {
        var faults = new List<ValidationResult>();
        Validator.TryValidateObject(options, new ValidationContext(options), faults, validateAllProperties: true);
        return faults;
    }
}
