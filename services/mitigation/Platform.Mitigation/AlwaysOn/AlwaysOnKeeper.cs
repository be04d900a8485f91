using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.Capacity;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.AlwaysOn;

/// <summary>
/// Follows the option in the contracts, whose newest version counts in whatever order the facts came, and makes what is ordered stand, within a second: a mitigation without an anomaly that diverts the contract's prefixes, moved on before it expires,
/// changed with the contract, withdrawn with the order. It passes the same rails as everything.
/// </summary>
internal sealed class AlwaysOnKeeper(
    NpgsqlDataSource database,
    StreamStore store,
    DefenseFacts facts,
    CurrentViews views,
    KnownCapacity capacity,
    NetworkSeat seat,
    IOptions<MitigationOptions> options,
    IOptions<BgpOptions> network,
    TimeProvider clock,
    ILogger<AlwaysOnKeeper> log) : BackgroundService
{
    private const string Reason = "always-on";
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);
    private readonly HashSet<Guid> _refused = [];

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        seat.Hold(NetworkSeat.AlwaysOn, (_, seated) => Keep(seated), stoppingToken);

    private async Task Keep(CancellationToken seated)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        do
        {
            try
            {
                await views.Decisions.Ensure(seated);
                foreach (var changed in await ChangedOrders.Read(database, seated))
                {
                    await Alone(() => Follow(changed, seated), $"The always-on order of {changed.ServiceCode}", seated);
                }

                foreach (var diversion in await StandingDiversions.Read(database, seated))
                {
                    await Alone(() => Keep(diversion, seated), $"The standing diversion of {diversion.ServiceCode}", seated);
                }
            }
            catch (Exception fault) when (!seated.IsCancellationRequested)
            {
                log.ReconcilerWaits(fault); // whatever it was, it is tried again
            }
        }
        while (await timer.WaitForNextTickAsync(seated));
    }

    /// <summary>One order that cannot be kept must not keep the others from theirs.</summary>
    private async Task Alone(Func<Task> keep, string what, CancellationToken seated)
    {
        try
        {
            await keep();
        }
        catch (Exception fault) when (fault is not NpgsqlException { IsTransient: true } && !seated.IsCancellationRequested)
        {
            log.FailedAlone(fault, what);
        }
    }

    private async Task Follow(ChangedOrder changed, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        var orderId = DerivedId.For(changed.TenantId, $"always-on {changed.ServiceCode}");
        var order = new OrderAlwaysOn(
            changed.ServiceCode,
            new ContractScope(changed.Prefixes, Ended: false),
            network.Value.CanDivert(changed.Prefixes),
            orderId,
            changed.Version,
            now);
        var cancel = new CancelAlwaysOn(changed.Version, now);
        var decision = await store.Tenant(TenantId.Of(changed.TenantId)).Handle(
            AlwaysOnState.Stream,
            changed.ServiceCode,
            state => changed.IsOrdered ? AlwaysOnDecider.Decide(state, order) : AlwaysOnDecider.Decide(state, cancel),
            new Cause($"contract:{changed.ServiceCode}:{changed.Version}:{now.UtcTicks}"),
            cancellation);
        Note(orderId, changed.ServiceCode, decision is Decision<AlwaysOnEvent>.Rejected(var reason) ? reason : null);
    }

    /// <summary>Once; tried again all the same.</summary>
    private void Note(Guid orderId, string serviceCode, Rejection? refusal)
    {
        if (refusal is null)
        {
            _refused.Remove(orderId);
        }
        else if (_refused.Add(orderId))
        {
            log.AlwaysOnRefused(serviceCode, refusal.Code, refusal.Detail);
        }
    }

    private async Task Keep(StandingDiversion diversion, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        if (diversion.MitigationId is not { } standing)
        {
            if (diversion.IsWanted)
            {
                await Begin(diversion, now, cancellation);
            }

            return;
        }

        if (!diversion.IsWanted || (diversion.IsRehearsal && !diversion.IsDryRun && !options.Value.DryRun))
        {
            var why = diversion.IsWanted ? "the dry run is over" : "no longer ordered";
            var withdraw = new WithdrawMitigation(standing, WithdrawalReason.Operator, $"{Reason}: {why}", now, diversion.OrderId);
            await Handle(diversion, standing, state => MitigationDecider.Decide(state, withdraw), "withdraw", cancellation);
            return;
        }

        if (diversion.ExpiresAt - now < options.Value.MaximumDuration / 2)
        {
            var (most, longest) = (options.Value.MaximumDuration, options.Value.LongestStanding);
            var extend = new ExtendMitigation(standing, most, most, longest, Reason, now, diversion.OrderId);
            await Handle(diversion, standing, state => MitigationDecider.Decide(state, extend), $"extend:{now.UtcTicks}", cancellation);
        }

        await FollowContract(diversion, standing, now, cancellation);
    }

    private async Task Begin(StandingDiversion diversion, DateTimeOffset now, CancellationToken cancellation)
    {
        if (SpecsOf(diversion) is not { } specs)
        {
            Note(diversion.OrderId, diversion.ServiceCode, AlwaysOnRejections.TooManyRoutes);
            return;
        }

        await capacity.Read(cancellation); // with this order, not as it was a second ago: it says which pool
        if (await facts.Find(diversion.TenantId, diversion.ServiceCode, Guid.Empty, cancellation) is not { } defense)
        {
            return;
        }

        var ordered = specs.Count;
        specs = Allowed(diversion, specs, defense);
        if (specs.Count == 0)
        {
            return;
        }

        // After each end, for whatever reason, another stream: what has ended stays ended.
        var id = DerivedId.For(diversion.OrderId, $"standing {diversion.Mitigations}");
        defense = await facts.WithSlots(defense, diversion.TenantId, id, Room.For(specs), cancellation, standing: true);
        var scope = new MitigationScope(id, AnomalyId: Guid.Empty, diversion.ServiceCode);
        var start = new StartByHand(scope, specs, defense, options.Value.MaximumDuration, Reason, now, diversion.OrderId);
        var decision = await Handle(diversion, id, state => MitigationDecider.Decide(state, start), $"start:{now.UtcTicks}", cancellation);
        NoteRefusal(diversion, decision);
        if (specs.Count == ordered && decision is not Decision<MitigationEvent>.Rejected)
        {
            _refused.Remove(diversion.OrderId); // the next refusal is news again
        }
    }

    private async Task FollowContract(StandingDiversion diversion, Guid standing, DateTimeOffset now, CancellationToken cancellation)
    {
        var specs = SpecsOf(diversion);
        if (specs is null)
        {
            Note(diversion.OrderId, diversion.ServiceCode, AlwaysOnRejections.TooManyRoutes); // what stands goes on standing
        }

        var missing = specs?.Where(spec => !diversion.Routes.ContainsKey(spec.Prefix)).ToList() ?? [];
        if (missing.Count > 0 && await facts.Find(diversion.TenantId, diversion.ServiceCode, Guid.Empty, cancellation) is { } defense)
        {
            // What is asked for already takes no room again: the view tells of it a moment later.
            var (state, _) = await store.Tenant(TenantId.Of(diversion.TenantId)).Load(MitigationState.Stream, standing.ToString(), cancellation);
            var allowed = state.Scope is null ? [] : MitigationDecider.New(state, Allowed(diversion, missing, defense));
            if (allowed.Count > 0)
            {
                defense = await facts.WithMoreSlots(defense, diversion.TenantId, standing, Room.For(allowed), cancellation, standing: true);
                var add = new AddCountermeasures(standing, allowed, defense, Reason, now, diversion.OrderId);
                var decision = await Handle(diversion, standing, current => MitigationDecider.Decide(current, add), $"add:{now.UtcTicks}", cancellation);
                NoteRefusal(diversion, decision);
            }
        }

        foreach (var (_, countermeasure) in diversion.Routes.Where(route =>
            specs?.All(spec => spec.Prefix != route.Key) ?? !diversion.Prefixes.Any(own => SafetyRails.Covers(own, route.Key))))
        {
            var drop = new DropCountermeasure(standing, countermeasure, $"{Reason}: no longer the contract's", now, OrderId: diversion.OrderId);
            await Handle(diversion, standing, state => MitigationDecider.Decide(state, drop), $"drop:{countermeasure:N}:{now.UtcTicks}", cancellation);
        }
    }

    /// <summary>What the rails let through. Asked before slots are taken: what they refuse would take some with each look, until no attack has any left.</summary>
    private IReadOnlyList<CountermeasureSpec> Allowed(StandingDiversion diversion, IReadOnlyList<CountermeasureSpec> specs, Defense defense)
    {
        if (defense.Means is { NoRoom: true } or { ScrubbersAway: true })
        {
            Note(diversion.OrderId, diversion.ServiceCode, defense.Means.ScrubbersAway
                ? MitigationRejections.ScrubbersAway(defense.Means.Pool) // nobody would filter it, and perhaps nobody hand it on
                : MitigationRejections.CapacityExceeded);
            return [];
        }

        var judged = specs.ToLookup(spec => defense.Rails.RefusalOf(spec, defense.Contract, diversion.ServiceCode)
            ?? defense.Means.RefusalToDivert(spec.Prefix));
        if (judged.FirstOrDefault(group => group.Key is not null) is { } refused)
        {
            Note(diversion.OrderId, diversion.ServiceCode, refused.Key);
        }

        return [.. judged[null]];
    }

    private void NoteRefusal(StandingDiversion diversion, Decision<MitigationEvent> decision)
    {
        if (decision is Decision<MitigationEvent>.Rejected(var reason))
        {
            Note(diversion.OrderId, diversion.ServiceCode, reason);
        }
    }

    /// <summary>Null: more than may stand for one contract.</summary>
    private static IReadOnlyList<CountermeasureSpec>? SpecsOf(StandingDiversion diversion) =>
        AlwaysOnDecider.Routes(diversion.Prefixes) is { Count: <= AlwaysOnDecider.MostRoutes } routes
            ? [.. routes.Select(prefix => new CountermeasureSpec(CountermeasureKind.Diversion, prefix))]
            : null;

    private Task<Decision<MitigationEvent>> Handle(
        StandingDiversion diversion, Guid id, Func<MitigationState, Decision<MitigationEvent>> decide, string what, CancellationToken cancellation) =>
        store.Tenant(TenantId.Of(diversion.TenantId)).Handle(
            MitigationState.Stream, id.ToString(), decide, new Cause($"always-on:{diversion.OrderId:N}:{what}"), cancellation);
}
