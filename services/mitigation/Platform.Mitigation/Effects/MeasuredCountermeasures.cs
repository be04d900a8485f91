using System.Net;
using System.Text.Json;
using Npgsql;
using Platform.EventStore;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.Effects;

/// <summary>Query: everything whose effect is to be measured: what is in force, and what went a moment ago.</summary>
internal static class MeasuredCountermeasures
{
    /// <summary>What went longer ago than this has said its last word, or never will.</summary>
    private static readonly TimeSpan Aftermath = TimeSpan.FromMinutes(2);

    public static async Task<IReadOnlyList<MeasuredMitigation>> Read(NpgsqlDataSource database, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select m.tenant_id, m.mitigation_id, m.service_code, m.object_id, m.target, coalesce(m.evidence::text, '[]'), m.step, m.step_since,
                m.held_until is null and m.withdrawal_requested_at is null,
                c.countermeasure_id, c.kind, c.rule->>'Action' = '4', c.step, c.announced_at, c.withdrawn_at, c.effect::text
            from views.countermeasures_v1 c
            join views.mitigations_v1 m using (tenant_id, mitigation_id)
            where c.in_network and c.announced_at is not null and not c.measured and (c.withdrawn_at is null or c.withdrawn_at > $1)
              and m.object_id is not null
            order by m.mitigation_id
            """);
        command.Parameters.Add(new() { Value = now - Aftermath });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var mitigations = new List<MeasuredMitigation>();
        while (await row.ReadAsync(cancellation))
        {
            if (mitigations.Count == 0 || mitigations[^1].MitigationId != row.GetGuid(1))
            {
                mitigations.Add(new MeasuredMitigation(
                    row.GetGuid(0),
                    row.GetGuid(1),
                    row.GetString(2),
                    row.GetGuid(3),
                    IPNetwork.Parse(row.GetString(4)),
                    JsonSerializer.Deserialize<VectorEvidence[]>(row.GetString(5), EventCatalog.Json)!,
                    row.GetInt32(6),
                    row.GetFieldValue<DateTimeOffset>(7),
                    IsUnderAttack: row.GetBoolean(8),
                    []));
            }

            mitigations[^1].Countermeasures.Add(new MeasuredCountermeasure(
                row.GetGuid(9),
                (CountermeasureKind)row.GetInt16(10),
                IsAccept: !await row.IsDBNullAsync(11, cancellation) && row.GetBoolean(11),
                row.GetInt32(12),
                row.GetFieldValue<DateTimeOffset>(13),
                await row.IsDBNullAsync(14, cancellation) ? null : row.GetFieldValue<DateTimeOffset>(14),
                await row.IsDBNullAsync(15, cancellation) ? null : JsonSerializer.Deserialize<MeasuredEffect>(row.GetString(15), EventCatalog.Json)));
        }

        return mitigations;
    }
}

/// <param name="ObjectId">The protected object: by it ingestion tells traffic apart.</param>
/// <param name="Target">What is attacked.</param>
/// <param name="Evidence">What detection saw.</param>
/// <param name="Step">Index of the policy's step that it is at.</param>
/// <param name="StepSince">Since when (UTC).</param>
/// <param name="IsUnderAttack">Whether neither the end of the anomaly nor of the defence was noted.</param>
/// <param name="Countermeasures">Of all steps.</param>
internal sealed record MeasuredMitigation(
    Guid TenantId,
    Guid MitigationId,
    string ServiceCode,
    Guid ObjectId,
    IPNetwork Target,
    IReadOnlyList<VectorEvidence> Evidence,
    int Step,
    DateTimeOffset StepSince,
    bool IsUnderAttack,
    List<MeasuredCountermeasure> Countermeasures);

/// <param name="IsAccept">It lets through, and is no defence by itself.</param>
/// <param name="Step">Index of the policy's step that it came with.</param>
/// <param name="AnnouncedAt">When it came into force (UTC).</param>
/// <param name="WithdrawnAt">When it went (UTC); null while it is in force.</param>
/// <param name="Effect">What was last recorded; null before.</param>
internal sealed record MeasuredCountermeasure(
    Guid CountermeasureId,
    CountermeasureKind Kind,
    bool IsAccept,
    int Step,
    DateTimeOffset AnnouncedAt,
    DateTimeOffset? WithdrawnAt,
    MeasuredEffect? Effect)
{
    /// <summary>Scrubbers count themselves what they drop; a diversion only leads to them.</summary>
    public bool IsSeenInFlows => Kind is CountermeasureKind.Blackhole or CountermeasureKind.FlowSpec && !IsAccept;
}
