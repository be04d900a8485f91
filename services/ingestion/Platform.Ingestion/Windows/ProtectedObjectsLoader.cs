using System.Net;
using Npgsql;

namespace Platform.Ingestion.Windows;

/// <summary>
/// Brings the objects of the local view into <see cref="ProtectedObjects"/>: at once in the replica that consumed the fact, within a second in the others.
/// </summary>
internal sealed class ProtectedObjectsLoader(
    NpgsqlDataSource database, ProtectedObjects objects, TimeProvider clock, ILogger<ProtectedObjectsLoader> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _gate = new(1);
    private (long, decimal, long) _loaded = (-1, 0, 0);

    /// <summary>Loads when anything changed since the last time.</summary>
    public async Task Load(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            // Versions only grow and retirement is final, so any change moves one of the three.
            await using var query = database.CreateCommand(
                "select count(*), coalesce(sum(version), 0), count(*) filter (where retired) from views.protected_objects");
            await using var reader = await query.ExecuteReaderAsync(cancellationToken);
            await reader.ReadAsync(cancellationToken);
            var state = (reader.GetInt64(0), reader.GetDecimal(1), reader.GetInt64(2));
            if (state != _loaded)
            {
                objects.Current = new ProtectedView(await Read(cancellationToken));
                _loaded = state;
                log.ProtectedObjectsLoaded(objects.Current.Objects.Length);
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    public override void Dispose()
    {
        _gate.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        do
        {
            try
            {
                await Load(stoppingToken);
            }
            catch (NpgsqlException unreachable)
            {
                log.DatabaseAway(unreachable); // counting goes on with the objects as they were
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task<List<ProtectedObject>> Read(CancellationToken cancellationToken)
    {
        await using var query = database.CreateCommand("""
            select object_id, tenant_id, version, prefixes, watch_bytes, watch_packets from views.protected_objects where not retired order by object_id
            """);
        var read = new List<ProtectedObject>();
        await using var reader = await query.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var prefixes = reader.GetFieldValue<string[]>(3).Select(IPNetwork.Parse).ToArray();
            read.Add(new ProtectedObject(
                reader.GetGuid(0), reader.GetGuid(1), reader.GetInt64(2), prefixes, (ulong)reader.GetInt64(4), (ulong)reader.GetInt64(5)));
        }

        return read;
    }
}
