using System.Text.Json;
using Google.Protobuf.WellKnownTypes;
using Npgsql;
using Platform.EventStore;
using Wire = Platform.Contracts.Grpc.Notifications.V1;

namespace Platform.Notifications.Notices;

/// <summary>Query: notices of a tenant, newest first, at most <see cref="Greatest"/>.</summary>
internal sealed class ListNotices(NpgsqlDataSource database)
{
    public const int Greatest = 200;

    public async Task<IReadOnlyList<Wire.Notice>> Query(TenantId tenant, CancellationToken cancellationToken)
    {
        await using var query = database.CreateCommand("""
            select notice_id, service_code, kind, details, published_at
            from views.notices
            where tenant_id = $1
            order by published_at desc, notice_id desc
            limit $2
            """);
        query.Parameters.Add(new NpgsqlParameter { Value = tenant.Value });
        query.Parameters.Add(new NpgsqlParameter { Value = Greatest });
        var notices = new List<Wire.Notice>();
        await using var reader = await query.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var notice = new Wire.Notice
            {
                NoticeId = reader.GetGuid(0).ToString("D"),
                ServiceCode = reader.GetString(1),
                Kind = reader.GetString(2),
                PublishedAt = Timestamp.FromDateTimeOffset(reader.GetFieldValue<DateTimeOffset>(4)),
            };
            notice.Details.Add(JsonSerializer.Deserialize<Dictionary<string, string>>(reader.GetString(3))!);
            notices.Add(notice);
        }

        return notices;
    }
}
