using Dapper;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Platform.Mitigation.Mitigations;

/// <summary>
/// Room under the caps. A count of what stands would lag behind a burst of anomalies, so slots are taken before the decision,
/// one taker at a time; the projection gives them back when the mitigation ends or fails.
/// </summary>
internal sealed class CountermeasureSlots(NpgsqlDataSource database, IOptions<MitigationOptions> options, TimeProvider clock)
{
    private const long TakersLock = 0x6D69_7469_0000_0001; // "miti" 1

    /// <summary>Takes so many slots for a new mitigation; those it already has when asked again.</summary>
    public Task<SlotAnswer> Take(Guid tenantId, Guid mitigationId, int amount, CancellationToken cancellation) =>
        Take(tenantId, mitigationId, amount, more: 0, cancellation);

    /// <summary>Takes so many slots more for a mitigation that stands.</summary>
    public Task<SlotAnswer> TakeMore(Guid tenantId, Guid mitigationId, int more, CancellationToken cancellation) =>
        Take(tenantId, mitigationId, more, more, cancellation);

    /// <summary>Gives back slots whose taker never got as far as an event, for example because it was killed.</summary>
    public async Task ReleaseAbandoned(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            delete from views.slots_v1 slot
            where taken_at < $1
              and not exists (select from views.mitigations_v1 m
                  where m.tenant_id = slot.tenant_id and m.mitigation_id = slot.mitigation_id and m.ended_at is null)
            """);
        command.Parameters.Add(new() { Value = clock.GetUtcNow() - TimeSpan.FromMinutes(10) });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private async Task<SlotAnswer> Take(Guid tenantId, Guid mitigationId, int amount, int more, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await connection.ExecuteAsync("select pg_advisory_xact_lock(@TakersLock)", new { TakersLock });
        var (has, all, ofTenant) = await connection.QuerySingleAsync<(bool Has, long All, long OfTenant)>(
            """
            select coalesce(bool_or(mitigation_id = @mitigationId), false), coalesce(sum(amount), 0),
                coalesce(sum(amount) filter (where tenant_id = @tenantId), 0)
            from views.slots_v1
            """,
            new { tenantId, mitigationId });
        if (has && more == 0)
        {
            return SlotAnswer.Granted;
        }

        if (ofTenant + amount > options.Value.MostFor(tenantId))
        {
            return SlotAnswer.TenantFull;
        }

        if (all + amount > options.Value.MaxCountermeasures)
        {
            return SlotAnswer.AllFull;
        }

        await connection.ExecuteAsync(
            """
            insert into views.slots_v1 as slot (mitigation_id, tenant_id, taken_at, amount) values (@mitigationId, @tenantId, @now, @amount)
            on conflict (mitigation_id) do update set amount = slot.amount + excluded.amount
            """,
            new { mitigationId, tenantId, now = clock.GetUtcNow(), amount });
        await transaction.CommitAsync(cancellation);
        return SlotAnswer.Granted;
    }
}
