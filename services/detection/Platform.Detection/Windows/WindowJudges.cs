using Microsoft.Extensions.Options;
using Platform.Detection.Anomalies;
using Platform.Detection.Bandwidth;
using Platform.Detection.Learning;

namespace Platform.Detection.Windows;

/// <summary>One judge for each partition that there can be; those that another process reads, and those that are not there, are empty.</summary>
internal sealed class WindowJudges
{
    public WindowJudges(
        ObjectDirectory objects,
        FindingRecorder recorder,
        BaselineKeeper baselines,
        UseRecorder uses,
        IOptions<WindowOptions> windows,
        IOptions<AnomalyOptions> anomalies)
    {
        Anywhere = new TelemetryPresence(anomalies.Value.TelemetryGap);
        All =
        [
            .. Enumerable.Range(0, WindowTopology.MostPartitions)
                .Select(_ => new WindowJudge(
                    objects.Find,
                    windows.Value,
                    anomalies.Value,
                    recorder.Enqueue,
                    new TelemetryPresence(anomalies.Value.TelemetryGap),
                    baselines.Remember,
                    uses.Enqueue)),
        ];
        Telemetry.ObserveHosts(() => All.Sum(judge => (long)judge.Hosts));
    }

    public IReadOnlyList<WindowJudge> All { get; }

    /// <summary>Telemetry on any partition that this process reads: for what no judge of it looks after.</summary>
    public TelemetryPresence Anywhere { get; }
}
