using System.Net;
using System.Text.Json;
using Google.Protobuf.WellKnownTypes;
using Npgsql;
using NpgsqlTypes;
using Platform.EventStore;
using Wire = Platform.Contracts.Grpc.Reporting.V1;

namespace Platform.Reporting.Incidents;

/// <summary>Query: one incident with its response history, oldest step first by the time it happened, and what it is spread over.</summary>
internal sealed class GetIncident(NpgsqlDataSource database)
{
    /// <returns>Null when it is not there, not of this tenant, or older than is shown.</returns>
    public async Task<Wire.GetIncidentResponse?> Query(
        TenantId? tenant, Guid incidentId, DateTimeOffset visibleSince, CancellationToken cancellationToken)
    {
        await using var batch = database.CreateBatch();
        batch.BatchCommands.Add(Scoped(
            $"select {IncidentRow.Columns} from views.incidents where {Scope} and detected_at >= $3", tenant, incidentId));
        batch.BatchCommands[0].Parameters.Add(new NpgsqlParameter { Value = visibleSince });
        batch.BatchCommands.Add(Scoped(
            $"""
            select happened_at, step, actor, details from views.incident_steps where {Scope}
            order by happened_at, array_position($3, step), step_id
            """,
            tenant,
            incidentId));
        batch.BatchCommands[1].Parameters.Add(new NpgsqlParameter { Value = IncidentSteps.InOrder });
        // Where the detection named its target alone, that one did not join later.
        batch.BatchCommands.Add(Scoped(
            $"""
            select prefix, share, peak_share, case when prefix && target::cidr and min(since) over () > detected_at then detected_at else since end
            from views.incident_prefixes join views.incidents using (tenant_id, incident_id) where {Scope}
            order by share desc, peak_share desc, prefix
            """,
            tenant,
            incidentId));

        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            return null;
        }

        var response = new Wire.GetIncidentResponse { Incident = IncidentRow.Read(reader) };
        await reader.NextResultAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var step = new Wire.IncidentStep
            {
                At = Timestamp.FromDateTimeOffset(reader.GetFieldValue<DateTimeOffset>(0)),
                Step = reader.GetString(1),
                Actor = reader.GetString(2),
            };
            step.Details.Add(JsonSerializer.Deserialize<Dictionary<string, string>>(reader.GetString(3))!);
            response.Timeline.Add(step);
        }

        await reader.NextResultAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            response.Prefixes.Add(new Wire.AttackedPrefix
            {
                Prefix = reader.GetFieldValue<IPNetwork>(0).ToString(),
                Share = reader.GetDouble(1),
                PeakShare = reader.GetDouble(2),
                Since = Timestamp.FromDateTimeOffset(reader.GetFieldValue<DateTimeOffset>(3)),
            });
        }

        return response;
    }

    private const string Scope = "incident_id = $1 and ($2 is null or tenant_id = $2)";

    private static NpgsqlBatchCommand Scoped(string sql, TenantId? tenant, Guid incidentId) => new(sql)
    {
        Parameters =
        {
            new() { Value = incidentId },
            new() { Value = (object?)tenant?.Value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
        },
    };
}
