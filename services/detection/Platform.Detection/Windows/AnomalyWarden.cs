using Microsoft.Extensions.Options;
using Npgsql;
using Platform.Detection.Anomalies;
using Platform.EventStore;

namespace Platform.Detection.Windows;

/// <summary>
/// Sees to it that no anomaly stays open for ever. Every second it writes the pulses of what this process judges, and ends what nobody judges any
/// more: the pulse stood still as long as an anomaly must be quiet, and a margin more, while we were looking and telemetry was there. Also what belongs to
/// a retired object, and what telemetry was missing of for too long.
/// </summary>
internal sealed class AnomalyWarden(
    NpgsqlDataSource database,
    StreamStore store,
    WindowJudges judges,
    IOptions<AnomalyOptions> options,
    TimeProvider clock,
    ILogger<AnomalyWarden> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(5); // longer than another process needs to take over a partition

    private readonly Dictionary<Guid, (long Beat, DateTimeOffset Since, TimeSpan Present)> _still = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await Beat(stoppingToken);
                await EndAbandoned(stoppingToken);
            }
            catch (Exception unreachable) when (unreachable is NpgsqlException or TimeoutException && !stoppingToken.IsCancellationRequested)
            {
                _still.Clear(); // nobody could write a pulse, so none stood still
                log.DatabaseAway("pulses", unreachable.Message);
            }
        }
    }

    private async Task Beat(CancellationToken cancellation)
    {
        foreach (var judge in judges.All)
        {
            var pulses = judge.Pulses();
            if (pulses.Count > 0)
            {
                judge.Forsake(await Pulses.Write(database, pulses, cancellation));
            }
        }
    }

    private async Task EndAbandoned(CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        var present = judges.Anywhere.At(now);
        var open = await OpenAnomalies.Read(database, cancellation);
        foreach (var gone in _still.Keys.Except(open.Select(anomaly => anomaly.Subject.AnomalyId)).ToArray())
        {
            _still.Remove(gone);
        }

        foreach (var anomaly in open)
        {
            var id = anomaly.Subject.AnomalyId;
            if (!_still.TryGetValue(id, out var seen) || seen.Beat != anomaly.Beat)
            {
                _still[id] = seen = (anomaly.Beat, now, present);
            }

            var (still, watched) = (now - seen.Since, present - seen.Present);
            var reason = anomaly.Unwatched
                ?? (watched >= options.Value.QuietFor + Margin && watched >= anomaly.QuietFor + Margin ? EndReason.Subsided
                    : still - watched >= options.Value.MissingFor + Margin ? EndReason.TelemetryMissing
                    : null);
            if (reason is { } over)
            {
                try
                {
                    await End(anomaly, over, seen.Since, now, cancellation);
                }
                catch (StreamContendedException)
                {
                    log.EndContended(id); // somebody else decides about it; if it is still open, the next second ends it
                }
            }
        }
    }

    private async Task End(
        OpenAnomaly anomaly, EndReason reason, DateTimeOffset quietSince, DateTimeOffset now, CancellationToken cancellation)
    {
        var subject = anomaly.Subject;
        var command = new EndAnomaly(
            subject.AnomalyId,
            reason,
            quietSince,
            options.Value.QuietFor,
            anomaly.PeakBitsPerSecond,
            anomaly.PeakPacketsPerSecond,
            anomaly.Until,
            now,
            anomaly.Memory?.Pulses ?? 1,
            anomaly.Memory?.Most);
        await store.Tenant(TenantId.Of(anomaly.TenantId)).Handle(
            AnomalyState.Stream,
            AnomalyState.KeyOf(subject.ObjectId, subject.Target, subject.Direction, subject.Level),
            state => AnomalyDecider.Decide(state, command),
            new Cause($"warden:{subject.AnomalyId:N}:{reason}"),
            cancellation);
        log.AnomalyEnded(subject.AnomalyId, subject.Target.ToString(), reason);
    }
}
