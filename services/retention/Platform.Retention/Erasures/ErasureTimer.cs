using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;

namespace Platform.Retention.Erasures;

/// <summary>
/// Asks the owners when a term has come, and again while an answer is missing. Every replica may run it: the view only
/// says where to
/// look, the rules decide, and the cause is the instant it was due, so two replicas ask once.
/// </summary>
internal sealed class ErasureTimer(
    NpgsqlDataSource database,
    StreamStore store,
    IOptions<ErasureOptions> options,
    TimeProvider clock,
    ILogger<ErasureTimer> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.CheckInterval, clock);
        do
        {
            try
            {
                await RequestDue(stoppingToken);
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                log.TickFailed(fault); // what is due stays due: the next tick finds it again
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    internal async Task RequestDue(CancellationToken cancellationToken)
    {
        var command = new RequestErasure(
            options.Value.OwnerNames, options.Value.RepeatAfter, options.Value.RepeatAtMost, clock.GetUtcNow());
        foreach (var (erasureId, dueSince) in await Due(command.At, cancellationToken))
        {
            var decision = await store.Tenant(TenantId.Provider).Handle(
                ErasureState.Stream,
                $"{erasureId:D}",
                state => ErasureDecider.Decide(state, command),
                new Cause(Invariant($"due:{dueSince:O}")),
                cancellationToken);
            if (decision is Decision<ErasureEvent>.Accepted { Events.Count: > 0 })
            {
                Telemetry.Requested();
                log.ErasureRequested(erasureId);
            }
        }

        await using var waiting = database.CreateCommand("select count(*) from views.erasures where status = $1");
        waiting.Parameters.Add(new NpgsqlParameter { Value = ErasureStatuses.Due });
        Telemetry.StillWaiting((long)(await waiting.ExecuteScalarAsync(cancellationToken))!);
    }

    private async Task<List<(Guid ErasureId, DateTimeOffset DueSince)>> Due(
        DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var query = database.CreateCommand("""
            select erasure_id, next_request_at from views.erasures
            where next_request_at <= $1 order by next_request_at limit 100
            """);
        query.Parameters.Add(new NpgsqlParameter { Value = now });
        var due = new List<(Guid, DateTimeOffset)>();
        await using var reader = await query.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            due.Add((reader.GetGuid(0), reader.GetFieldValue<DateTimeOffset>(1)));
        }

        return due;
    }
}
