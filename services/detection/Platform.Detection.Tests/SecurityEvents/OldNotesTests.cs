using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Platform.Detection.SecurityEvents;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;
using Client = Platform.Contracts.Grpc.Detection.V1.SecurityEvents.SecurityEventsClient;
using Listed = Platform.Contracts.Grpc.Detection.V1.SecurityEvent;

namespace Platform.Detection.Tests.SecurityEvents;

/// <summary>The list of the provider's network does not grow for ever.</summary>
public sealed class OldNotesTests(PostgresDatabase database, RabbitMqVirtualHost broker) : ServiceTests(database, broker)
{
    [Fact, Trait("Requirement", "R4")]
    public async Task Events_of_the_provider_are_kept_for_ninety_days_with_today_in_Japan_and_those_of_tenants_until_they_are_erased()
    {
        var kept = JapanCalendar.StartOfLastDays(Host.Clock.GetUtcNow(), 90);
        var notes = Host.Services.GetRequiredService<SecurityNotes>();
        await Note("just kept", kept, tenant: null);
        await Note("too old", kept.AddSeconds(-1), tenant: null);
        await Note("a tenant's", kept.AddDays(-100), _customer.TenantId);

        Assert.Equal(1, await ActivatorUtilities.CreateInstance<OldNotes>(Host.Services).Delete(TestContext.Current.CancellationToken));

        Assert.Equal(["just kept"], (await List(TenantId.Provider, Roles.ProviderOperator)).Select(e => e.Subject));
        Assert.Equal(["a tenant's"], (await List(TenantId.Of(_customer.TenantId), Roles.Viewer)).Select(e => e.Subject));

        await Note("old as well", kept.AddDays(-1), tenant: null);
        await Eventually.True(async () =>
        {
            Host.Clock.Advance(TimeSpan.FromMinutes(1));
            return (await List(TenantId.Provider, Roles.ProviderOperator)).All(e => e.Subject != "old as well");
        });

        Task Note(string subject, DateTimeOffset at, Guid? tenant) => notes.Note(
            new(Customer.NewId(), tenant, at, EventSeverity.Low, "a kind to keep", subject, "", ""), TestContext.Current.CancellationToken);
    }

    [Fact, Trait("Requirement", "R4")]
    public async Task Old_events_of_the_provider_are_deleted_in_small_batches_by_one_process_at_a_time()
    {
        var database = Host.Services.GetRequiredService<NpgsqlDataSource>();
        await using (var fill = database.CreateCommand(
            """
            insert into views.noted_events_v1 (event_id, at, severity, kind, subject, sentence, service_code)
            select gen_random_uuid(), $1 - each * interval '1 second', 1, 'old', $2, '', '' from generate_series(1, $3) each
            """))
        {
            fill.Parameters.Add(new() { Value = Host.Clock.GetUtcNow().AddDays(-91) });
            fill.Parameters.Add(new() { Value = "192.0.2.7" });
            fill.Parameters.Add(new() { Value = OldNotes.MostAtOnce + 2 });
            await fill.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        var old = ActivatorUtilities.CreateInstance<OldNotes>(Host.Services);
        await using (var other = await database.OpenConnectionAsync(TestContext.Current.CancellationToken))
        {
            await using var turn = await other.BeginTransactionAsync(TestContext.Current.CancellationToken);
            await using var take = new NpgsqlCommand("select pg_advisory_xact_lock(hashtextextended('detection.old-notes', 0))", other, turn);
            await take.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
            Assert.Equal(0, await old.Delete(TestContext.Current.CancellationToken)); // another process does
        }

        foreach (var expected in (int[])[OldNotes.MostAtOnce, 2, 0])
        {
            Assert.Equal(expected, await old.Delete(TestContext.Current.CancellationToken));
        }
    }

    private async Task<IReadOnlyList<Listed>> List(TenantId tenant, string role) =>
        (await new Client(Host.Channel).ListSecurityEventsAsync(new() { Kinds = { "a kind to keep" } }, Host.As(tenant, role))).Events;
}
