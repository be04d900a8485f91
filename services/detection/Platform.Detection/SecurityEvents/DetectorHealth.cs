using System.Globalization;
using Npgsql;
using Platform.Detection.Windows;

namespace Platform.Detection.SecurityEvents;

/// <summary>
/// Notices what this process does badly: it lags behind the wire, batches were lost before it, or it has no room for hosts. Once a minute per object for these; a lag is noted when it
/// lasts three seconds, and its end when there was none for ten.
/// </summary>
internal sealed class DetectorHealth(WindowJudges judges, SecurityNotes noted, TimeProvider clock, ILogger<DetectorHealth> log) : BackgroundService
{
    private const int BehindSeconds = 3;
    private const int CaughtUpSeconds = 10;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MostLag = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LossInterval = TimeSpan.FromMinutes(1);

    private readonly int[] _lagging = new int[judges.All.Count]; // seconds; below 0: seconds without, since it was noted
    private readonly bool[] _isBehind = new bool[judges.All.Count];
    private readonly Dictionary<WatchedObject, ulong> _lost = [];
    private readonly Dictionary<WatchedObject, ulong> _crowded = [];
    private DateTimeOffset _lossesNoted;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await Look(stoppingToken);
            }
            catch (NpgsqlException unreachable) when (!stoppingToken.IsCancellationRequested)
            {
                log.DatabaseAway("security events", unreachable.Message);
            }
        }
    }

    private async Task Look(CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        for (var partition = 0; partition < judges.All.Count; partition++)
        {
            var (lag, lost) = judges.All[partition].Health();
            foreach (var (watched, batches) in lost)
            {
                _lost[watched] = _lost.GetValueOrDefault(watched) + batches;
            }

            foreach (var (watched, windows) in judges.All[partition].Crowded())
            {
                _crowded[watched] = _crowded.GetValueOrDefault(watched) + windows;
            }

            await Weigh(partition, lag, now, cancellation);
        }

        if (_lost.Count + _crowded.Count > 0 && now - _lossesNoted >= LossInterval)
        {
            _lossesNoted = now;
            await Note(
                _lost,
                "telemetry-lost",
                batches => Said($"{batches:N0} batches of traffic windows were lost on their way to the detector: attacks may be seen late"),
                batches => Said($"検知処理に届くまでに通信量データ{batches:N0}件が失われました。攻撃の検知が遅れることがあります"),
                now,
                cancellation);
            await Note(
                _crowded,
                "hosts-crowded",
                windows => Said($"more hosts than there is room for: {windows:N0} traffic windows were judged with their prefix only, not host by host"),
                windows => Said($"ホスト数が上限を超えたため、通信量データ{windows:N0}件はホスト単位ではなくプレフィックス単位でのみ判定しました"),
                now,
                cancellation);
        }
    }

    private async Task Note(
        Dictionary<WatchedObject, ulong> counts,
        string kind,
        Func<ulong, string> sentence,
        Func<ulong, string> japanese,
        DateTimeOffset now,
        CancellationToken cancellation)
    {
        foreach (var (watched, count) in counts.ToArray())
        {
            await noted.Note(new SecurityEvent(
                Guid.CreateVersion7(now), watched.TenantId, now, EventSeverity.Medium, kind, watched.ServiceCode, sentence(count), japanese(count), watched.ServiceCode), cancellation);
            counts.Remove(watched);
        }
    }

    private async Task Weigh(int partition, TimeSpan lag, DateTimeOffset now, CancellationToken cancellation)
    {
        _lagging[partition] = lag > MostLag ? Math.Max(0, _lagging[partition]) + 1 : Math.Min(0, _lagging[partition]) - 1;
        var queue = WindowTopology.Queue(partition);
        if (!_isBehind[partition] && _lagging[partition] >= BehindSeconds)
        {
            await noted.Note(new SecurityEvent(
                Guid.CreateVersion7(now), TenantId: null, now, EventSeverity.High, "detector-behind", queue,
                Said($"{queue} is judged {lag.TotalSeconds:0.0} s behind the wire: attacks are seen late"),
                Said($"{queue}の判定が実時間より{lag.TotalSeconds:0.0}秒遅れています。攻撃の検知が遅れます")), cancellation);
            _isBehind[partition] = true;
        }
        else if (_isBehind[partition] && _lagging[partition] <= -CaughtUpSeconds)
        {
            await noted.Note(new SecurityEvent(
                Guid.CreateVersion7(now), TenantId: null, now, EventSeverity.Info, "detector-caught-up", queue,
                $"{queue} is judged in time again",
                $"{queue}の判定の遅れは解消しました"), cancellation);
            _isBehind[partition] = false;
        }
    }

    private static string Said(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
