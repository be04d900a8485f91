using System.Diagnostics;
using System.Net;
using Grpc.Core;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Scrubbers;

namespace Platform.Mitigation.Bgp;

/// <summary>
/// An end comes also while the views do not tell it. While they stand still, or cannot be asked at all, the streams themselves are asked what is over; what
/// is due by its hold or its expiry is withdrawn there. While the reconciler works, it and the scrubbers hear it from here (<see cref="CurrentViews.Over"/>);
/// while it waits for the views, as after a start, what is over is taken out of the speakers here. Nothing is put in, and what no stream says is over is
/// left alone.
/// </summary>
/// <remarks>Every replica does it: withdrawing twice changes nothing. It takes a tenth of the time at most, and reads a stream again only when it is longer.</remarks>
internal sealed class RoutesPastTheirEnd(
    NpgsqlDataSource database,
    StreamStore store,
    CurrentViews views,
    IOptions<BgpOptions> options,
    IOptions<ScrubberOptions> scrubbers,
    IOptions<MitigationOptions> limits,
    TimeProvider clock,
    ILogger<RoutesPastTheirEnd> log) : BackgroundService
{
    private const int Rest = 9;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private Dictionary<(string Tenant, string Key), (long Version, MitigationState State)> _known = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var took = TimeSpan.Zero;
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Rest * took > Interval ? Rest * took : Interval, stoppingToken);
            var since = Stopwatch.GetTimestamp();
            try
            {
                await Look(stoppingToken);
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                log.ReconcilerWaits(fault);
            }

            took = Stopwatch.GetElapsedTime(since);
        }
    }

    private async Task Look(CancellationToken cancellation)
    {
        var (position, isSilent, standsStill) = await views.Network.Look(cancellation);
        if (!isSilent && !standsStill)
        {
            _known = [];
            views.Over = new HashSet<Guid>();
            return;
        }

        _known = await ReadOpen(position, cancellation);
        var now = clock.GetUtcNow();
        var all = _known.Values.SelectMany(it => it.State.Countermeasures.Select(one => new Known(one.Key, one.Value, it.State, now))).ToList();
        views.Over = all.Where(it => !it.IsStanding).Select(it => it.CountermeasureId).ToHashSet();
        if (isSilent)
        {
            await Task.WhenAll(options.Value.Speakers.Select(speaker => Withdraw(speaker, all, cancellation)));
        }
    }

    /// <summary>What the views know to be in the network, whatever became of it, and what happened behind them and has not ended.</summary>
    private async Task<Dictionary<(string Tenant, string Key), (long Version, MitigationState State)>> ReadOpen(long position, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select s.tenant_id, substr(s.id, length($1) + 2), s.version
            from (
                select tenant_id::text, $1 || ':' || mitigation_id from views.countermeasures_v1 where in_network and not withdrawn
                union
                select tenant_id, stream_id from (
                    select distinct tenant_id, stream_id from events.mt_events where seq_id > $2 and stream_id like $1 || ':%') behind
                where not exists (select from events.mt_events over
                    where over.tenant_id = behind.tenant_id and over.stream_id = behind.stream_id and over.type = $3)) it (tenant_id, id)
            join events.mt_streams s using (tenant_id, id)
            """);
        command.Parameters.Add(new() { Value = MitigationState.Stream.Name });
        command.Parameters.Add(new() { Value = position });
        command.Parameters.Add(new() { Value = EventCatalog.NameOf(typeof(MitigationEnded)) });
        var found = new List<(string Tenant, string Key, long Version)>();
        await using (var row = await command.ExecuteReaderAsync(cancellation))
        {
            while (await row.ReadAsync(cancellation))
            {
                found.Add((row.GetString(0), row.GetString(1), row.GetInt64(2)));
            }
        }

        var open = new Dictionary<(string Tenant, string Key), (long Version, MitigationState State)>();
        foreach (var (tenant, key, version) in found)
        {
            try
            {
                var known = _known.TryGetValue((tenant, key), out var read) && read.Version == version ? read : await Load(tenant, key, cancellation);
                open[(tenant, key)] = IsDue(known.State) ? await End(tenant, key, known.State, cancellation) : known;
            }
            catch (Exception fault) when (fault is not NpgsqlException && !cancellation.IsCancellationRequested)
            {
                log.FailedAlone(fault, $"The end of mitigation {key}"); // what cannot be read may be why the views stand still
            }
        }

        return open;
    }

    private async Task<(long Version, MitigationState State)> Load(string tenant, string key, CancellationToken cancellation)
    {
        var (state, version) = await store.Tenant(TenantId.Parse(tenant)).Load(MitigationState.Stream, key, cancellation);
        return (version, state);
    }

    private bool IsDue(MitigationState state) =>
        state.Status is MitigationStatus.Standing && clock.GetUtcNow() is var now && (state.HeldUntil <= now || state.ExpiresAt <= now);

    /// <summary>As it would be withdrawn if the views told that it is due.</summary>
    private async Task<(long Version, MitigationState State)> End(string tenant, string key, MitigationState state, CancellationToken cancellation)
    {
        var (id, now) = (state.Scope!.MitigationId, clock.GetUtcNow());
        await store.Tenant(TenantId.Parse(tenant)).Handle(
            MitigationState.Stream,
            key,
            current => current.ExpiresAt <= now
                ? MitigationDecider.Decide(current, new WithdrawMitigation(id, WithdrawalReason.Expired, Note: null, now))
                : MitigationDecider.Decide(current, new RelieveMitigation(id, limits.Value.Hold, now)),
            new Cause($"past its end:{now.UtcTicks}"),
            cancellation);
        return await Load(tenant, key, cancellation);
    }

    private async Task Withdraw(SpeakerOptions from, IReadOnlyList<Known> all, CancellationToken cancellation)
    {
        using var speaker = new BgpSpeaker(from, (uint)options.Value.PathIdentifier, options.Value.Timeout, scrubbers.Value.Pools);
        try
        {
            var (standing, past) = (new HashSet<string>(), new Dictionary<string, IPNetwork>());
            foreach (var it in all.Where(it => it.Countermeasure.IsInNetwork))
            {
                if (RouteFor(speaker, it) is { } route)
                {
                    _ = it.IsStanding ? standing.Add(route.Key) : past.TryAdd(route.Key, it.Countermeasure.Prefix);
                }
            }

            foreach (var key in standing)
            {
                past.Remove(key); // of two for the same prefix one stands on
            }

            var surplus = past.Count == 0 ? [] : (await speaker.ReadAt([.. past.Values.Distinct()], cancellation)).Where(route => past.ContainsKey(route.Key)).ToList();
            if (surplus.Count > 0)
            {
                await speaker.Apply([], surplus, cancellation);
                Telemetry.Applied(from.Name, added: 0, surplus.Count);
                log.TableChanged(from.Name, added: 0, surplus.Count);
            }
        }
        catch (RpcException) when (!cancellation.IsCancellationRequested)
        {
            // It is away: the reconciler says so, and here it is asked again.
        }
    }

    /// <summary>What cannot be written as a route is none, and keeps no other in.</summary>
    private SpeakerRoute? RouteFor(BgpSpeaker speaker, Known known)
    {
        try
        {
            var it = known.Countermeasure;
            return speaker.RouteFor(new CountermeasureSpec(it.Kind, it.Prefix, it.Rule, it.Pool), known.Mitigation.ExpiresAt);
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            log.FailedAlone(fault, $"The route of countermeasure {known.CountermeasureId} at {speaker.Options.Name}");
            return null;
        }
    }

    /// <param name="Now">When it was looked at (UTC).</param>
    private sealed record Known(Guid CountermeasureId, CountermeasureState Countermeasure, MitigationState Mitigation, DateTimeOffset Now)
    {
        /// <summary>Whether it shall be in the network.</summary>
        public bool IsStanding =>
            Mitigation.Status is MitigationStatus.Standing && Countermeasure.Stage is CountermeasureStage.Wanted && Mitigation.ExpiresAt > Now;
    }
}
