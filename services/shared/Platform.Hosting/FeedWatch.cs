using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Platform.EventStore;

namespace Platform.Hosting;

/// <summary>
/// Measures how far relay and projections are behind, also while they stand still, and says so in the log once it is longer than a
/// reader that works ever is.
/// </summary>
internal sealed class FeedWatch(EventFeed feed, TimeProvider clock, ILogger<FeedWatch> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly Dictionary<string, DateTimeOffset> _quietUntil = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                foreach (var lag in await feed.MeasureLag(stoppingToken))
                {
                    Warn(lag, clock.GetUtcNow());
                }
            }
            catch (Exception interrupted) when (!stoppingToken.IsCancellationRequested)
            {
                log.LagUnknown(interrupted, Interval);
            }

            await Task.Delay(Interval, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Warn(FeedLag lag, DateTimeOffset now)
    {
        if (lag.Age > Patience && now >= _quietUntil.GetValueOrDefault(lag.Reader))
        {
            _quietUntil[lag.Reader] = now + TimeSpan.FromMinutes(1);
            log.ReaderBehind(lag.Reader, lag.Age, lag.Events, lag.Writer);
        }
    }
}
