using Dapper;
using Npgsql;
using Platform.Contracts.Retention.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Bandwidth;
using Platform.Detection.ProtectedObjects;
using Platform.EventStore;
using Platform.Hosting.Erasures;

namespace Platform.Detection.Erasures;

/// <summary>
/// Erases the anomalies and the protected objects of one contract; names and reasons that people wrote die with their key. What stays of
/// both is with retention, in the residual store.
/// </summary>
internal sealed class DetectionEraser(
    StreamStore store, EventFeed feed, NpgsqlDataSource database, IEnumerable<IProjection> views)
    : IContractEraser
{
    private const string Records = "incident";
    private const string Texts = "customer";

    public string Owner => "detection";

    public IReadOnlyList<string> DataClasses => [Records, Texts];

    public async Task<IReadOnlyDictionary<string, long>> EraseContract(ErasureDue due, Cause cause, CancellationToken cancellation)
    {
        var session = store.Tenant(TenantId.Of(due.TenantId));
        var (records, texts) = (due.DataClasses.Contains(Records), due.DataClasses.Contains(Texts));
        var erasure = new Erasure(
            due.ErasureId, records ? await StreamsOf(session, due.ServiceCode, cancellation) : [], texts ? [due.ServiceCode] : []);
        // The views must have passed what goes, or a late projection would bring its rows back.
        foreach (var view in views)
        {
            await feed.CatchUp(view.Name, cancellation);
        }

        var counts = await session.Erase(erasure, cancellation);
        if (texts)
        {
            await BlankTexts(due, cancellation);
        }

        if (records)
        {
            await EraseRows(due, cancellation);
        }

        if (texts)
        {
            // These hold in plain text what the streams hold sealed: without this, the versions before stay readable in the tables' files.
            await using var connection = await database.OpenConnectionAsync(cancellation);
            await connection.ExecuteAsync("vacuum views.protected_objects_v1, views.anomalies_v1", commandTimeout: 0);
        }

        return counts;
    }

    private static async Task<IReadOnlyCollection<StreamKey>> StreamsOf(
        TenantSession session, string serviceCode, CancellationToken cancellation)
    {
        var (contractKeys, objectKeys) = (new List<string>(), new HashSet<string>());
        foreach (var key in await session.Keys(ProtectedObjectState.Stream, cancellation))
        {
            var (state, _) = await session.Load(ProtectedObjectState.Stream, key, cancellation);
            if (state.ServiceCode == serviceCode)
            {
                contractKeys.Add(key);
                objectKeys.UnionWith(state.Objects.Keys.Select(id => id.ToString()).Append(key));
            }
        }

        // Targets first: while the stream of the objects stands, an interrupted erasure still finds its targets.
        var targetKeys = await session.Keys(AnomalyState.Stream, cancellation);
        return
        [
            .. from target in targetKeys
               where objectKeys.Contains(target.Split('.')[0])
               select AnomalyState.Stream.For(target),
            .. from use in await session.Keys(BandwidthState.Stream, cancellation)
               where objectKeys.Contains(use)
               select BandwidthState.Stream.For(use),
            .. contractKeys.Select(key => ProtectedObjectState.Stream.For(key)),
        ];
    }

    /// <summary>The rows say what the streams say from now on.</summary>
    private async Task BlankTexts(ErasureDue due, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await connection.ExecuteAsync(
            """
            update views.protected_objects_v1 set name = @Erased where tenant_id = @TenantId and service_code = @ServiceCode;
            update views.anomalies_v1 set marked_false_reason = @Erased
             where tenant_id = @TenantId and service_code = @ServiceCode and marked_false_reason is not null;
            """,
            new { due.TenantId, due.ServiceCode, Erased = SealedAttribute.ErasedValue });
    }

    private async Task EraseRows(ErasureDue due, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await connection.ExecuteAsync(
            """
            delete from views.pulses_v1 where anomaly_id in
                (select anomaly_id from views.anomalies_v1 where tenant_id = @TenantId and service_code = @ServiceCode);
            delete from views.anomaly_prefixes_v1 where tenant_id = @TenantId and service_code = @ServiceCode;
            delete from views.anomalies_v1 where tenant_id = @TenantId and service_code = @ServiceCode;
            delete from views.object_exporters_v1 where object_id in
                (select object_id from views.protected_objects_v1 where tenant_id = @TenantId and service_code = @ServiceCode);
            delete from views.exporter_silences_v1 where tenant_id = @TenantId and service_code = @ServiceCode;
            delete from views.protected_objects_v1 where tenant_id = @TenantId and service_code = @ServiceCode;
            delete from views.baselines_v1 where tenant_id = @TenantId and service_code = @ServiceCode;
            delete from views.traffic_history_v1 where tenant_id = @TenantId and service_code = @ServiceCode;
            delete from views.used_minutes_v1 where tenant_id = @TenantId and service_code = @ServiceCode;
            delete from views.used_minutes_v2 where tenant_id = @TenantId and service_code = @ServiceCode;
            delete from views.bandwidth_excesses_v1 where tenant_id = @TenantId and service_code = @ServiceCode;
            delete from views.recorded_events_v1 where tenant_id = @TenantId and service_code = @ServiceCode;
            delete from views.noted_events_v1 where tenant_id = @TenantId and service_code = @ServiceCode;
            """,
            new { due.TenantId, due.ServiceCode });
    }
}
