using Npgsql;
using Platform.Hosting;

namespace Platform.Detection.SecurityEvents;

/// <summary>
/// Deletes security events of the provider's network that nobody looks back at any more: an exporter that comes and goes writes them for ever. Tenants' go when
/// their data is erased. A few each minute, by whichever process comes first.
/// </summary>
internal sealed class OldNotes(NpgsqlDataSource database, TimeProvider clock, ILogger<OldNotes> log) : BackgroundService
{
    /// <summary>Days in Japan, today included.</summary>
    public const int DaysKept = 90;

    /// <summary>In one transaction.</summary>
    public const int MostAtOnce = 5_000;

    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await Delete(stoppingToken);
            }
            catch (Exception unreachable) when (unreachable is NpgsqlException or TimeoutException && !stoppingToken.IsCancellationRequested)
            {
                log.DatabaseAway("old security events", unreachable.Message);
            }
        }
    }

    /// <summary>The oldest first; gives back how many were deleted, none while another process does.</summary>
    public async Task<int> Delete(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            with turn as materialized (select pg_try_advisory_xact_lock(hashtextextended('detection.old-notes', 0)) as is_ours)
            delete from views.noted_events_v1 where event_id in (
                select event_id from views.noted_events_v1
                where tenant_id is null and at < $1 and (select is_ours from turn)
                order by at limit $2)
            """);
        command.Parameters.Add(new() { Value = JapanCalendar.StartOfLastDays(clock.GetUtcNow(), DaysKept) });
        command.Parameters.Add(new() { Value = MostAtOnce });
        return await command.ExecuteNonQueryAsync(cancellation);
    }
}
