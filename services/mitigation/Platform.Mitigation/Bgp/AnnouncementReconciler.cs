using System.Collections.Immutable;
using Grpc.Core;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.Bgp;

/// <summary>
/// Makes each speaker hold exactly what the streams say: adds what is missing, withdraws what is too much, and records what it read back.
/// It knows no history: a restart of the speaker, of this service or of both is a table that differs, and the next pass mends it.
/// </summary>
/// <remarks>
/// One replica works, elected by <see cref="ReconcilerSeat"/>. A speaker that is away is waited for, alone: the others go on.
/// </remarks>
internal sealed class AnnouncementReconciler(
    NpgsqlDataSource database,
    StreamStore store,
    ReconcilerSeat seat,
    IOptions<BgpOptions> options,
    TimeProvider clock,
    ILogger<AnnouncementReconciler> log) : BackgroundService
{
    private readonly ImmutableHashSet<string> _speakers = [.. options.Value.Speakers.Select(speaker => speaker.Name)];

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        seat.Hold(KeepAll, stoppingToken);

    private async Task KeepAll(ChangeSignal changes, CancellationToken seated)
    {
        var first = await Task.WhenAny(options.Value.Speakers.Select(speaker => Keep(speaker, changes, seated)));
        await first; // none ends before the seat is lost, unless by a fault that must not stay unseen
    }

    /// <summary>Compares at once after each change and at intervals besides, until the seat is lost.</summary>
    private async Task Keep(SpeakerOptions speakerOptions, ChangeSignal changes, CancellationToken seated)
    {
        using var speaker = new BgpSpeaker(speakerOptions, (uint)options.Value.PathIdentifier, options.Value.Timeout);
        var isAway = false;
        while (!seated.IsCancellationRequested)
        {
            var change = changes.Next(); // taken before reading, so that a change while we read is not slept over
            try
            {
                await Reconcile(speaker, seated);
                if (isAway)
                {
                    log.SpeakerReturned(speakerOptions.Name);
                    isAway = false;
                }
            }
            catch (RpcException fault) when (!seated.IsCancellationRequested)
            {
                Telemetry.SpeakerAway(speakerOptions.Name);
                if (!isAway)
                {
                    log.SpeakerAway(speakerOptions.Name, speakerOptions.Address!, fault.Status.Detail);
                    isAway = true;
                }
            }
            catch (NpgsqlException fault) when (!seated.IsCancellationRequested)
            {
                log.ReconcilerWaits(fault.Message);
            }

            await Task.WhenAny(change, Task.Delay(options.Value.CompareInterval, seated));
        }
    }

    private async Task Reconcile(BgpSpeaker speaker, CancellationToken cancellation)
    {
        var wanted = await WantedCountermeasures.Read(database, cancellation);
        var held = await speaker.ReadOwn(cancellation);

        var desired = wanted.Where(it => !it.Withdrawing).Select(it => speaker.RouteFor(it.Prefix)).ToHashSet();
        var desiredPrefixes = desired.Select(route => route.Prefix).ToHashSet();
        var missing = desired.Except(held).ToList();
        var surplus = held.Where(route => !desiredPrefixes.Contains(route.Prefix)).ToList();
        if (missing.Count + surplus.Count > 0)
        {
            await speaker.Apply(missing, surplus, cancellation);
            held = await speaker.ReadOwn(cancellation); // what counts is what the speaker says, not that it did not object
            Telemetry.Applied(speaker.Options.Name, missing.Count, surplus.Count);
            log.TableChanged(speaker.Options.Name, missing.Count, surplus.Count);
        }

        await Record(speaker, wanted, held.ToHashSet(), cancellation);
    }

    private async Task Record(
        BgpSpeaker speaker, IReadOnlyList<WantedCountermeasure> wanted, HashSet<BlackholeRoute> held, CancellationToken cancellation)
    {
        var stillWanted = wanted.Where(it => !it.Withdrawing).Select(it => it.Prefix).ToHashSet();
        var heldPrefixes = held.Select(route => route.Prefix).ToHashSet();
        foreach (var it in wanted)
        {
            var route = speaker.RouteFor(it.Prefix);
            if (it.Withdrawing && (stillWanted.Contains(it.Prefix) || !heldPrefixes.Contains(it.Prefix)))
            {
                // Gone, or standing for another mitigation only.
                var cleared = new ConfirmClearance(it.CountermeasureId, speaker.Options.Name, _speakers, clock.GetUtcNow());
                await Handle(it, state => MitigationDecider.Decide(state, cleared), $"cleared:{speaker.Options.Name}", cancellation);
            }
            else if (!it.Withdrawing && held.Contains(route) && !it.AnnouncedBy.Contains(speaker.Options.Name))
            {
                var announced = new ConfirmAnnouncement(
                    it.CountermeasureId, route.ToString(), speaker.Options.Name, clock.GetUtcNow());
                await Handle(it, state => MitigationDecider.Decide(state, announced), $"announced:{speaker.Options.Name}", cancellation);
            }
        }
    }

    private Task<Decision<MitigationEvent>> Handle(
        WantedCountermeasure it,
        Func<MitigationState, Decision<MitigationEvent>> decide,
        string what,
        CancellationToken cancellation) => store.Tenant(TenantId.Of(it.TenantId)).Handle(
            MitigationState.Stream,
            it.MitigationId.ToString(),
            decide,
            new Cause($"reconciler:{it.CountermeasureId:N}:{what}"),
            cancellation);
}
