using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Platform.Contracts.Retention.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;
using AnomaliesClient = Platform.Contracts.Grpc.Detection.V1.Anomalies.AnomaliesClient;
using ObjectsClient = Platform.Contracts.Grpc.Detection.V1.ProtectedObjects.ProtectedObjectsClient;

namespace Platform.Detection.Tests;

/// <summary>What is due is erased, once and no more than that.</summary>
public sealed class ErasureTests(PostgresDatabase database, RabbitMqVirtualHost broker) : ServiceTests(database, broker)
{
    [Fact]
    public async Task WhenErasureDue_anomalies_and_objects_of_that_contract_are_gone_and_no_others()
    {
        await using var erased = await Host.Listen<DataErased>();
        var other = _customer with { ContractId = Customer.NewId(), ServiceCode = Customer.New().ServiceCode };
        await Watch("203.0.113.0/24");
        await Deliver(other.Signed("198.51.100.0/24"));
        await Host.CatchUp();
        await Eventually.Passes(async () =>
        {
            await _service.Send(other, "198.51.100.1", OverTheDefault);
            Assert.NotEmpty(await Open());
        });
        var shop = (await new ObjectsClient(Host.Channel).AddProtectedObjectAsync(
            new() { ServiceCode = _customer.ServiceCode, Name = "shop", Prefixes = { "203.0.113.11/32" }, Reason = "another team" },
            Host.As(TenantId.Of(_customer.TenantId), Roles.Operator))).ObjectId;
        await _service.Send(_customer, "203.0.113.10", OverTheDefault);
        await Eventually.Passes(async () =>
        {
            await _service.Send(_customer, "203.0.113.11", OverTheDefault, objectId: shop);
            Assert.Equal(3, (await Open()).Count);
        });
        await _service.Spread(_customer, "203.0.113.10/32", ("203.0.113.10/32", 0.8), ("203.0.113.128/25", 0.2));
        Assert.Equal(2L, await Prefixes());
        await Deliver(_customer.Terminated());
        await Host.CatchUp();
        await TimePasses(TimeSpan.FromSeconds(2), until: async () => (await Open()).Count == 1);

        var due = new ErasureDue
        {
            TenantId = _customer.TenantId,
            ContractId = _customer.ContractId,
            ServiceCode = _customer.ServiceCode,
            ErasureId = Customer.NewId(),
            DataClasses = ["incident", "customer"],
            DueAt = DateTimeOffset.UnixEpoch,
            RequestedAt = DateTimeOffset.UnixEpoch,
        };
        await Deliver(due);

        var proof = await erased.Get(fact => fact.ErasureId == due.ErasureId);
        Assert.Equal(("detection", 2L, 1L), (proof.Owner, proof.Counts["target"], proof.Counts["protected-object"]));
        Assert.Equal(1L, proof.Counts[TenantSession.ErasedKeys]); // the names of its objects
        Assert.Equal(other.ServiceCode, Assert.Single(await Anomalies(openOnly: false)).ServiceCode);
        Assert.Equal(other.ServiceCode, Assert.Single(await Objects()).ServiceCode);
        Assert.Equal(0L, await Prefixes());

        await Deliver(due); // asked again: the same answer again
        var answers = await Eventually.Get(
            () => erased.Facts.Where(fact => fact.ErasureId == due.ErasureId).ToList(), seen => seen.Count == 2, what: "two answers");
        Assert.All(answers, answer => Assert.Equal(2, answer.Counts["target"]));

        async Task<long> Prefixes()
        {
            await using var count = Host.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand("select count(*) from views.anomaly_prefixes_v1");
            return (long)(await count.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
        }
    }

    [Fact, Trait("Requirement", "R36")]
    public async Task WhenErasureDue_for_what_people_wrote_only_names_and_reasons_are_gone_and_the_records_stay()
    {
        await Watch("203.0.113.0/24");
        await _service.Send(_customer, "203.0.113.10", OverTheDefault);
        var open = Assert.Single(await Eventually.Get(Open, seen => seen.Count == 1, what: "the open anomaly"));
        await new AnomaliesClient(Host.Channel).MarkFalseAsync(
            new() { AnomalyId = open.AnomalyId, Reason = "a launch" }, Host.As(TenantId.Of(_customer.TenantId), Roles.Operator));

        await Deliver(new ErasureDue
        {
            TenantId = _customer.TenantId,
            ContractId = _customer.ContractId,
            ServiceCode = _customer.ServiceCode,
            ErasureId = Customer.NewId(),
            DataClasses = ["customer"],
            DueAt = DateTimeOffset.UnixEpoch,
            RequestedAt = DateTimeOffset.UnixEpoch,
        });

        Assert.Equal(SealedAttribute.ErasedValue, Assert.Single(await Objects()).Name);
        var read = await Host.Store.Tenant(TenantId.Of(_customer.TenantId)).Read(
            Detection.ProtectedObjects.ProtectedObjectState.Stream, _customer.ContractId.ToString(), TestContext.Current.CancellationToken);
        Assert.Equal(SealedAttribute.ErasedValue, Assert.IsType<Detection.ProtectedObjects.ProtectedObjectAdded>(read[0].Data).Content.Name);
        Assert.NotEmpty(await Anomalies(openOnly: false));
        await using var vacuum = Host.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand(
            "select count(last_vacuum) from pg_stat_user_tables where relid in ('views.protected_objects_v1'::regclass, 'views.anomalies_v1'::regclass)");
        await Eventually.Equal(2L, async () => (long)(await vacuum.ExecuteScalarAsync(TestContext.Current.CancellationToken))!); // no text in a row version of before
    }
}
