using Grpc.Core;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Tests;

/// <summary>What takes another's place counts as in force for both, and what found no room is asked again when there is some.</summary>
public sealed class RoomAndPlaceTests(PostgresServer postgres, RabbitMqVirtualHost broker, ANetwork network)
    : IClassFixture<RabbitMqVirtualHost>, IClassFixture<ANetwork>, IAsyncLifetime
{
    private readonly PostgresDatabase _database = new(postgres);
    private readonly Customer _customer = Customer.New();
    private ServiceHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        await _database.InitializeAsync();
        _host = await AMitigationService.Start(
            _database, broker, network, ("Bgp:Speakers:0:FlowSpec", "true"), ("Mitigations:MaxCountermeasuresPerTenant", "2"));
        await _host.Deliver(_customer.Signed("203.0.113.0/24"), Customer.NewId());
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task Of_two_rules_for_the_same_packets_both_are_in_force_where_the_stronger_stands()
    {
        await ByHand(Rule("203.0.113.170/32", "rate-limit"), Rule("203.0.113.170/32", "discard"));
        var listed = await Eventually.Get(
            async () => (await Mitigations()).Single(), seen => seen.Status == "active", TimeSpan.FromSeconds(30), "both in force");
        Assert.Equal(["announced", "announced"], listed.Countermeasures.Select(it => it.Status));
        Assert.Single(await ANetwork.Rules(network.Speaker), rule => rule.Contains("203.0.113.170/32", StringComparison.Ordinal));
    }

    [Fact, Trait("Requirement", "R2")]
    public async Task An_attack_that_found_no_room_is_defended_when_it_grows_and_there_is_some()
    {
        const string target = "203.0.113.173/32";
        var first = await ByHand(Rule("203.0.113.171/32", "discard"), Rule("203.0.113.172/32", "discard"));
        var anomaly = Customer.NewId();
        await _host.Deliver(_customer.AttackedBy(target, anomaly, "ntp"), Customer.NewId());
        await Eventually.Get(Mitigations, seen => seen.Any(it => it.Failure == "tenant-cap-reached"), what: "the refusal");

        await Client.WithdrawMitigationAsync(new() { MitigationId = first, Reason = "make room" }, As(Roles.Operator));
        await Eventually.Get(Mitigations, seen => seen.Single(it => it.MitigationId == first).Status == "ended", TimeSpan.FromSeconds(30), "room");
        await _host.CatchUp();
        await _host.Deliver(_customer.Grown(target, anomaly, 1, "ntp"), Customer.NewId());

        await network.RouterHasRule(target);
        var again = await Eventually.Get(
            async () => (await Mitigations()).Single(it => it.MitigationId != first), seen => seen.Status == "active", TimeSpan.FromSeconds(30), "the defence");
        Assert.Equal(("", target), (again.Failure, again.Target)); // of the refusal the list says nothing any more
    }

    private Wire.Mitigations.MitigationsClient Client => new(_host.Channel);

    private async Task<IReadOnlyList<Wire.Mitigation>> Mitigations() =>
        (await Client.ListMitigationsAsync(new ListMitigationsRequest(), As(Roles.Viewer))).Mitigations;

    private async Task<string> ByHand(params Wire.CountermeasureSpec[] specs) => (await Client.StartMitigationAsync(
        new() { ServiceCode = _customer.ServiceCode, Reason = "customer called", Countermeasures = { specs } }, As(Roles.Operator))).MitigationId;

    private static Wire.CountermeasureSpec Rule(string prefix, string action) => new()
    {
        Kind = "flowspec",
        Prefix = prefix,
        Rule = new Rule
        {
            Action = action, Protocol = 17, SourcePort = new() { From = 53, To = 53 }, BytesPerSecond = action == "rate-limit" ? 1_000_000 : 0,
        },
    };

    private Metadata As(string role) => _host.As(TenantId.Of(_customer.TenantId), role);
}
