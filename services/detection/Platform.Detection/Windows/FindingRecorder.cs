using System.Diagnostics;
using System.Threading.Channels;
using Npgsql;
using Platform.Detection.Anomalies;
using Platform.EventStore;

namespace Platform.Detection.Windows;

/// <summary>
/// Appends what the judges find, several targets at a time, one finding per target at a time. While the database is away findings wait, in
/// memory: there are never more of them than targets. One that fails for another reason is tried a few times, goes behind the others meanwhile, and is
/// given up then: its judge is told that nothing was decided, and finds it again as long as it is so.
/// </summary>
internal sealed class FindingRecorder(
    StreamStore store, NpgsqlDataSource database, TimeProvider clock, ILogger<FindingRecorder> log) : BackgroundService
{
    private const int Workers = 8;
    public const int MostAttempts = 3;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);
    private readonly Channel<(Finding Finding, int Failures)> _findings = Channel.CreateUnbounded<(Finding, int)>();

    public void Enqueue(Finding finding) => _findings.Writer.TryWrite((finding, 0));

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(Enumerable.Range(0, Workers).Select(_ => Work(stoppingToken)));

    private async Task Work(CancellationToken stopping)
    {
        await foreach (var (finding, failures) in _findings.Reader.ReadAllAsync(stopping))
        {
            using var activity = Telemetry.Source.StartActivity("record finding", ActivityKind.Consumer, finding.Origin.Trace);
            try
            {
                await Record(finding, stopping);
            }
#pragma warning disable CA1031 // whatever it is: it must not end the worker, nor be kept from people
            catch (Exception fault) when (!stopping.IsCancellationRequested)
#pragma warning restore CA1031
            {
                await Postpone(finding, failures, fault, stopping);
            }
        }
    }

    private async Task Postpone(Finding finding, int failures, Exception fault, CancellationToken stopping)
    {
        if (IsAway(fault))
        {
            log.DatabaseAway("findings", fault.Message);
        }
        else if (++failures >= MostAttempts)
        {
            Telemetry.FindingFailed();
            log.FindingFailed(fault, finding.Object.ObjectId, finding.Target.ToString());
            finding.Judge.Adopt(finding, finding.Watch.Episode?.State ?? AnomalyState.Quiet); // as it was: nothing was decided
            return;
        }

        await Task.Delay(Pause, stopping);
        _findings.Writer.TryWrite((finding, failures));
    }

    /// <summary>It passes by itself: the database is away, or others write to the stream.</summary>
    public static bool IsAway(Exception fault) => fault switch
    {
        PostgresException error => error.IsTransient || error.SqlState.StartsWith("57", StringComparison.Ordinal),
        _ => fault is NpgsqlException or TimeoutException or StreamContendedException,
    };

    private async Task Record(Finding finding, CancellationToken cancellation)
    {
        var session = store.Tenant(TenantId.Of(finding.Object.TenantId));
        var key = finding.Key;

        if (finding.EndOf is not { } end || !await Pulses.BeatsElsewhere(database, end.AnomalyId, end.Beat, cancellation))
        {
            var cause = new Cause($"finding:{finding.Id:N}", CorrelationId: Activity.Current?.TraceId.ToHexString());
            var decide = finding.Decide;
            if (finding.Second is { } second)
            {
                var told = second with { Earlier = await Recurrence.Read(database, TenantId.Of(finding.Object.TenantId), second, cancellation) };
                decide = state => AnomalyDecider.Decide(state, told);
            }

            var (decision, state) = await session.HandleAndLoad(AnomalyState.Stream, key, decide, cause, cancellation);
            if (decision is Decision<AnomalyEvent>.Rejected(var reason))
            {
                log.FindingRefused(reason.Code, finding.Object.ObjectId);
                return; // an erased object: nothing about this host is ever decided again
            }

            Note(finding, ((Decision<AnomalyEvent>.Accepted)decision).Events);
            finding.Judge.Adopt(finding, state);
        }
        else
        {
            finding.Judge.Adopt(finding, AnomalyState.Quiet); // another process judges this target now
        }
    }

    private void Note(Finding finding, IReadOnlyList<AnomalyEvent> events)
    {
        foreach (var happened in events)
        {
            switch (happened)
            {
                case AnomalyDetected e:
                    var latency = clock.GetUtcNow() - finding.Origin.FirstArrival;
                    Telemetry.Detected(latency);
                    log.AnomalyDetected(e.Subject.AnomalyId, e.Subject.Target.ToString(), e.BitsPerSecond, e.PacketsPerSecond, latency);
                    break;
                case AnomalyEnded e:
                    Telemetry.Ended();
                    log.AnomalyEnded(e.Subject.AnomalyId, e.Subject.Target.ToString(), e.Reason);
                    break;
            }
        }
    }
}
