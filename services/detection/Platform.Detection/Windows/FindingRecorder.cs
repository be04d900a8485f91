using System.Diagnostics;
using System.Threading.Channels;
using Npgsql;
using Platform.Detection.Anomalies;
using Platform.EventStore;

namespace Platform.Detection.Windows;

/// <summary>
/// Appends what the judges find, several targets at a time, one finding per target at a time. While the database is away findings wait, in
/// memory: there are never more of them than targets.
/// </summary>
internal sealed class FindingRecorder(
    StreamStore store, NpgsqlDataSource database, TimeProvider clock, ILogger<FindingRecorder> log) : BackgroundService
{
    private const int Workers = 8;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);
    private readonly Channel<Finding> _findings = Channel.CreateUnbounded<Finding>();

    public void Enqueue(Finding finding) => _findings.Writer.TryWrite(finding);

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(Enumerable.Range(0, Workers).Select(_ => Work(stoppingToken)));

    private async Task Work(CancellationToken stopping)
    {
        await foreach (var finding in _findings.Reader.ReadAllAsync(stopping))
        {
            using var activity = Telemetry.Source.StartActivity("record finding", ActivityKind.Consumer, finding.Origin.Trace);
            while (!await TryRecord(finding, stopping))
            {
                await Task.Delay(Pause, stopping);
            }
        }
    }

    private async Task<bool> TryRecord(Finding finding, CancellationToken cancellation)
    {
        try
        {
            await Record(finding, cancellation);
            return true;
        }
        catch (Exception fault) when (fault is NpgsqlException or TimeoutException or StreamContendedException)
        {
            log.DatabaseAway("findings", fault.Message);
            return false;
        }
    }

    private async Task Record(Finding finding, CancellationToken cancellation)
    {
        var session = store.Tenant(TenantId.Of(finding.Object.TenantId));
        var key = finding.Key;

        if (finding.EndOf is not { } end || !await Pulses.BeatsElsewhere(database, end.AnomalyId, end.Beat, cancellation))
        {
            var cause = new Cause($"finding:{finding.Id:N}", CorrelationId: Activity.Current?.TraceId.ToHexString());
            var decision = await session.Handle(AnomalyState.Stream, key, finding.Decide, cause, cancellation);
            if (decision is Decision<AnomalyEvent>.Rejected(var reason))
            {
                log.FindingRefused(reason.Code, finding.Object.ObjectId);
                return; // an erased object: nothing about this host is ever decided again
            }

            Note(finding, ((Decision<AnomalyEvent>.Accepted)decision).Events);
            var (state, _) = await session.Load(AnomalyState.Stream, key, cancellation);
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
