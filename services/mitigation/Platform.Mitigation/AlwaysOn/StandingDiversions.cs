using System.Net;
using Npgsql;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.AlwaysOn;

/// <summary>Query: orders, and what stands of them.</summary>
internal static class StandingDiversions
{
    public static async Task<IReadOnlyList<StandingDiversion>> Read(NpgsqlDataSource database, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select o.tenant_id, o.service_code, o.order_id, o.ordered and c.ended_at is null and not coalesce(k.engaged or m.sequence < k.sequence, false), c.prefixes,
                m.mitigation_id, m.expires_at, coalesce(m.mode, 0), (select count(*) from views.mitigations_v1 e where e.order_id = o.order_id),
                exists (select from views.policies_v1 p where p.tenant_id = o.tenant_id and p.service_code = o.service_code and (p.policy->>'Mode')::int = $2),
                array(select s.countermeasure_id from views.countermeasures_v1 s
                    where s.tenant_id = m.tenant_id and s.mitigation_id = m.mitigation_id and s.kind = $1 and not s.withdrawing order by s.prefix),
                array(select s.prefix from views.countermeasures_v1 s
                    where s.tenant_id = m.tenant_id and s.mitigation_id = m.mitigation_id and s.kind = $1 and not s.withdrawing order by s.prefix)
            from views.always_on_v1 o
            join views.contracts_v1 c using (tenant_id, service_code)
            left join views.kill_switch_v1 k on true
            left join views.mitigations_v1 m on m.order_id = o.order_id and m.ended_at is null and m.withdrawal_requested_at is null
            where o.ordered or m.mitigation_id is not null
            """);
        command.Parameters.Add(new() { Value = (short)CountermeasureKind.Diversion }); // operators may have added others beside them
        command.Parameters.Add(new() { Value = (int)EnforcementMode.DryRun });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var diversions = new List<StandingDiversion>();
        while (await row.ReadAsync(cancellation))
        {
            diversions.Add(new StandingDiversion(
                row.GetGuid(0),
                row.GetString(1),
                row.GetGuid(2),
                row.GetBoolean(3),
                row.GetFieldValue<IPNetwork[]>(4),
                await row.IsDBNullAsync(5, cancellation) ? null : row.GetGuid(5),
                await row.IsDBNullAsync(6, cancellation) ? null : row.GetFieldValue<DateTimeOffset>(6),
                IsRehearsal: (EnforcementMode)row.GetInt16(7) is EnforcementMode.DryRun,
                IsDryRun: row.GetBoolean(9),
                (int)row.GetInt64(8),
                row.GetFieldValue<Guid[]>(10).Zip(row.GetFieldValue<IPNetwork[]>(11)).ToDictionary(it => it.Second, it => it.First)));
        }

        return diversions;
    }

    /// <summary>Whether every route of the order stands now, at every speaker that diverts it.</summary>
    public static async Task<bool> Stands(NpgsqlDataSource database, Places places, Guid orderId, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select c.countermeasure_id, c.kind, c.prefix, c.announced_by
            from views.mitigations_v1 m join views.countermeasures_v1 c using (tenant_id, mitigation_id)
            where m.order_id = $1 and m.ended_at is null and not c.withdrawing
            """);
        command.Parameters.Add(new() { Value = orderId });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var stands = false;
        while (await row.ReadAsync(cancellation))
        {
            var spec = new CountermeasureSpec((CountermeasureKind)row.GetInt16(1), row.GetFieldValue<IPNetwork>(2));
            if (places.Of(row.GetGuid(0), spec, row.GetFieldValue<string[]>(3)).Missing.Count > 0)
            {
                return false;
            }

            stands = true;
        }

        return stands;
    }
}

/// <param name="OrderId">The order.</param>
/// <param name="IsWanted">Whether it shall stand: ordered, the contract in force, the kill switch released.</param>
/// <param name="Prefixes">What the contract protects now.</param>
/// <param name="MitigationId">What stands for it; null: nothing.</param>
/// <param name="ExpiresAt">When that ends by itself (UTC).</param>
/// <param name="IsRehearsal">Whether it stands in a dry run only.</param>
/// <param name="IsDryRun">Whether an object of the contract says so now.</param>
/// <param name="Mitigations">How many there were so far.</param>
/// <param name="Routes">Countermeasures that stand, by prefix.</param>
internal sealed record StandingDiversion(
    Guid TenantId,
    string ServiceCode,
    Guid OrderId,
    bool IsWanted,
    IPNetwork[] Prefixes,
    Guid? MitigationId,
    DateTimeOffset? ExpiresAt,
    bool IsRehearsal,
    bool IsDryRun,
    int Mitigations,
    IReadOnlyDictionary<IPNetwork, Guid> Routes);
