using System.Diagnostics;
using System.Diagnostics.Metrics;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Platform.EventStore;

namespace Platform.Hosting;

/// <summary>Publishes what was appended: reads the feed, asks the publications, and moves on when the broker has confirmed.</summary>
/// <remarks>
/// A crash between confirmation and checkpoint publishes a batch again with the same message ids; consumers are built for that.
/// While the broker is away nothing moves and nothing is lost: the events are in the database. A broker that loses its queues loses what it had
/// confirmed and nobody had taken: <c>republish SINCE</c> tells it again.
/// </remarks>
internal sealed class EventRelay(EventFeed feed, IEnumerable<IPublications> publications, IServiceProvider services, ILogger<EventRelay> log)
    : BackgroundService
{
    internal const string Checkpoint = "relay";
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>A confirmation may never come when the connection breaks at the wrong moment, and the client may not notice: then again.</summary>
    private static readonly TimeSpan Confirmation = TimeSpan.FromSeconds(30);

    private static readonly ActivitySource Source = new("Platform.Relay");
    private static readonly Meter Meter = new("Platform.Relay");
    private static readonly Counter<long> Published =
        Meter.CreateCounter<long>("platform.relay.facts", "{fact}", "Facts published and confirmed by the broker.");

    private readonly IPublications[] _publications = [.. publications];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (_publications.Length == 0)
        {
            return;
        }

        var bus = services.GetRequiredService<IBus>();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await foreach (var batch in feed.Follow(Checkpoint, stoppingToken))
                {
                    await Publish(bus, batch, stoppingToken);
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (UnreadableEventException unreadable)
            {
                log.RelayStopped(unreadable.Sequence, unreadable);
                await Task.Delay(TimeSpan.FromMinutes(1), stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (Exception interrupted)
            {
                log.RelayWaits(interrupted, Pause);
                await Task.Delay(Pause, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task Publish(IBus bus, FeedBatch batch, CancellationToken stoppingToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        patience.CancelAfter(Confirmation);
        var publishing = new List<(RecordedEvent Recorded, Task Confirmed)>();
        foreach (var recorded in batch.Events)
        {
            try
            {
                // Two facts of one event would share its id, and who consumes both would take the second for a repeat.
                var fact = _publications.Select(publication => publication.Publish(recorded)).OfType<object>().SingleOrDefault();
                publishing.Add((recorded, fact is null ? Task.CompletedTask : Publish(bus, recorded, fact, patience.Token)));
            }
            catch (Exception unfit)
            {
                publishing.Add((recorded, Task.FromException(new UnreadableEventException(
                    recorded.Sequence, $"Event {recorded.Sequence}, {recorded.Data.GetType().Name}, cannot be made a fact.", unfit))));
                break;
            }
        }

        await Task.WhenAll(publishing.Select(fact => fact.Confirmed)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (publishing.Find(fact => !fact.Confirmed.IsCompletedSuccessfully) is { Confirmed: { } failed } first)
        {
            // On from what a slow broker confirmed in time, or it would be told the same for ever.
            await batch.Before(first.Recorded).Advance(stoppingToken);
            await failed; // throws
        }

        await batch.Advance(stoppingToken);
    }

    private static async Task Publish(IBus bus, RecordedEvent recorded, object fact, CancellationToken cancellationToken)
    {
        // The trace of the append goes on in the message, so that one trace runs from datagram to report.
        ActivityContext.TryParse(recorded.Metadata.TraceParent, null, isRemote: true, out var parent);
        using var activity = Source.StartActivity($"relay {fact.GetType().Name}", ActivityKind.Internal, parent);
        await bus.Publish(fact, fact.GetType(), context => context.MessageId = recorded.Id, cancellationToken);
        Published.Add(1, new KeyValuePair<string, object?>("fact", fact.GetType().Name));
    }
}
