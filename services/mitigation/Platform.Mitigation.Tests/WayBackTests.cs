using Grpc.Core;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Scrubbers;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;
using ReturnPath = Platform.Mitigation.Scrubbers.ReturnPath;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Tests;

/// <summary>What is led to scrubbers that cannot hand it on is lost: it is refused, whoever asks, and with the reason.</summary>
public sealed class WayBackTests(PostgresServer postgres, RabbitMqVirtualHost broker, ANetwork network)
    : IClassFixture<RabbitMqVirtualHost>, IClassFixture<ANetwork>, IAsyncLifetime
{
    private readonly PostgresDatabase _database = new(postgres);
    private readonly Customer _customer = Customer.New();
    private ServiceHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        await _database.InitializeAsync();
        _host = await AMitigationService.Start(
            _database,
            broker,
            network,
            ("Bgp:Speakers:0:DiversionNextHopIPv4", "192.0.2.50"),
            ("Bgp:Speakers:0:DiversionNextHopIPv6", "2001:db8:ffff::50"),
            ("Scrubbers:Pools:0:Name", "tokyo"),
            ("Scrubbers:Pools:0:BitsPerSecond", "5000000000"),
            ("Scrubbers:Pools:0:Return:NextHopIPv4", "192.0.2.72"));
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact, Trait("Requirement", "R6")]
    public async Task A_diversion_of_addresses_that_the_way_back_does_not_take_is_refused_by_hand_as_a_step_and_as_always_on()
    {
        await _host.Deliver(_customer.Signed("203.0.113.0/24", "2001:db8:77::/48"), Customer.NewId());
        Assert.Equal("no-way-back", await RefusalOf(ByHand("2001:db8:77::1/128")));
        await ByHand("203.0.113.1/32");
        await network.RouterHolds("203.0.113.1/32", "203.0.113.1/32 via 192.0.2.50 [65535:65281]");

        var order = new AdmitAlwaysOnRequest { ServiceCode = _customer.ServiceCode };
        Assert.Equal("no-way-back", await RefusalOf(new Wire.Capacity.CapacityClient(_host.Channel).AdmitAlwaysOnAsync(order, As(Roles.Administrator)).ResponseAsync));
        await _host.Deliver(_customer.Changed(2, "203.0.113.0/24"), Customer.NewId());
        await new Wire.Capacity.CapacityClient(_host.Channel).AdmitAlwaysOnAsync(order, As(Roles.Administrator));
    }

    [Fact]
    public void An_interface_takes_both_families_a_router_its_own_and_the_routing_of_the_node_all()
    {
        var options = new ScrubberOptions
        {
            Pools =
            [
                new() { Name = "own" },
                new() { Name = "tunnel", Return = new ReturnPath { Kind = ReturnKind.Gre, Interface = "gre-back" } },
                new() { Name = "router", Return = new ReturnPath { NextHopIPv6 = "2001:db8::1" } },
            ],
        };

        Assert.Equal(
            [Families.IPv4 | Families.IPv6, Families.IPv4 | Families.IPv6, Families.IPv6, Families.IPv4 | Families.IPv6],
            ((string?[])["own", "tunnel", "router", null]).Select(options.Returned));
    }

    private async Task ByHand(string prefix) => await new Wire.Mitigations.MitigationsClient(_host.Channel).StartMitigationAsync(
        new()
        {
            ServiceCode = _customer.ServiceCode,
            Reason = "customer called",
            Countermeasures = { new Wire.CountermeasureSpec { Kind = "diversion", Prefix = prefix } },
        },
        As(Roles.Operator));

    private static async Task<string?> RefusalOf(Task call) =>
        (await Assert.ThrowsAsync<RpcException>(() => call)).Trailers.GetValue(Rejections.CodeTrailer);

    private Metadata As(string role) => _host.As(TenantId.Of(_customer.TenantId), role);
}
