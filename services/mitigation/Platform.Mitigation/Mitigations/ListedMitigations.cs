using System.Globalization;
using System.Net;
using System.Text.Json;
using Dapper;
using Google.Protobuf.WellKnownTypes;
using Npgsql;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.EventStore;
using Platform.Mitigation.Effects;

namespace Platform.Mitigation.Mitigations;

/// <summary>Query: mitigations of a tenant, newest first, with their countermeasures, a page at a time.</summary>
internal static class ListedMitigations
{
    private const int Limit = 200;

    /// <param name="database">Ours.</param>
    /// <param name="places">What stands where.</param>
    /// <param name="tenant">Whose.</param>
    /// <param name="activeOnly">Only those not ended.</param>
    /// <param name="pageToken">Where the page before ended; empty, or what nobody gave out: from the newest on.</param>
    /// <param name="cancellation">Stops the wait.</param>
    /// <returns>The page, and where it ended; empty when nothing follows.</returns>
    public static async Task<(IReadOnlyList<Contracts.Grpc.Mitigation.V1.Mitigation> Page, string Next)> Read(
        NpgsqlDataSource database, Places places, TenantId tenant, bool activeOnly, string pageToken, CancellationToken cancellation)
    {
        if (tenant == TenantId.Provider)
        {
            return ([], ""); // the provider itself is never attacked under a contract
        }

        var (afterAt, afterId) = pageToken.Split('.') is [var ticks, var id] && long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out var at)
            && at <= DateTime.MaxValue.Ticks && Guid.TryParse(id, out var parsed)
                ? (new DateTime(at, DateTimeKind.Utc), parsed)
                : ((DateTime?)null, Guid.Empty);

        var of = new
        {
            tenantId = tenant.ToGuid(),
            activeOnly,
            afterAt,
            afterId,
            More = Limit + 1,
            DryRun = (int)EnforcementMode.DryRun,
        };
        await using var connection = await database.OpenConnectionAsync(cancellation);
        var mitigations = (await connection.QueryAsync<Row>(
            """
            select m.mitigation_id as MitigationId, m.anomaly_id as AnomalyId, m.service_code as ServiceCode, m.target as Target,
                m.started_at as StartedAt, m.ended_at as EndedAt, m.expires_at as ExpiresAt, m.step as Step,
                coalesce(m.failure, '') as Failure,
                case
                    when m.failure is not null then 'failed'
                    when m.ended_at is not null then 'ended'
                    when m.withdrawal_requested_at is not null then 'withdrawing'
                    when m.mode = @DryRun then 'rehearsed'
                    when exists (
                        select from views.countermeasures_v1 c
                        where c.tenant_id = m.tenant_id and c.mitigation_id = m.mitigation_id and not c.in_network and not c.rehearsed and not c.withdrawn) then 'proposed'
                    when m.held_until is not null then 'holding'
                    else ''
                end as Status
            from views.mitigations_v1 m
            where m.tenant_id = @tenantId and (not @activeOnly or m.ended_at is null)
                and (@afterAt::timestamptz is null or (m.started_at, m.mitigation_id) < (@afterAt, @afterId))
            order by m.started_at desc, m.mitigation_id desc
            limit @More
            """,
            of)).AsList();
        var page = mitigations.Take(Limit).ToList();
        var listed = page.ToDictionary(row => row.MitigationId, Describe);

        var countermeasures = await connection.QueryAsync<CountermeasureRow>(
            """
            select mitigation_id as MitigationId, countermeasure_id as CountermeasureId, kind as Kind, prefix::text as Prefix, pool as Pool,
                case when route = '' then prefix::text else route end as Route, rule::text as Rule, array_to_string(announced_by, ',') as AnnouncedBy,
                effect::text as Effect, f.dropped_packets as DroppedPackets, f.dropped_bytes as DroppedBytes, f.passed_packets as PassedPackets,
                f.passed_bytes as PassedBytes,
                case
                    when rehearsed then 'rehearsed'
                    when withdrawn then 'withdrawn'
                    when not in_network then 'proposed'
                    when withdrawing then 'withdrawing'
                    else ''
                end as Status
            from views.countermeasures_v1 c
            left join lateral (
                select sum(dropped_packets)::bigint as dropped_packets, sum(dropped_bytes)::bigint as dropped_bytes,
                    sum(passed_packets)::bigint as passed_packets, sum(passed_bytes)::bigint as passed_bytes
                from views.filtered_v1 t where t.countermeasure_id = c.countermeasure_id) f on true
            where tenant_id = @tenantId and mitigation_id = any (@ids)
            """,
            new { of.tenantId, ids = listed.Keys.ToArray() });
        foreach (var row in countermeasures)
        {
            var (status, holding, missing) = StandingOf(row, places);
            listed[row.MitigationId].Countermeasures.Add(new Countermeasure
            {
                CountermeasureId = row.CountermeasureId.ToString(),
                Kind = MitigationPublications.KindOf((CountermeasureKind)row.Kind),
                Route = row.Route.Contains(' ', StringComparison.Ordinal) || row.Rule is null
                    ? row.Route
                    : JsonSerializer.Deserialize<TrafficRule>(row.Rule, EventCatalog.Json)!.ToString(),
                Status = status,
                AnnouncedBy = { holding },
                MissingAt = { missing },
                Effect = Describe(row),
            });
        }

        foreach (var mitigation in listed.Values.Where(it => it.Status.Length == 0))
        {
            mitigation.Status = StatusOf(mitigation.Countermeasures.Select(it => it.Status).Where(it => it is not ("withdrawing" or "withdrawn")).ToList());
        }

        var next = mitigations.Count > Limit ? string.Create(CultureInfo.InvariantCulture, $"{page[^1].StartedAt.Ticks}.{page[^1].MitigationId}") : "";
        return ([.. listed.Values], next);
    }

    /// <summary>In force is what stands at every place where it shall stand, now.</summary>
    private static (string Status, IReadOnlyList<string> Holding, IReadOnlyList<string> Missing) StandingOf(CountermeasureRow row, Places places)
    {
        var readBack = row.AnnouncedBy.Split(',', StringSplitOptions.RemoveEmptyEntries);
        if (row.Status.Length > 0)
        {
            return (row.Status, readBack, []);
        }

        var spec = new CountermeasureSpec((CountermeasureKind)row.Kind, IPNetwork.Parse(row.Prefix), Rule: null, row.Pool);
        var (holding, missing) = places.Of(row.CountermeasureId, spec, readBack);
        var status = holding.Count > 0 && missing.Count == 0 ? "announced" : holding.Count > 0 ? "partial" : readBack.Length > 0 ? "missing" : "requested";
        return (status, holding, missing);
    }

    private static string StatusOf(List<string> standing) =>
        standing.Count > 0 && standing.All(it => it == "announced") ? "active"
        : standing.Any(it => it is "announced" or "partial") ? "partial"
        : standing.Count == 0 || standing.Contains("missing") ? "missing"
        : "starting";

    private static Contracts.Grpc.Mitigation.V1.Mitigation Describe(Row row) => new()
    {
        MitigationId = row.MitigationId.ToString(),
        AnomalyId = row.AnomalyId.ToString(),
        ServiceCode = row.ServiceCode,
        Target = row.Target,
        Status = row.Status,
        StartedAt = Timestamp.FromDateTime(row.StartedAt),
        EndedAt = row.EndedAt is { } ended ? Timestamp.FromDateTime(ended) : null,
        ExpiresAt = row.ExpiresAt is { } expires ? Timestamp.FromDateTime(expires) : null,
        Step = row.Step,
        Failure = row.Failure,
    };

    /// <summary>The verdict as it was recorded last; what scrubbers count, as they said it last.</summary>
    private static Effect? Describe(CountermeasureRow row)
    {
        var effect = row.Effect is null ? null : JsonSerializer.Deserialize<MeasuredEffect>(row.Effect, EventCatalog.Json);
        if (row.DroppedPackets is null)
        {
            return effect is null ? null : Describe(effect);
        }

        effect ??= new MeasuredEffect(0, null, null, null, null, null, EffectRules.Unmeasured, Words: "Not measured yet.");
        return Describe(effect with
        {
            DroppedPackets = row.DroppedPackets,
            DroppedBytes = row.DroppedBytes,
            PassedPackets = row.PassedPackets,
            PassedBytes = row.PassedBytes,
        });
    }

    private static Effect Describe(MeasuredEffect effect)
    {
        var described = new Effect { BeforeBitsPerSecond = effect.BeforeBitsPerSecond, Verdict = effect.Verdict, Words = effect.Words ?? "" };
        if (effect.DuringBitsPerSecond is { } during)
        {
            described.DuringBitsPerSecond = during;
        }

        if (effect is { DroppedPackets: { } droppedPackets, DroppedBytes: { } droppedBytes })
        {
            (described.DroppedPackets, described.DroppedBytes) = (droppedPackets, droppedBytes);
        }

        if (effect is { PassedPackets: { } passedPackets, PassedBytes: { } passedBytes })
        {
            (described.PassedPackets, described.PassedBytes) = (passedPackets, passedBytes);
        }

        if (effect.AfterBitsPerSecond is { } after)
        {
            described.AfterBitsPerSecond = after;
        }

        return described;
    }

    private sealed record Row(
        Guid MitigationId,
        Guid AnomalyId,
        string ServiceCode,
        string Target,
        DateTime StartedAt,
        DateTime? EndedAt,
        DateTime? ExpiresAt,
        int Step,
        string Failure,
        string Status);

    private sealed record CountermeasureRow(
        Guid MitigationId,
        Guid CountermeasureId,
        short Kind,
        string Prefix,
        string? Pool,
        string Route,
        string? Rule,
        string AnnouncedBy,
        string? Effect,
        long? DroppedPackets,
        long? DroppedBytes,
        long? PassedPackets,
        long? PassedBytes,
        string Status);
}
