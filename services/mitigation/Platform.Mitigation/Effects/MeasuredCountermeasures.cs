using System.Net;
using System.Text.Json;
using Npgsql;
using Platform.EventStore;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.Effects;

/// <summary>Query: everything whose effect is to be measured: what is in force or should be, and what went a moment ago.</summary>
internal static class MeasuredCountermeasures
{
    /// <summary>What went longer ago than this has said its last word, or never will.</summary>
    private static readonly TimeSpan Aftermath = TimeSpan.FromMinutes(2);

    public static async Task<IReadOnlyList<MeasuredMitigation>> Read(NpgsqlDataSource database, DateTimeOffset now, CancellationToken cancellation)
    {
        // What stands by order always is no defence against anything.
        await using var command = database.CreateCommand(
            """
            select m.tenant_id, m.mitigation_id, m.service_code, m.object_id, m.target, coalesce(m.evidence::text, '[]'), m.step,
                coalesce(m.step_since, m.started_at),
                m.held_until is null and m.withdrawal_requested_at is null and m.sight_lost_at is null
                    and m.anomaly_id <> '00000000-0000-0000-0000-000000000000',
                c.countermeasure_id, c.kind, c.prefix, c.rule->>'Action' = '4', c.pool, c.step, coalesce(c.requested_at, m.started_at), c.announced_at,
                c.withdrawing, c.withdrawn_at, c.effect::text, f.dropped_packets, f.dropped_bytes, f.passed_packets, f.passed_bytes, f.told_at, m.expires_at,
                case when m.held_until is null and m.withdrawal_requested_at is null then m.sight_lost_at end, m.anomaly_id, c.announced_by
            from views.countermeasures_v1 c
            join views.mitigations_v1 m using (tenant_id, mitigation_id)
            left join lateral (
                select sum(dropped_packets)::bigint as dropped_packets, sum(dropped_bytes)::bigint as dropped_bytes,
                    sum(passed_packets)::bigint as passed_packets, sum(passed_bytes)::bigint as passed_bytes, max(told_at) as told_at
                from views.filtered_v1 t where t.countermeasure_id = c.countermeasure_id) f on true
            where c.in_network and not c.measured and (c.withdrawn_at is null and not c.withdrawn or c.withdrawn_at > $1)
              and m.order_id is null
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
                    await row.IsDBNullAsync(3, cancellation) ? null : row.GetGuid(3),
                    IPNetwork.Parse(row.GetString(4)),
                    JsonSerializer.Deserialize<VectorEvidence[]>(row.GetString(5), EventCatalog.Json)!,
                    row.GetInt32(6),
                    row.GetFieldValue<DateTimeOffset>(7),
                    IsUnderAttack: row.GetBoolean(8),
                    row.GetFieldValue<DateTimeOffset>(25),
                    await Instant(26),
                    row.GetGuid(27),
                    []));
            }

            mitigations[^1].Countermeasures.Add(new MeasuredCountermeasure(
                row.GetGuid(9),
                new CountermeasureSpec(
                    (CountermeasureKind)row.GetInt16(10),
                    row.GetFieldValue<IPNetwork>(11),
                    Rule: null,
                    await row.IsDBNullAsync(13, cancellation) ? null : row.GetString(13)),
                IsAccept: !await row.IsDBNullAsync(12, cancellation) && row.GetBoolean(12),
                row.GetInt32(14),
                row.GetFieldValue<DateTimeOffset>(15),
                await Instant(16),
                row.GetBoolean(17),
                await Instant(18),
                await row.IsDBNullAsync(19, cancellation) ? null : JsonSerializer.Deserialize<MeasuredEffect>(row.GetString(19), EventCatalog.Json),
                await Instant(24) is { } toldAt
                    ? new ScrubbersCount(row.GetInt64(20), row.GetInt64(21), row.GetInt64(22), row.GetInt64(23), toldAt)
                    : null,
                row.GetFieldValue<string[]>(28)));

            async Task<DateTimeOffset?> Instant(int column) =>
                await row.IsDBNullAsync(column, cancellation) ? null : row.GetFieldValue<DateTimeOffset>(column);
        }

        return mitigations;
    }
}

/// <param name="ObjectId">The protected object: by it ingestion tells traffic apart; null by hand where no anomaly is near.</param>
/// <param name="Target">What is attacked.</param>
/// <param name="Evidence">What detection saw.</param>
/// <param name="Step">Index of the policy's step that it is at.</param>
/// <param name="StepSince">Since when (UTC).</param>
/// <param name="IsUnderAttack">Whether an anomaly is its reason, and neither the end of that, nor that nobody sees it, nor that of the defence was noted.</param>
/// <param name="ExpiresAt">When it ends by itself (UTC).</param>
/// <param name="SightLostAt">Since when nobody sees whether the attack goes on (UTC); null: somebody does, or it does not matter any more.</param>
/// <param name="AnomalyId">The anomaly; empty: by hand.</param>
/// <param name="Countermeasures">Of all steps.</param>
internal sealed record MeasuredMitigation(
    Guid TenantId,
    Guid MitigationId,
    string ServiceCode,
    Guid? ObjectId,
    IPNetwork Target,
    IReadOnlyList<VectorEvidence> Evidence,
    int Step,
    DateTimeOffset StepSince,
    bool IsUnderAttack,
    DateTimeOffset ExpiresAt,
    DateTimeOffset? SightLostAt,
    Guid AnomalyId,
    List<MeasuredCountermeasure> Countermeasures)
{
    /// <summary>All that is attacked; the target alone most of the time.</summary>
    public IReadOnlyList<IPNetwork> Targets { get; } = DefensePlan.TargetsOf(Target, Evidence);
}

/// <param name="Spec">What it is, without its rule.</param>
/// <param name="IsAccept">It lets through, and is no defence by itself.</param>
/// <param name="Step">Index of the policy's step that it came with.</param>
/// <param name="RequestedAt">When it was decided (UTC).</param>
/// <param name="AnnouncedAt">When it came into force (UTC); null when it never did.</param>
/// <param name="IsGoing">Whether it shall go.</param>
/// <param name="WithdrawnAt">When it went (UTC); null while it is in force.</param>
/// <param name="Effect">What was last recorded; null before.</param>
/// <param name="Counted">What the scrubbers counted; null when none has told.</param>
/// <param name="AnnouncedBy">Where it was read back at some time.</param>
internal sealed record MeasuredCountermeasure(
    Guid CountermeasureId,
    CountermeasureSpec Spec,
    bool IsAccept,
    int Step,
    DateTimeOffset RequestedAt,
    DateTimeOffset? AnnouncedAt,
    bool IsGoing,
    DateTimeOffset? WithdrawnAt,
    MeasuredEffect? Effect,
    ScrubbersCount? Counted,
    string[] AnnouncedBy)
{
    /// <summary>Scrubbers count themselves what they drop; a diversion leads to them.</summary>
    public bool IsAtScrubbers => Spec.Kind is CountermeasureKind.Scrubbing or CountermeasureKind.Diversion;
}

/// <summary>What all agents together counted of one countermeasure.</summary>
/// <param name="ToldAt">When an agent that holds it last said so (UTC).</param>
internal sealed record ScrubbersCount(long DroppedPackets, long DroppedBytes, long PassedPackets, long PassedBytes, DateTimeOffset ToldAt);
