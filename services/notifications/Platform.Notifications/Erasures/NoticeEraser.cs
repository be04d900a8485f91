using Npgsql;
using Platform.Contracts.Retention.V1;
using Platform.EventStore;
using Platform.Hosting.Erasures;
using Platform.Notifications.Notices;

namespace Platform.Notifications.Erasures;

/// <summary>Deletes the notices of one contract, but for the notice of its certificate: streams first, then what was derived from them.</summary>
internal sealed class NoticeEraser(NpgsqlDataSource database, StreamStore store) : IContractEraser
{
    public string Owner => "notifications";

    public IReadOnlyList<string> DataClasses => ["incident"];

    public async Task<IReadOnlyDictionary<string, long>> EraseContract(ErasureDue due, Cause cause, CancellationToken cancellationToken)
    {
        var session = store.Tenant(TenantId.Of(due.TenantId));
        var streams = new List<StreamKey>();
        foreach (var key in await session.Keys(NoticeState.Stream, cancellationToken))
        {
            // The streams themselves are asked: a view may be behind.
            var (notice, _) = await session.Load(NoticeState.Stream, key, cancellationToken);
            if (notice.ServiceCode == due.ServiceCode && notice.Kind != NoticeKinds.ErasureCertified)
            {
                streams.Add(NoticeState.Stream.For(key));
            }
        }

        var counts = await session.Erase(new Erasure(due.ErasureId, streams, KeyScopes: []), cancellationToken);
        await using var rows = database.CreateCommand("delete from views.notices where service_code = $1 and kind <> $2");
        rows.Parameters.Add(new NpgsqlParameter { Value = due.ServiceCode });
        rows.Parameters.Add(new NpgsqlParameter { Value = NoticeKinds.ErasureCertified });
        await rows.ExecuteNonQueryAsync(cancellationToken);
        var kind = NoticeState.Stream.Name;
        return new Dictionary<string, long> { [kind] = counts.GetValueOrDefault(kind) };
    }
}
