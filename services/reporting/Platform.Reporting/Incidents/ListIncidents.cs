using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using Google.Protobuf.WellKnownTypes;
using Npgsql;
using NpgsqlTypes;
using Platform.EventStore;
using Wire = Platform.Contracts.Grpc.Reporting.V1;

namespace Platform.Reporting.Incidents;

/// <summary>Query: incidents, newest first, page by page.</summary>
internal sealed class ListIncidents(NpgsqlDataSource database)
{
    public const int DefaultPageSize = 50;
    public const int GreatestPageSize = 200;

    /// <param name="tenant">Null for all tenants.</param>
    /// <param name="serviceCode">Empty for all of the tenant.</param>
    /// <param name="visibleSince">Incidents detected earlier are not shown.</param>
    /// <param name="after">Last incident of the page before.</param>
    /// <param name="pageSize">1 to <see cref="GreatestPageSize"/>.</param>
    /// <param name="cancellationToken">Stops the query.</param>
    public async Task<(IReadOnlyList<Wire.Incident> Incidents, string NextPageToken)> Query(
        TenantId? tenant,
        string serviceCode,
        DateTimeOffset visibleSince,
        PageToken? after,
        int pageSize,
        CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand($"""
            select {IncidentRow.Columns}
            from views.incidents
            where detected_at >= $1
              and ($2 is null or tenant_id = $2)
              and ($3 = '' or service_code = $3)
              and ($4 is null or (detected_at, incident_id) < ($4, $5))
            order by detected_at desc, incident_id desc
            limit $6
            """);
        Add(visibleSince, NpgsqlDbType.TimestampTz);
        Add(tenant?.Value, NpgsqlDbType.Text);
        Add(serviceCode, NpgsqlDbType.Text);
        Add(after?.DetectedAt, NpgsqlDbType.TimestampTz);
        Add(after?.IncidentId, NpgsqlDbType.Uuid);
        Add(pageSize + 1, NpgsqlDbType.Integer); // one more, only to know whether there is one

        var incidents = new List<Wire.Incident>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            incidents.Add(IncidentRow.Read(reader));
        }

        if (incidents.Count <= pageSize)
        {
            return (incidents, "");
        }

        incidents.RemoveAt(pageSize);
        return (incidents, PageToken.Of(incidents[^1]).ToString());

        void Add(object? value, NpgsqlDbType type) =>
            command.Parameters.Add(new() { Value = value ?? DBNull.Value, NpgsqlDbType = type });
    }
}

/// <summary>Where a page ended. Opaque to callers; says nothing that the page itself did not.</summary>
internal sealed record PageToken(DateTimeOffset DetectedAt, Guid IncidentId)
{
    private const int Length = sizeof(long) + 16;

    public static PageToken Of(Wire.Incident last) =>
        new(last.DetectedAt.ToDateTimeOffset(), Guid.Parse(last.IncidentId));

    public static bool TryParse(string text, [NotNullWhen(true)] out PageToken? token)
    {
        token = null;
        Span<byte> bytes = stackalloc byte[Length];
        if (!Base64Url.IsValid(text, out var length)
            || length != Length
            || !Base64Url.TryDecodeFromChars(text, bytes, out _)
            || BitConverter.ToInt64(bytes) is var ticks && (ticks < 0 || ticks > DateTimeOffset.MaxValue.UtcTicks))
        {
            return false;
        }

        token = new PageToken(new DateTimeOffset(ticks, TimeSpan.Zero), new Guid(bytes[sizeof(long)..]));
        return true;
    }

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Length];
        BitConverter.TryWriteBytes(bytes, DetectedAt.UtcTicks);
        IncidentId.TryWriteBytes(bytes[sizeof(long)..]);
        return Base64Url.EncodeToString(bytes);
    }
}

/// <summary>One row of the head of an incident, as it is told.</summary>
internal static class IncidentRow
{
    public const string Columns =
        "incident_id, tenant_id, service_code, target, vectors, peak_bits_per_second, peak_packets_per_second,"
        + " detected_at, ended_at, mitigation_result, reported_at, has_failed and not has_started,"
        + " exists (select from views.incident_countermeasures c where c.tenant_id = incidents.tenant_id and c.incident_id = incidents.incident_id"
        + " and c.announced_at > coalesce(c.withdrawn_at, '-infinity')), marked_false_at,"
        + " (select count(*)::int from views.incident_prefixes p where p.tenant_id = incidents.tenant_id and p.incident_id = incidents.incident_id)";

    public static Wire.Incident Read(NpgsqlDataReader row)
    {
        var incident = new Wire.Incident
        {
            IncidentId = row.GetGuid(0).ToString("D"),
            TenantId = row.GetString(1),
            ServiceCode = row.GetString(2),
            Target = row.GetString(3),
            PeakBitsPerSecond = row.GetInt64(5),
            PeakPacketsPerSecond = row.GetInt64(6),
            DetectedAt = Timestamp.FromDateTimeOffset(row.GetFieldValue<DateTimeOffset>(7)),
            EndedAt = row.IsDBNull(8) ? null : Timestamp.FromDateTimeOffset(row.GetFieldValue<DateTimeOffset>(8)),
            // Of an open one what is true now: how a defence ended that is not the last word is not said before the report.
            MitigationResult = !row.IsDBNull(10) ? row.GetString(9)
                : row.GetBoolean(12) ? MitigationResults.Active
                : row.GetBoolean(11) ? MitigationResults.NotDefended
                : MitigationResults.None,
            Status = row.IsDBNull(10) ? IncidentStatus.Open : IncidentStatus.Closed,
            MarkedFalseAt = row.IsDBNull(13) ? null : Timestamp.FromDateTimeOffset(row.GetFieldValue<DateTimeOffset>(13)),
            PrefixCount = row.GetInt32(14),
        };
        incident.Vectors.AddRange(row.GetFieldValue<string[]>(4));
        return incident;
    }
}
