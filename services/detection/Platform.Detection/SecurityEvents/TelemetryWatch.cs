using Npgsql;
using Platform.Detection.Windows;

namespace Platform.Detection.SecurityEvents;

/// <summary>
/// Notices that all telemetry is gone (ingestion or the broker is away, or every router is silent), and that it is back. No single replica knows: each hears
/// its own partitions only, so they write down when they heard anything, and the first that sees it stand still tells the provider and every tenant, once
/// for each of its contracts.
/// </summary>
internal sealed class TelemetryWatch(NpgsqlDataSource database, WindowJudges judges, TimeProvider clock, ILogger<TelemetryWatch> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Without anything for so long it is gone; longer than a partition changes hands.</summary>
    private static readonly TimeSpan GoneAfter = TimeSpan.FromSeconds(15);

    private TimeSpan _present;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var began = clock.GetUtcNow();
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                var now = clock.GetUtcNow();
                var present = judges.Anywhere.At(now);
                if (present > _present)
                {
                    _present = present;
                    await Hear(now, stoppingToken);
                }
                else if (now - began >= GoneAfter) // while nobody looked nothing was gone
                {
                    await Miss(now, stoppingToken);
                }
            }
            catch (Exception unreachable) when (unreachable is NpgsqlException or TimeoutException && !stoppingToken.IsCancellationRequested)
            {
                log.DatabaseAway("signs of telemetry", unreachable.Message);
            }
        }
    }

    private Task Hear(DateTimeOffset now, CancellationToken cancellation) => Tell(
        """
        with before as (
            select heard_at from views.telemetry_heard_v1 where is_gone for update
        ), heard as (
            insert into views.telemetry_heard_v1 as known (heard_at) values ($1)
            on conflict (id) do update set heard_at = greatest(known.heard_at, excluded.heard_at), is_gone = false
        ), said as (
            select 'telemetry of the network is there again; nothing was seen for ' || round(extract(epoch from $1 - heard_at)) || ' s' as sentence,
                'ネットワークのフロー情報の受信が再開しました。' || round(extract(epoch from $1 - heard_at)) || '秒間、何も見えていませんでした' as sentence_ja
            from before
        )
        """,
        "telemetry-back",
        EventSeverity.Info,
        now,
        now,
        cancellation);

    private Task Miss(DateTimeOffset now, CancellationToken cancellation) => Tell(
        """
        with gone as (
            update views.telemetry_heard_v1 set is_gone = true where not is_gone and heard_at <= $1 returning heard_at
        ), said as (
            select 'no telemetry of the network since ' || to_char(heard_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')
                || ' UTC: attacks are not seen until it is back' as sentence,
                to_char(heard_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC以降、ネットワークのフロー情報を受信していません。再開するまで攻撃は検知できません' as sentence_ja
            from gone
        )
        """,
        "telemetry-gone",
        EventSeverity.Critical,
        now - GoneAfter,
        now,
        cancellation);

    /// <summary>Says it to the provider and about every contract, when there is something to say.</summary>
    private async Task Tell(
        string said, string kind, EventSeverity severity, DateTimeOffset heard, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            $"""
            {said}
            insert into views.noted_events_v1 (event_id, tenant_id, at, severity, kind, subject, sentence, service_code, sentence_ja)
            select gen_random_uuid(), tenant_id, $2, $3, $4, 'telemetry', sentence, service_code, sentence_ja
            from said, (
                select null::uuid as tenant_id, '' as service_code
                union select tenant_id, service_code from views.protected_objects_v1 where retired_at is null) told
            """);
        command.Parameters.Add(new() { Value = heard });
        command.Parameters.Add(new() { Value = now });
        command.Parameters.Add(new() { Value = (short)severity });
        command.Parameters.Add(new() { Value = kind });
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
