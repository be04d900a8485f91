using System.Net;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;
using Platform.Ingestion.Flows;
using Platform.Ingestion.Receiving;

namespace Platform.Ingestion.Exporters;

/// <summary>
/// Twice a second: takes over newly registered exporters, notes when each was last heard, and finds who fell silent or returned. Every replica runs it on what all of
/// them heard; the rules decide, and the cause is the sighting, so two replicas say it once.
/// </summary>
internal sealed class ExporterWatch(
    NpgsqlDataSource database,
    StreamStore store,
    ExporterRegistry registry,
    IOptions<FlowsOptions> options,
    TimeProvider clock,
    ILogger<ExporterWatch> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    private readonly Dictionary<Guid, long> _noted = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        do
        {
            try
            {
                await Look(stoppingToken);
            }
            catch (NpgsqlException unreachable)
            {
                log.DatabaseAway(unreachable); // the allow-list stands as it was; datagrams go on being counted
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    internal async Task Look(CancellationToken cancellationToken)
    {
        await NoteSightings(cancellationToken);
        var rows = await Read(cancellationToken);
        registry.Replace(rows.Select(row => (
            row.ExporterId, HostAddress.From(IPAddress.Parse(row.Address)), row.SamplingRate, ProtocolOf(row.ExpectedProtocol))));

        var now = clock.GetUtcNow();
        foreach (var exporter in registry.All)
        {
            exporter.Measure(now.ToUnixTimeMilliseconds());
        }

        await NoteConditions(rows, now, cancellationToken);

        foreach (var row in rows.Where(row => row.LastSeenAt is not null))
        {
            var seenAt = row.LastSeenAt!.Value;
            var isQuiet = now - seenAt > options.Value.SilentAfter;
            if (isQuiet && row is { Heard: true, Silent: false })
            {
                var silence = new NoteSilence(seenAt, now);
                await Handle(row, Invariant($"silent:{seenAt:O}"), state => ExporterDecider.Decide(state, silence), cancellationToken);
            }
            else if (!isQuiet && (row.Silent || !row.Heard))
            {
                var back = new NoteReturn(seenAt);
                await Handle(row, Invariant($"returned:{seenAt:O}"), state => ExporterDecider.Decide(state, back), cancellationToken);
            }
        }
    }

    private async Task NoteConditions(List<Row> rows, DateTimeOffset now, CancellationToken cancellationToken)
    {
        foreach (var exporter in registry.All)
        {
            foreach (var (condition, detail, japanese) in exporter.Conditions.Look(exporter.Context))
            {
                if (rows.Find(row => row.ExporterId == exporter.ExporterId) is { } row)
                {
                    var note = new NoteCondition(condition, detail, now, japanese);
                    await Handle(row, Invariant($"{condition}:{now:O}"), state => ExporterDecider.Decide(state, note), cancellationToken);
                }
            }
        }
    }

    private async Task Handle(
        Row row, string cause, Func<ExporterState, Decision<ExporterEvent>> decide, CancellationToken cancellationToken) =>
        await store.Tenant(TenantId.Provider).Handle(ExporterState.Stream, row.StreamKey, decide, new Cause(cause), cancellationToken);

    private async Task NoteSightings(CancellationToken cancellationToken)
    {
        var seen = registry.All
            .Select(exporter => (exporter.ExporterId, exporter.LastSeenMs))
            .Where(sighting => sighting.LastSeenMs > _noted.GetValueOrDefault(sighting.ExporterId))
            .ToList();
        if (seen.Count == 0)
        {
            return;
        }

        await using var note = database.CreateCommand("""
            insert into views.exporter_sightings (exporter_id, last_seen_at)
            select * from unnest($1::uuid[], $2::timestamptz[])
            on conflict (exporter_id) do update set last_seen_at = greatest(exporter_sightings.last_seen_at, excluded.last_seen_at)
            """);
        note.Parameters.Add(new NpgsqlParameter { Value = seen.Select(sighting => sighting.ExporterId).ToArray() });
        note.Parameters.Add(new NpgsqlParameter
        {
            Value = seen.Select(sighting => DateTimeOffset.FromUnixTimeMilliseconds(sighting.LastSeenMs)).ToArray(),
        });
        await note.ExecuteNonQueryAsync(cancellationToken);
        seen.ForEach(sighting => _noted[sighting.ExporterId] = sighting.LastSeenMs);
    }

    private async Task<List<Row>> Read(CancellationToken cancellationToken)
    {
        await using var query = database.CreateCommand("""
            select exporter_id, stream_key, address, sampling_rate, silent, heard, last_seen_at, expected_protocol
            from views.exporters left join views.exporter_sightings using (exporter_id)
            """);
        var rows = new List<Row>();
        await using var reader = await query.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(new Row(
                reader.GetGuid(0),
                reader.GetString(1),
                reader.GetString(2),
                (uint)reader.GetInt64(3),
                reader.GetBoolean(4),
                reader.GetBoolean(5),
                reader.IsDBNull(6) ? null : reader.GetFieldValue<DateTimeOffset>(6),
                reader.GetString(7)));
        }

        return rows;
    }

    private static FlowProtocol? ProtocolOf(string name) => System.Enum.TryParse<FlowProtocol>(name, ignoreCase: true, out var protocol) ? protocol : null;

    private sealed record Row(
        Guid ExporterId, string StreamKey, string Address, uint SamplingRate, bool Silent, bool Heard, DateTimeOffset? LastSeenAt, string ExpectedProtocol);
}
