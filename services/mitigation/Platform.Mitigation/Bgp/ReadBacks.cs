using System.Diagnostics;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.Bgp;

/// <summary>What was read back from speakers goes into the streams of mitigations: what is in force, and what is gone.</summary>
internal sealed class ReadBacks(StreamStore store, IOptions<BgpOptions> options, TimeProvider clock, ILogger<ReadBacks> log)
{
    /// <summary>Mitigations recorded in a pass even when something changed meanwhile, so that a stream of changes starves no record.</summary>
    private const int RecordedAtLeast = 2;

    /// <summary>One append for each mitigation. A change of what is wanted interrupts it: acting comes before recording.</summary>
    public async Task Record(SpeakerReading read, IReadOnlyList<WantedCountermeasure> wanted, Task change, CancellationToken cancellation)
    {
        var recorded = 0;
        foreach (var mitigation in wanted.GroupBy(it => (it.TenantId, it.MitigationId)))
        {
            if (change.IsCompleted && recorded >= RecordedAtLeast)
            {
                return; // the next pass records the rest
            }

            var announced = mitigation
                .Where(it => !it.Withdrawing && !it.AnnouncedBy.Contains(read.Speaker) && read.IsInForce(it.CountermeasureId))
                .ToDictionary(it => it.CountermeasureId, it => read.InForce[it.CountermeasureId].ToString());
            if (announced.Count > 0)
            {
                recorded++;
                var command = new ConfirmAnnouncement(announced, read.Speaker, clock.GetUtcNow());
                await Handle(
                    mitigation.Key, state => MitigationDecider.Decide(state, command), $"announced:{read.Speaker}", announced.Keys, cancellation);
            }

            var gone = mitigation
                .Where(it => it.Withdrawing && options.Value.HoldersOf(it.Spec).Contains(read.Speaker) && read.IsGone(it))
                .ToDictionary(it => it.CountermeasureId, it => options.Value.HoldersOf(it.Spec));
            if (gone.Count > 0)
            {
                recorded++;
                var command = new ConfirmClearance(gone, read.Speaker, clock.GetUtcNow());
                await Handle(mitigation.Key, state => MitigationDecider.Decide(state, command), $"cleared:{read.Speaker}", gone.Keys, cancellation);
            }
        }
    }

    private async Task Handle(
        (Guid TenantId, Guid MitigationId) of,
        Func<MitigationState, Decision<MitigationEvent>> decide,
        string what,
        IEnumerable<Guid> countermeasures,
        CancellationToken cancellation)
    {
        try
        {
            var (session, key) = (store.Tenant(TenantId.Of(of.TenantId)), of.MitigationId.ToString());
            // One trace from the window that began it to the route that ends it.
            var begun = await session.Read(MitigationState.Stream, key, cancellation) is [var first, ..] ? first.Metadata.TraceParent : null;
            using var activity = Telemetry.Source.StartActivity("record route", ActivityKind.Internal, begun);
            await session.Handle(
                MitigationState.Stream,
                key,
                decide,
                // Without a name of its own: after a restart of the speaker the same read-back is another one. The decider tells what is news.
                new Cause($"reconciler:{what}:{clock.GetUtcNow().UtcTicks}:{countermeasures.First():N}"),
                cancellation);
        }
        catch (Exception fault) when (fault is not NpgsqlException { IsTransient: true } && !cancellation.IsCancellationRequested)
        {
            log.FailedAlone(fault, $"The record of mitigation {of.MitigationId}");
        }
    }
}
