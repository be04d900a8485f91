using Grpc.Core;
using Npgsql;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.Mitigations;
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

    [Fact, Trait("Requirement", "R2")]
    public async Task A_vector_that_joins_while_there_is_no_room_is_answered_when_there_is_some()
    {
        const string target = "203.0.113.174/32";
        var (other, anomaly) = (await ByHand(Rule("203.0.113.175/32", "discard")), Customer.NewId());
        await _host.Deliver(_customer.AttackedBy(target, anomaly, "ntp"), Customer.NewId());
        await network.RouterHasRule(target, "[source-port: ==123]");
        await _host.Deliver(_customer.Grown(target, anomaly, 1, "ntp", "ssdp"), Customer.NewId());
        Assert.Equal(
            "tenant-cap-reached",
            (await Eventually.Get(async () => (await Stream(anomaly)).OfType<EvidenceGrew>().ToList(), seen => seen.Count == 1, what: "the refusal"))[0].RefusedFor);

        await Client.WithdrawMitigationAsync(new() { MitigationId = other, Reason = "make room" }, As(Roles.Operator));
        await Eventually.True(
            async () =>
            {
                _host.Clock.Advance(TimeSpan.FromSeconds(2));
                return (await ANetwork.Rules(network.Router)).Any(
                    rule => rule.Contains(target, StringComparison.Ordinal) && rule.Contains("[source-port: ==1900]", StringComparison.Ordinal));
            },
            TimeSpan.FromSeconds(30),
            "the rule of what joined");
        Assert.Null((await Stream(anomaly)).OfType<EvidenceGrew>().Last().RefusedFor);
    }

    [Fact]
    public async Task What_began_again_keeps_its_room_when_the_refusal_before_is_seen_late()
    {
        const string target = "203.0.113.176/32";
        var (anomaly, cancellation) = (Customer.NewId(), TestContext.Current.CancellationToken);
        await _host.CatchUp();
        await Execute($"insert into views.slots_v1 (mitigation_id, tenant_id, taken_at, amount) values ('{anomaly}', '{_customer.TenantId}', now(), 2)");
        await using (var still = await _database.DataSource.OpenConnectionAsync(cancellation))
        {
            await using var hold = new NpgsqlCommand("begin; select from platform.checkpoints where name = 'known_mitigations_v1' for update", still);
            await hold.ExecuteNonQueryAsync(cancellation);
            await _host.Deliver(_customer.AttackedBy(target, anomaly, "ntp"), Customer.NewId());
            await Eventually.True(async () => (await Stream(anomaly)).OfType<MitigationFailed>().Any(), what: "the refusal");
            await Execute($"delete from views.slots_v1 where mitigation_id = '{anomaly}'");
            await _host.Deliver(_customer.Grown(target, anomaly, 1, "ntp"), Customer.NewId());
            await Eventually.True(async () => (await Stream(anomaly)).OfType<MitigationStarted>().Any(), what: "the defence");
            hold.CommandText = "rollback";
            await hold.ExecuteNonQueryAsync(cancellation);
        }

        await _host.CatchUp();
        await using var taken = _database.DataSource.CreateCommand(
            $"select amount from views.slots_v1 where mitigation_id = '{DerivedId.OfMitigation(anomaly)}'");
        Assert.Equal(1, await taken.ExecuteScalarAsync(cancellation));
    }

    private async Task Execute(string sql)
    {
        await using var command = _database.DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    private async Task<IReadOnlyList<MitigationEvent>> Stream(Guid anomaly) =>
    [
        .. (await _host.Store.Tenant(TenantId.Of(_customer.TenantId)).Read(
            MitigationState.Stream, DerivedId.OfMitigation(anomaly).ToString(), CancellationToken.None)).Select(it => (MitigationEvent)it.Data),
    ];

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
