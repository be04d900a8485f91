using System.Collections.Concurrent;
using System.Net;
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
    ReadBacks readBacks,
    NetworkSeat seat,
    KnownScrubbers agents,
    IOptions<BgpOptions> options,
    IOptions<ScrubberOptions> scrubbers,
    TimeProvider clock,
    ILogger<AnnouncementReconciler> log) : BackgroundService
{
    private static readonly TimeSpan KnockInterval = TimeSpan.FromMilliseconds(200);

    private readonly ConcurrentDictionary<(string Speaker, string Route), byte> _refused = new();
    private readonly ConcurrentDictionary<string, HashSet<string>> _outdone = new();

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        seat.Hold(NetworkSeat.Speakers, KeepAll, stoppingToken);

    private async Task KeepAll(ChangeSignal changes, CancellationToken seated)
    {
        try
        {
            var first = await Task.WhenAny(options.Value.Speakers.Select(speaker => Keep(speaker, changes, seated)).Append(retired.Empty(seated)));
            await first; // none ends before the seat is lost, unless by a fault that must not stay unseen
        }
        finally
        {
            Telemetry.ForgetSessions(); // another replica tells of them now
        }
    }

    /// <summary>Compares at once after each change and at intervals besides, until the seat is lost.</summary>
    private async Task Keep(SpeakerOptions speakerOptions, ChangeSignal changes, CancellationToken seated)
    {
        using var speaker = new BgpSpeaker(speakerOptions, (uint)options.Value.PathIdentifier, options.Value.Timeout, scrubbers.Value.Pools);
        var place = new SpeakerPlace(database, speakerOptions.Name);
        var record = new SpeakerRecord(store, clock, log, speakerOptions.Name);
        var (isAway, isLossNoted) = (false, false);
        while (!seated.IsCancellationRequested)
        {
            var change = changes.Next(); // taken before reading, so that a change while we read is not slept over
            try
            {
                await Reconcile(speaker, place, record, change, wasAway: isAway, seated);
                if (isAway)
                {
                    await record.Returned(seated);
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

                isLossNoted = isLossNoted || await NoteLoss(record, place, seated); // until the database took it
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

    private async Task Reconcile(
        BgpSpeaker speaker, SpeakerPlace place, SpeakerRecord record, Task change, bool wasAway, CancellationToken cancellation)
    {
        var asking = countermeasures.Read(cancellation);
        var reading = speaker.ReadOwn(PrefixesOf(asking), cancellation);
        var sessions = speaker.ReadSessions(cancellation);
        var wanted = await asking;
        var held = (await reading).ToHashSet();

        var desired = new Dictionary<string, SpeakerRoute>();
        var standing = new Dictionary<Guid, SpeakerRoute>();
        var placed = new Dictionary<string, WantedCountermeasure>();
        var waiting = await WithoutWayBack(wanted, cancellation);
        var effects = held.Select(route => route.Effect).ToHashSet();
        foreach (var it in WantedCountermeasure.InOrder(wanted.Where(it => !it.Withdrawing)))
        {
            if (RouteFor(speaker, it) is { } route && (!waiting.Contains(it.CountermeasureId) || effects.Contains(route.Effect)))
            {
                standing[it.CountermeasureId] = route;
                var isLonger = desired.TryGetValue(route.Key, out var before) && before.Effect == route.Effect && before.ExpiresAt > route.ExpiresAt;
                desired[route.Key] = isLonger ? before! : route;
                placed[route.Key] = it;
            }
        }

        // What two want alike is one route, which says the later end.
        foreach (var (id, route) in standing.Where(it => desired[it.Value.Key].Effect == it.Value.Effect).ToList())
        {
            standing[id] = desired[route.Key];
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
        var drift = DriftOf(speaker, wanted, standing, held, missing, surplus);
        if (missing.Count + surplus.Count > 0)
        {
            await Apply(speaker, missing, surplus, cancellation);
            Telemetry.Applied(speaker.Options.Name, missing.Count, surplus.Count);
            log.TableChanged(speaker.Options.Name, missing.Count, surplus.Count);
            // What counts is what the speaker says, not that it did not object. A thousand rules are not read again for a route.
            var prefixes = await PrefixesOf(asking);
            held = missing.Concat(surplus).Any(route => route.IsRule)
                ? [.. await speaker.ReadAt(prefixes, cancellation)]
                : [.. held.Where(route => route.IsRule), .. await speaker.ReadRoutesAt(prefixes, cancellation)];
        }

        var read = new SpeakerReading(
            speaker.Options.Name, it => RouteFor(speaker, it), standing, desired, inForce, held, await sessions);
        NoteOutdone(read);
        await record.Drifted(drift.Lost, drift.Foreign, wasAway, cancellation);
        await record.Sees(read.Sessions, cancellation);
        await place.Answers(read.Sessions, cancellation);
        await place.Misses(wanted.Where(read.IsMissing).Select(it => it.CountermeasureId).ToHashSet(), cancellation);
        await readBacks.Record(read, wanted, change, cancellation);
    }

    /// <summary>Each once, until it is the best again: whose the better path is, and whether it may be, only a person can find out.</summary>
    private void NoteOutdone(SpeakerReading read)
    {
        var now = read.Outdone.ToDictionary(route => route.Key, route => route.ToString());
        foreach (var (_, route) in now.Where(it => !_outdone.GetValueOrDefault(read.Speaker, []).Contains(it.Key)))
        {
            log.RouteOutdone(read.Speaker, route);
        }

        _outdone[read.Speaker] = [.. now.Keys];
    }

    private static async Task<IReadOnlyList<IPNetwork>> PrefixesOf(Task<IReadOnlyList<WantedCountermeasure>> wanted) =>
        [.. (await wanted).Select(it => it.Spec.Prefix).Distinct()];

    /// <summary>A difference that no decision made: a route that had been read back and was gone, or one with our mark that nobody wanted.</summary>
    private (IReadOnlyList<Guid> Lost, int Foreign) DriftOf(
        BgpSpeaker speaker,
        IReadOnlyList<WantedCountermeasure> wanted,
        Dictionary<Guid, SpeakerRoute> standing,
        HashSet<SpeakerRoute> held,
        List<SpeakerRoute> missing,
        List<SpeakerRoute> surplus)
    {
        var effects = held.Select(route => route.Effect).ToHashSet(); // that a route says another end than before is no drift
        var gone = missing.Where(route => !effects.Contains(route.Effect)).ToHashSet();
        var leaving = wanted.Where(it => it.Withdrawing).Select(it => RouteFor(speaker, it)?.Key).ToHashSet();
        var lost = wanted
            .Where(it => it.AnnouncedBy.Contains(speaker.Options.Name)
                && standing.TryGetValue(it.CountermeasureId, out var route)
                && gone.Remove(route)) // of several with one route one is named
            .Select(it => it.CountermeasureId)
            .ToList();
        return (lost, surplus.Count(route => !leaving.Contains(route.Key)));
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

    private async Task<bool> NoteLoss(SpeakerRecord record, SpeakerPlace place, CancellationToken cancellation)
    {
        try
        {
            await place.IsAway(clock.GetUtcNow(), cancellation);
            await record.Lost(cancellation);
            return true;
        }
        catch (Exception fault) when (!cancellation.IsCancellationRequested)
        {
            log.ReconcilerWaits(fault);
            return false;
        }
    }
}
