using Google.Protobuf.WellKnownTypes;
using Npgsql;
using NpgsqlTypes;
using Platform.EventStore;
using Wire = Platform.Contracts.Grpc.Detection.V1;

namespace Platform.Detection.SecurityEvents;

/// <summary>Query: security events of a tenant, or of the provider's network, newest first, page by page.</summary>
internal static class ListedSecurity
{
    private const int Page = 50;
    private const int MostPage = 200;

    public static async Task<Wire.ListSecurityEventsResponse> Read(
        NpgsqlDataSource database,
        TenantId tenant,
        EventSeverity least,
        IEnumerable<string> kinds,
        PageStart? before,
        int limit,
        CancellationToken cancellation)
    {
        var size = limit is >= 1 and <= MostPage ? limit : Page;
        var whose = tenant == TenantId.Provider ? "tenant_id is null" : "tenant_id = $6"; // each by its index
        await using var command = database.CreateCommand(
            $"""
            select event_id, at, severity, kind, subject, sentence, service_code, sentence_ja
            from views.security_events
            where {whose} and severity >= $1 and (cardinality($2) = 0 or kind = any ($2)) and (at, event_id) < ($3, $4)
            order by at desc, event_id desc
            limit $5
            """);
        command.Parameters.Add(new() { Value = (short)least });
        command.Parameters.Add(new() { Value = kinds.ToArray() });
        command.Parameters.Add(new() { Value = before?.At ?? PageStart.Newest, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new() { Value = before?.Id ?? Guid.Empty });
        command.Parameters.Add(new() { Value = size + 1 });
        if (tenant != TenantId.Provider)
        {
            command.Parameters.Add(new() { Value = tenant.ToGuid() });
        }

        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var response = new Wire.ListSecurityEventsResponse();
        while (await reader.ReadAsync(cancellation))
        {
            if (response.Events.Count == size)
            {
                var last = response.Events[^1];
                response.Next = PageStart.Text(last.At.ToDateTimeOffset(), last.EventId);
                break;
            }

            response.Events.Add(new Wire.SecurityEvent
            {
                EventId = reader.GetGuid(0).ToString(),
                At = Timestamp.FromDateTime(reader.GetDateTime(1)),
                Severity = ((EventSeverity)reader.GetInt16(2)).ToString().ToLowerInvariant(),
                Kind = reader.GetString(3),
                Subject = reader.GetString(4),
                Sentence = reader.GetString(5),
                ServiceCode = reader.GetString(6),
                SentenceJa = reader.GetString(7) is { Length: > 0 } japanese
                    ? japanese
                    : EarlierEvents.InJapanese(reader.GetString(3), reader.GetString(4), reader.GetString(5)),
            });
        }

        return response;
    }
}
