using Npgsql;
using Platform.EventStore;
using Platform.Notifications.Notices;

namespace Platform.Notifications.Erasures;

/// <summary>
/// Deletes the notices of one contract, but for the notice of its certificate: streams first, then what was derived
/// from them.
/// </summary>
internal sealed class NoticeEraser(NpgsqlDataSource database, StreamStore store)
{
    /// <returns>
    /// Kind of stream to number of streams that this erasure has taken in all, earlier attempts included.
    /// </returns>
    public async Task<IReadOnlyDictionary<string, long>> Erase(
        TenantId tenant, string serviceCode, Guid erasureId, CancellationToken cancellationToken)
    {
        var session = store.Tenant(tenant);
        var streams = new List<StreamKey>();
        foreach (var key in await session.Keys(NoticeState.Stream, cancellationToken))
        {
            // The streams themselves are asked: a view may be behind.
            var (notice, _) = await session.Load(NoticeState.Stream, key, cancellationToken);
            if (notice.ServiceCode == serviceCode && notice.Kind != NoticeKinds.ErasureCertified)
            {
                streams.Add(NoticeState.Stream.For(key));
            }
        }

        var counts = await session.Erase(new Erasure(erasureId, streams, KeyScopes: []), cancellationToken);
        await using var rows = database.CreateCommand(
            "delete from views.notices where service_code = $1 and kind <> $2");
        rows.Parameters.Add(new NpgsqlParameter { Value = serviceCode });
        rows.Parameters.Add(new NpgsqlParameter { Value = NoticeKinds.ErasureCertified });
        await rows.ExecuteNonQueryAsync(cancellationToken);
        var kind = NoticeState.Stream.Name;
        return new Dictionary<string, long> { [kind] = counts.GetValueOrDefault(kind) };
    }
}
