using Npgsql;
using Platform.Detection.Windows;

namespace Platform.Detection.Bandwidth;

/// <summary>
/// Adds up the minutes of objects that share what their contract declares: they may be judged by different processes, so each process writes its minutes
/// down (<see cref="UseRecorder"/>), and each says what they come to; whoever says so second changes nothing. The excess is the object <c>default</c>'s.
/// Also ends what an object that is watched no longer had open: nobody measures it any more.
/// </summary>
internal sealed class SharedUse(
    NpgsqlDataSource database, ObjectDirectory objects, WindowJudges judges, UseRecorder recorder, TimeProvider clock, ILogger<SharedUse> log)
    : BackgroundService
{
    private const int KeptMinutes = 10;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30); // for the last process to write a minute down
    private readonly Dictionary<Guid, DeclaredUse> _uses = [];
    private long _summed;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await SumWhatIsOver(stoppingToken);
                await EndWhatIsRetired(stoppingToken);
            }
            catch (NpgsqlException unreachable) when (!stoppingToken.IsCancellationRequested)
            {
                log.DatabaseAway("used bandwidth", unreachable.Message);
            }
        }
    }

    private async Task SumWhatIsOver(CancellationToken cancellation)
    {
        var newest = ((clock.GetUtcNow() - Patience).ToUnixTimeSeconds() / 60) - 1;
        for (var minute = Math.Max(_summed + 1, newest - KeptMinutes); minute <= newest; minute++)
        {
            await Sum(minute, cancellation);
            _summed = minute;
        }
    }

    private async Task EndWhatIsRetired(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select e.tenant_id, e.object_id, e.service_code, e.declared_bits_per_second, o.retired_at
            from views.bandwidth_excesses_v1 e join views.protected_objects_v1 o using (tenant_id, object_id)
            where e.until is null and o.retired_at is not null
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            recorder.Enqueue(new UseChanged(
                reader.GetGuid(0),
                new MeasureUse(
                    reader.GetGuid(1), reader.GetString(2), reader.GetInt64(3), BitsPerSecond: 0, reader.GetFieldValue<DateTimeOffset>(4), clock.GetUtcNow())));
        }
    }

    private async Task Sum(long minute, CancellationToken cancellation)
    {
        var sums = await Read(minute, cancellation);
        var now = clock.GetUtcNow();
        foreach (var shared in objects.SharedContracts())
        {
            if (!_uses.TryGetValue(shared.ObjectId, out var use))
            {
                _uses.Add(shared.ObjectId, use = new DeclaredUse());
            }

            var (bits, isAttacked) = sums.GetValueOrDefault((shared.TenantId, shared.ServiceCode));
            var alone = shared with { IsShared = false }; // what it is held against is the sum
            use.Add(alone, minute * 60, bits, isAttacked, judges.Anywhere.Since(now), now);
            if (use.End(alone, minute + 1, judges.Anywhere.Since(now), now) is { } said)
            {
                recorder.Enqueue(said);
            }
        }
    }

    private async Task<Dictionary<(Guid Tenant, string ServiceCode), (long Bits, bool IsAttacked)>> Read(long minute, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            with old as (delete from views.used_minutes_v2 where minute < $1 - $2)
            select tenant_id, service_code, least(sum(bits), 9223372036854775807)::bigint, bool_or(is_attacked)
            from views.used_minutes_v2 where minute = $1 group by tenant_id, service_code
            """);
        command.Parameters.Add(new() { Value = minute });
        command.Parameters.Add(new() { Value = (long)KeptMinutes });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var sums = new Dictionary<(Guid, string), (long, bool)>();
        while (await reader.ReadAsync(cancellation))
        {
            sums.Add((reader.GetGuid(0), reader.GetString(1)), (reader.GetInt64(2), reader.GetBoolean(3)));
        }

        return sums;
    }
}
