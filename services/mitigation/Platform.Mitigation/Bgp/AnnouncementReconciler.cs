using System.Collections.Concurrent;
using System.Diagnostics;
using Grpc.Core;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Scrubbers;

namespace Platform.Mitigation.Bgp;

/// <summary>
/// Makes each speaker hold exactly what the streams say: adds what is missing, withdraws what is too much, and records what it read back.
/// It knows no history: a restart of the speaker, of this service or of both is a table that differs, and the next pass mends it.
/// </summary>
/// <remarks>
/// One replica works, elected by <see cref="NetworkSeat"/>. A speaker that is away is waited for, alone: the others go on.
/// </remarks>
internal sealed class AnnouncementReconciler(
    NpgsqlDataSource database,
    WantedCountermeasures countermeasures,
    RetiredSpeakers retired,
    StreamStore store,
    NetworkSeat seat,
    KnownScrubbers agents,
    IOptions<BgpOptions> options,
    IOptions<ScrubberOptions> scrubbers,
    TimeProvider clock,
    ILogger<AnnouncementReconciler> log) : BackgroundService
{
    /// <summary>Mitigations recorded in a pass even when something changed meanwhile, so that a stream of changes starves no record.</summary>
    private const int RecordedAtLeast = 2;
    private static readonly TimeSpan KnockInterval = TimeSpan.FromMilliseconds(200);

    private readonly ConcurrentDictionary<(string Speaker, string Route), byte> _refused = new();

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        seat.Hold(NetworkSeat.Speakers, KeepAll, stoppingToken);

    private async Task KeepAll(ChangeSignal changes, CancellationToken seated)
    {
        var first = await Task.WhenAny(options.Value.Speakers.Select(speaker => Keep(speaker, changes, seated)).Append(retired.Empty(seated)));
        await first; // none ends before the seat is lost, unless by a fault that must not stay unseen
    }

    /// <summary>Compares at once after each change and at intervals besides, until the seat is lost.</summary>
    private async Task Keep(SpeakerOptions speakerOptions, ChangeSignal changes, CancellationToken seated)
    {
        using var speaker = new BgpSpeaker(speakerOptions, (uint)options.Value.PathIdentifier, options.Value.Timeout, scrubbers.Value.Pools);
        var place = new SpeakerPlace(database, speakerOptions.Name);
        var (isAway, isLossNoted) = (false, false);
        while (!seated.IsCancellationRequested)
        {
            var change = changes.Next(); // taken before reading, so that a change while we read is not slept over
            try
            {
                await Reconcile(speaker, place, change, wasAway: isAway, seated);
                if (isAway)
                {
                    await Note(speaker, new SpeakerReturned(speakerOptions.Name, clock.GetUtcNow()), seated);
                    (isAway, isLossNoted) = (false, false);
                    log.SpeakerReturned(speakerOptions.Name);
                }
            }
            catch (RpcException fault) when (!seated.IsCancellationRequested)
            {
                Telemetry.SpeakerAway(speakerOptions.Name);
                if (!isAway)
                {
                    isAway = true;
                    log.SpeakerAway(speakerOptions.Name, speakerOptions.Address!, fault.Status.Detail);
                }

                isLossNoted = isLossNoted || await NoteLoss(speaker, place, seated); // until the database took it
            }
            catch (Exception fault) when (!seated.IsCancellationRequested)
            {
                log.ReconcilerWaits(fault); // whatever it was, this speaker is tried again, and the others go on
            }

            var pause = isAway && options.Value.CompareInterval > KnockInterval ? KnockInterval : options.Value.CompareInterval;
            await Task.WhenAny(change, Task.Delay(pause, seated));
            if (isAway)
            {
                await Task.Delay(KnockInterval, seated); // changes must not make it knock faster
            }
        }
    }

    private async Task Reconcile(BgpSpeaker speaker, SpeakerPlace place, Task change, bool wasAway, CancellationToken cancellation)
    {
        var reading = speaker.ReadOwn(cancellation);
        var wanted = await countermeasures.Read(cancellation);
        var held = (await reading).ToHashSet();

        var desired = new Dictionary<string, SpeakerRoute>();
        var standing = new Dictionary<Guid, SpeakerRoute>();
        var placed = new Dictionary<string, WantedCountermeasure>();
        var waiting = await WithoutWayBack(wanted, cancellation);
        foreach (var it in WantedCountermeasure.InOrder(wanted.Where(it => !it.Withdrawing)))
        {
            if (RouteFor(speaker, it) is { } route && (!waiting.Contains(it.CountermeasureId) || held.Contains(route)))
            {
                desired[route.Key] = standing[it.CountermeasureId] = route;
                placed[route.Key] = it;
            }
        }

        // The place of a rule that a later one of the same mitigation took says that it is in force: whatever comes next must not wait for it.
        var inForce = new Dictionary<Guid, SpeakerRoute>(standing);
        foreach (var it in wanted.Where(it => it.Spec.Kind is CountermeasureKind.FlowSpec && standing.ContainsKey(it.CountermeasureId)))
        {
            var key = standing[it.CountermeasureId].Key;
            inForce[it.CountermeasureId] = placed[key].MitigationId == it.MitigationId ? desired[key] : standing[it.CountermeasureId];
        }

        var missing = desired.Values.Where(route => !held.Contains(route)).ToList();
        var surplus = held.Where(route => !desired.ContainsKey(route.Key)).ToList();
        if (missing.Count + surplus.Count > 0)
        {
            await Apply(speaker, missing, surplus, cancellation);
            Telemetry.Applied(speaker.Options.Name, missing.Count, surplus.Count);
            log.TableChanged(speaker.Options.Name, missing.Count, surplus.Count);
            // That a route says another end than before is our own doing.
            var effects = held.Select(route => route.Effect).ToHashSet();
            await NoteDrift(
                speaker, wanted, standing, missing.Where(route => !effects.Contains(route.Effect)).ToList(), surplus, wasAway, cancellation);
            held = [.. await speaker.ReadOwn(cancellation)]; // what counts is what the speaker says, not that it did not object
        }

        await place.Answers(cancellation);
        await place.Misses(
            wanted.Where(it => it.AnnouncedBy.Contains(speaker.Options.Name)
                    && standing.TryGetValue(it.CountermeasureId, out var route)
                    && desired[route.Key].Equals(route) // else another of ours has its place
                    && !held.Contains(route))
                .Select(it => it.CountermeasureId).ToHashSet(),
            cancellation);
        await Record(speaker, wanted, standing, inForce, held, change, cancellation);
    }

    /// <summary>
    /// Diversions that must wait: what is led to a scrubber that has no way back for it yet is lost. What stands already stays: its agents may just have
    /// been started anew.
    /// </summary>
    private async Task<IReadOnlySet<Guid>> WithoutWayBack(IReadOnlyList<WantedCountermeasure> wanted, CancellationToken cancellation)
    {
        var fresh = wanted.Where(it => it is { Spec.Kind: CountermeasureKind.Diversion, Withdrawing: false, AnnouncedBy.Length: 0 }).ToList();
        if (fresh.Count == 0)
        {
            return new HashSet<Guid>();
        }

        var told = await agents.WaysBack(cancellation);
        return fresh
            .Where(it => told.Any(agent => scrubbers.Value.Serves(agent.Key, it.Spec.Pool) && !agent.Value.Contains(it.Spec.Prefix)))
            .Select(it => it.CountermeasureId)
            .ToHashSet();
    }

    /// <summary>What cannot be written as a route is none here, and keeps no other out.</summary>
    private SpeakerRoute? RouteFor(BgpSpeaker speaker, WantedCountermeasure it)
    {
        try
        {
            return speaker.RouteFor(it.Spec, it.ExpiresAt);
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            log.FailedAlone(fault, $"The route of countermeasure {it.CountermeasureId} at {speaker.Options.Name}");
            return null;
        }
    }

    /// <summary>All at once; when the speaker refuses, one by one, so that one route cannot keep the others out.</summary>
    private async Task Apply(
        BgpSpeaker speaker, List<SpeakerRoute> missing, List<SpeakerRoute> surplus, CancellationToken cancellation)
    {
        try
        {
            await speaker.Apply(missing, surplus, cancellation);
        }
        catch (RpcException refusal) when (BgpSpeaker.IsRefusal(refusal))
        {
            foreach (var (route, isSurplus) in surplus.Select(it => (it, true)).Concat(missing.Select(it => (it, false))))
            {
                try
                {
                    await speaker.Apply(isSurplus ? [] : [route], isSurplus ? [route] : [], cancellation);
                }
                catch (RpcException one) when (BgpSpeaker.IsRefusal(one))
                {
                    Telemetry.RouteRefused(speaker.Options.Name);
                    if (_refused.TryAdd((speaker.Options.Name, route.Key), 0))
                    {
                        log.RouteRefused(speaker.Options.Name, route.ToString(), one.Status.Detail); // once; the counter tells how often
                    }
                }
            }
        }
    }

    /// <summary>A difference that no decision made: a route that had been read back and was gone, or one with our mark that nobody wanted.</summary>
    private async Task NoteDrift(
        BgpSpeaker speaker,
        IReadOnlyList<WantedCountermeasure> wanted,
        Dictionary<Guid, SpeakerRoute> standing,
        List<SpeakerRoute> missing,
        List<SpeakerRoute> surplus,
        bool wasAway,
        CancellationToken cancellation)
    {
        var lost = wanted
            .Where(it => it.AnnouncedBy.Contains(speaker.Options.Name) && standing.ContainsKey(it.CountermeasureId))
            .Select(it => standing[it.CountermeasureId])
            .Intersect(missing)
            .ToList();
        var leaving = wanted.Where(it => it.Withdrawing).Select(it => RouteFor(speaker, it)?.Key).ToHashSet();
        var foreign = surplus.Where(route => !leaving.Contains(route.Key)).ToList();
        if (lost.Count + foreign.Count == 0)
        {
            return;
        }

        Telemetry.Drifted(speaker.Options.Name, lost.Count + foreign.Count);
        log.DriftMended(speaker.Options.Name, lost.Count, foreign.Count, wasAway);
        string[] examples = [.. lost.Concat(foreign).Take(20).Select(route => route.ToString())];
        await Note(
            speaker,
            new SpeakerDriftMended(speaker.Options.Name, lost.Count, foreign.Count, examples, clock.GetUtcNow()),
            cancellation);
    }

    /// <summary>Into the streams, one append for each mitigation. A change of what is wanted interrupts it: acting comes before recording.</summary>
    private async Task Record(
        BgpSpeaker speaker,
        IReadOnlyList<WantedCountermeasure> wanted,
        Dictionary<Guid, SpeakerRoute> standing,
        Dictionary<Guid, SpeakerRoute> inForce,
        HashSet<SpeakerRoute> held,
        Task change,
        CancellationToken cancellation)
    {
        var name = speaker.Options.Name;
        var heldKeys = held.Select(route => route.Key).ToHashSet();
        var standingRoutes = standing.Values.ToHashSet();
        var standingKeys = standing.Values.Select(route => route.Key).ToHashSet();
        var recorded = 0;
        foreach (var mitigation in wanted.GroupBy(it => (it.TenantId, it.MitigationId)))
        {
            if (change.IsCompleted && recorded >= RecordedAtLeast)
            {
                return; // the next pass records the rest
            }

            var announced = mitigation
                .Where(it => !it.Withdrawing
                    && !it.AnnouncedBy.Contains(name)
                    && inForce.TryGetValue(it.CountermeasureId, out var route)
                    && held.Contains(route))
                .ToDictionary(it => it.CountermeasureId, it => inForce[it.CountermeasureId].ToString());
            if (announced.Count > 0)
            {
                recorded++;
                var command = new ConfirmAnnouncement(announced, name, clock.GetUtcNow());
                await Handle(mitigation.Key, state => MitigationDecider.Decide(state, command), $"announced:{name}", announced.Keys, cancellation);
            }

            // Gone, or standing for another countermeasure only, or never a matter of this speaker.
            var gone = mitigation
                .Where(it => it.Withdrawing
                    && options.Value.HoldersOf(it.Spec).Contains(name)
                    && (RouteFor(speaker, it) is not { } route
                        || !heldKeys.Contains(route.Key)
                        || standingRoutes.Contains(route)
                        || (standingKeys.Contains(route.Key) && !held.Contains(route))))
                .ToDictionary(it => it.CountermeasureId, it => options.Value.HoldersOf(it.Spec));
            if (gone.Count > 0)
            {
                recorded++;
                var command = new ConfirmClearance(gone, name, clock.GetUtcNow());
                await Handle(mitigation.Key, state => MitigationDecider.Decide(state, command), $"cleared:{name}", gone.Keys, cancellation);
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

    private Task<AppendResult> Note(BgpSpeaker speaker, SpeakerEvent happened, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        return store.Tenant(TenantId.Provider).Append(
            SpeakerState.Stream,
            SpeakerState.KeyOf(speaker.Options.Name, now),
            ExpectedVersion.Any,
            [happened],
            new Cause($"reconciler:{happened}:{now.UtcTicks}"),
            cancellation);
    }

    private async Task<bool> NoteLoss(BgpSpeaker speaker, SpeakerPlace place, CancellationToken cancellation)
    {
        try
        {
            await place.IsAway(clock.GetUtcNow(), cancellation);
            await Note(speaker, new SpeakerLost(speaker.Options.Name, clock.GetUtcNow()), cancellation);
            return true;
        }
        catch (Exception fault) when (!cancellation.IsCancellationRequested)
        {
            log.ReconcilerWaits(fault);
            return false;
        }
    }
}
