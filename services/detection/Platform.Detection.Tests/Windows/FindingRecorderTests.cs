using System.Diagnostics.Metrics;
using Dapper;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Platform.Contracts.Detection.V1;
using Platform.Detection.Windows;
using Platform.Testing;

namespace Platform.Detection.Tests.Windows;

/// <summary>What cannot be recorded is told, and holds up nothing else.</summary>
public sealed class FindingRecorderTests(PostgresDatabase database, RabbitMqVirtualHost broker)
    : IClassFixture<PostgresDatabase>, IClassFixture<RabbitMqVirtualHost>
{
    private const long Flood = 400_000;
    private const int Workers = 8;

    [Fact, Trait("Requirement", "R1")]
    public async Task Findings_that_can_never_be_recorded_hold_up_no_other_and_are_found_again_when_they_can()
    {
        var failed = 0L;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, it) =>
        {
            if (instrument.Name == "platform.detection.findings.failed")
            {
                it.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, count, _, _) => Interlocked.Add(ref failed, count));
        listener.Start();
        await using var service = await ADetectionService.Start(database, broker);
        await using var detected = await service.Host.Listen<AnomalyDetected>();
        var customer = Customer.New();
        await service.Host.Deliver(customer.Signed("198.18.0.0/16"), Customer.NewId());
        await service.Host.CatchUp();
        var directory = service.Host.Services.GetRequiredService<ObjectDirectory>();
        await Eventually.True(() => directory.Find(customer.ContractId) is not null, what: "the object in the engine");
        await using var connection = await service.Host.Services.GetRequiredService<NpgsqlDataSource>()
            .OpenConnectionAsync(TestContext.Current.CancellationToken);
        await connection.ExecuteAsync(
            """
            create function views.refuse() returns trigger language plpgsql as $$ begin raise exception 'not this host'; end $$;
            create trigger refuse before insert on events.mt_events for each row
                when (new.stream_id like '%.C612__0A.32') execute function views.refuse();
            """);

        for (var block = 1; block <= Workers; block++)
        {
            await service.Send(customer, $"198.18.{block}.10", Flood); // as many as there are workers, each in a block of its own
        }

        await service.Send(customer, "198.18.99.11", Flood);
        await detected.Get(fact => fact.ServiceCode == customer.ServiceCode && fact.Target == "198.18.99.11/32");
        await Eventually.True(() => Interlocked.Read(ref failed) >= Workers, what: "failures that are counted");

        await connection.ExecuteAsync("drop trigger refuse on events.mt_events");
        await Eventually.Passes(async () =>
        {
            await service.Send(customer, "198.18.1.10", Flood); // the attack goes on
            Assert.Contains(detected.Facts, fact => fact.ServiceCode == customer.ServiceCode && fact.Target == "198.18.1.10/32");
        });
    }
}
