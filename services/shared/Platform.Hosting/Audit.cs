using System.Diagnostics.Metrics;
using System.Runtime.InteropServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Platform.EventStore;

namespace Platform.Hosting;

/// <summary>Anchors the chain heads of each day in Japan once it is over, and logs the digests, where the database cannot reach.</summary>
internal sealed class AnchorKeeper(StreamStore store, TimeProvider clock, ILogger<AnchorKeeper> log) : BackgroundService
{
    private const int DaysLookedBack = 7; // a service that was down over midnight anchors when it is back
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);
    private static readonly TimeSpan Japan = TimeSpan.FromHours(9);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (var days = DaysLookedBack; !stoppingToken.IsCancellationRequested; days = 1)
        {
            try
            {
                for (var back = days; back >= 1; back--)
                {
                    await Anchor(JapanCalendar.StartOfLastDays(clock.GetUtcNow(), back + 1).ToOffset(Japan), stoppingToken);
                }
            }
            catch (Exception interrupted) when (!stoppingToken.IsCancellationRequested)
            {
                log.AnchorsWait(interrupted, Interval);
            }

            await Task.Delay(Interval, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task Anchor(DateTimeOffset midnight, CancellationToken cancellationToken)
    {
        foreach (var (tenant, digest) in await new StreamAudit(store).Anchor(midnight, cancellationToken))
        {
            log.Anchored(DateOnly.FromDateTime(midnight.DateTime), tenant, digest);
        }
    }
}

/// <summary>
/// The command <c>verify</c>: walks the hash chains of every tenant, names what is not as it was written, and logs the digest of each day for
/// comparison with the one that was logged when the day was over.
/// </summary>
internal static class Verification
{
    public static async Task<int> Run(IServiceProvider services, ILogger log)
    {
        var findings = 0;
        var audit = new StreamAudit(services.GetRequiredService<StreamStore>());
        await foreach (var (tenant, report) in audit.VerifyAll(CancellationToken.None))
        {
            foreach (var (day, digest) in await audit.Digests(tenant, CancellationToken.None))
            {
                log.Anchored(day, tenant, digest);
            }

            log.Verified(tenant, report.Events, report.Foreign.Count, report.Findings.Count);
            foreach (var foreign in report.Foreign)
            {
                log.OfAnotherWriter(tenant, foreign.Stream, foreign.Version);
            }

            foreach (var finding in report.Findings)
            {
                log.NotAsWritten(tenant, finding);
            }

            findings += report.Findings.Count;
        }

        return findings == 0 ? 0 : 1;
    }
}

/// <summary>What the kernel says about the clock's synchronisation; goes with every event, so that a report can prove its times (R37).</summary>
internal static class ClockState
{
    private const int TimeError = 5; // TIME_ERROR: not synchronised
    private const int NanosecondsFlag = 0x2000; // STA_NANO in status
    private static readonly Meter Meter = new("Platform.Clock");

    private static int _isMeasured;

    /// <summary>Makes it metrics as well, once for the process.</summary>
    public static void Measure()
    {
        if (!OperatingSystem.IsLinux() || Interlocked.Exchange(ref _isMeasured, 1) != 0)
        {
            return;
        }

        Meter.CreateObservableGauge(
            "platform.clock.synchronised", () => Read().IsSynchronised ? 1 : 0, "1", "1 while the kernel says that the clock follows a source of time, else 0.");
        Meter.CreateObservableGauge(
            "platform.clock.error", () => Read().Most.TotalSeconds, "s", "How far the clock is from true time at most, as the kernel knows it from who synchronises it.");
    }

    /// <summary>For example <c>synchronised offset=12us maxerror=480us</c> or <c>unsynchronised</c>; null where there is no such kernel.</summary>
    public static string? Now()
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        return Describe(Read());
    }

    internal static string Describe((bool IsSynchronised, TimeSpan Offset, TimeSpan Most) clock) => clock.IsSynchronised
        ? FormattableString.Invariant($"synchronised offset={clock.Offset.TotalMicroseconds:0}us maxerror={clock.Most.TotalMicroseconds:0}us")
        : "unsynchronised";

    /// <param name="state">What adjtimex answered.</param>
    /// <param name="timex">Its struct timex of 64-bit Linux, by words: 0 modes, 1 offset, 3 maxerror, 5 status.</param>
    internal static (bool IsSynchronised, TimeSpan Offset, TimeSpan Most) Of(int state, ReadOnlySpan<long> timex) => (
        state is >= 0 and not TimeError,
        TimeSpan.FromMicroseconds((timex[5] & NanosecondsFlag) != 0 ? timex[1] / 1000 : timex[1]),
        TimeSpan.FromMicroseconds(timex[3]));

    private static (bool IsSynchronised, TimeSpan Offset, TimeSpan Most) Read()
    {
        Span<long> timex = stackalloc long[32];
        timex.Clear(); // no modes: it only reads
        return Of(Read(ref timex[0]), timex);
    }

    [DllImport("libc", EntryPoint = "adjtimex")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Read(ref long timex);
}
