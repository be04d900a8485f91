using Npgsql;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Tests;

/// <summary>What could not be done at once is done when it can be, and an end comes whatever stands still.</summary>
public sealed class WhatWaitsTests(PostgresDatabase database, RabbitMqVirtualHost broker, ANetwork network)
    : IClassFixture<PostgresDatabase>, IClassFixture<RabbitMqVirtualHost>, IClassFixture<ANetwork>, IAsyncLifetime
{
    private readonly Customer _customer = Customer.New();
    private ServiceHost _host = null!;

    public async ValueTask InitializeAsync() =>
        _host = await AMitigationService.Start(database, broker, network, ("Mitigations:MaxCountermeasuresPerTenant", "1"));

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact, Trait("Requirement", "R2")]
    public async Task An_attack_that_found_no_room_is_defended_when_there_is_some_and_one_that_is_over_by_then_is_not()
    {
        var (first, over, waiting) = (Customer.NewId(), Customer.NewId(), Customer.NewId());
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.AttackedBy("203.0.113.90/32", first, "ntp"));
        await Held("203.0.113.90/32");
        await Deliver(_customer.AttackedBy("203.0.113.91/32", over, "ntp"));
        await Deliver(_customer.AttackedBy("203.0.113.92/32", waiting, "ntp"));
        await _host.CatchUp();
        Assert.Equal("tenant-cap-reached", (await Stream(waiting)).OfType<MitigationFailed>().Single().Code);
        await Deliver(_customer.Relieved("203.0.113.91/32", over));
        await Deliver(_customer.Relieved("203.0.113.90/32", first));
        await _host.CatchUp();

        await Eventually.True(
            async () =>
            {
                _host.Clock.Advance(TimeSpan.FromSeconds(2));
                return (await network.AtRouter("203.0.113.92/32")).Count == 1;
            },
            TimeSpan.FromSeconds(60),
            "a defence for the one that waited");

        Assert.Single((await Stream(waiting)).OfType<MitigationFailed>()); // asked often, refused once
        Assert.Equal("ntp", (await Stream(waiting)).OfType<MitigationStarted>().Single().Evidence!.Single().Vector);
        Assert.Empty((await Stream(over)).OfType<MitigationStarted>());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // also when nobody here has ever seen the views whole
    public async Task An_expiry_comes_while_a_projection_stands_still_and_what_was_extended_is_there_when_it_goes_on(bool isStartedAnew)
    {
        await _host.DisposeAsync();
        _host = await AMitigationService.Start(database, broker, network);
        var (passing, extended) = (Customer.NewId(), Customer.NewId());
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.Attacked("203.0.113.93/32", passing));
        await Deliver(_customer.Attacked("203.0.113.94/32", extended));
        await Held("203.0.113.93/32");
        await Held("203.0.113.94/32");
        await _host.CatchUp();
        _host.Clock.Advance(TimeSpan.FromHours(12));
        var until = _host.Clock.GetUtcNow() + TimeSpan.FromHours(24);

        await using var still = await database.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await Execute(still, "begin; select from platform.checkpoints where name = 'known_mitigations_v1' for update"); // as long as this holds, it comes no further
        await _host.Store.Tenant(TenantId.Of(_customer.TenantId)).Handle(
            MitigationState.Stream,
            DerivedId.OfMitigation(extended).ToString(),
            _ => new MitigationExtended(_customer.ServiceCode, until, "it goes on", _host.Clock.GetUtcNow()),
            new Cause("test"),
            TestContext.Current.CancellationToken);
        if (isStartedAnew)
        {
            await _host.Stop();
            await _host.Start();
        }

        _host.Clock.Advance(TimeSpan.FromHours(13));
        await network.RouterHolds("203.0.113.93/32");
        // Nobody tells the extended route its new end meanwhile: by its own word it is over too, and goes a moment sooner or later.
        await Execute(still, "rollback");
        await Held("203.0.113.94/32");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_an_operator_withdraws_and_what_is_over_leaves_the_network_while_a_projection_stands_still(bool isStartedAnew)
    {
        await _host.DisposeAsync();
        _host = await AMitigationService.Start(database, broker, network);
        var (byHand, over, going) = (Customer.NewId(), Customer.NewId(), Customer.NewId());
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.Attacked("203.0.113.95/32", byHand));
        await Deliver(_customer.Attacked("203.0.113.96/32", over));
        await Deliver(_customer.Attacked("203.0.113.97/32", going));
        await Held("203.0.113.95/32");
        await Held("203.0.113.96/32");
        await Held("203.0.113.97/32");
        await Eventually.True(
            async () => (await Task.WhenAll(new[] { byHand, over, going }.Select(Stream))).All(it => it.OfType<CountermeasureAnnounced>().Any()), what: "the read-backs");
        await _host.CatchUp();

        await using var still = await database.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await Execute(still, "begin; select from platform.checkpoints where name = 'known_mitigations_v1' for update"); // as long as this holds, it comes no further
        await new Wire.Mitigations.MitigationsClient(_host.Channel).WithdrawMitigationAsync(
            new() { MitigationId = DerivedId.OfMitigation(byHand).ToString(), Reason = "customer called" },
            _host.As(TenantId.Of(_customer.TenantId), Roles.Operator));
        await Deliver(_customer.Relieved("203.0.113.96/32", over));
        if (isStartedAnew)
        {
            await _host.Stop();
            await _host.Start();
        }

        await network.RouterHolds("203.0.113.95/32");
        await Held("203.0.113.96/32"); // its hold is not over
        _host.Clock.Advance(TimeSpan.FromSeconds(31));
        await network.RouterHolds("203.0.113.96/32");
        Assert.Equal(WithdrawalReason.AnomalyEnded, (await Stream(over)).OfType<WithdrawalRequested>().Single().Reason); // its stream says why
        await Held("203.0.113.97/32");

        await Execute(still, "rollback");
        await _host.CatchUp();
        await Eventually.True(
            async () => (await Task.WhenAll(new[] { byHand, over }.Select(Stream))).All(it => it.OfType<MitigationEnded>().Any()), what: "both ends");
        await network.RouterHolds("203.0.113.95/32");
        await network.RouterHolds("203.0.113.96/32");
        await Held("203.0.113.97/32");
    }

    private static async Task Execute(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    private Task Held(string target) => network.RouterHolds(target, $"{target} via 192.0.2.1 [65535:666 65535:65281]");

    private async Task<IReadOnlyList<MitigationEvent>> Stream(Guid anomaly) =>
    [
        .. (await _host.Store.Tenant(TenantId.Of(_customer.TenantId)).Read(
            MitigationState.Stream, DerivedId.OfMitigation(anomaly).ToString(), CancellationToken.None)).Select(it => (MitigationEvent)it.Data),
    ];

    private Task Deliver<T>(T fact)
        where T : class => _host.Deliver(fact, Customer.NewId());
}
