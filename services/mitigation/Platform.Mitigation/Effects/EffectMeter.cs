using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.Effects;

/// <summary>
/// Measures, once a second, what still arrives at targets that are defended, records it when it says something new, and takes the next step of the
/// policy when one did not help within its patience.
/// </summary>
/// <remarks>One replica works, elected like the reconciler. While the broker is away nothing is measured, and nothing follows.</remarks>
internal sealed class EffectMeter(
    NpgsqlDataSource database,
    StreamStore store,
    DefenseFacts facts,
    TargetTraffic traffic,
    TrafficListener listener,
    NetworkSeat seat,
    IOptions<EffectOptions> options,
    TimeProvider clock,
    ILogger<EffectMeter> log) : BackgroundService
{
    /// <summary>A second is told a moment after it has ended.</summary>
    private static readonly TimeSpan Late = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(30);

    private readonly Dictionary<(Guid MitigationId, int Step), DateTimeOffset> _noFurther = [];

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        seat.Hold(NetworkSeat.Effects, (_, seated) => Measure(seated), stoppingToken);

    private async Task Measure(CancellationToken seated)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(seated))
        {
            try
            {
                await MeasureAll(seated);
            }
            catch (NpgsqlException fault) when (!seated.IsCancellationRequested)
            {
                log.ReconcilerWaits(fault.Message);
            }
        }
    }

    private async Task MeasureAll(CancellationToken cancellation)
    {
        var mitigations = await MeasuredCountermeasures.Read(database, clock.GetUtcNow(), cancellation);
        traffic.Watch(mitigations.Select(it => it.Target).ToHashSet());
        var heardSince = options.Value.FlowsShowDrops
            ? await listener.Hear(mitigations.Select(it => it.ObjectId).ToHashSet(), cancellation)
            : new Dictionary<Guid, DateTimeOffset>();
        foreach (var mitigation in mitigations)
        {
            await Measure(mitigation, heardSince.TryGetValue(mitigation.ObjectId, out var since) ? since : null, cancellation);
        }
    }

    private async Task Measure(MeasuredMitigation mitigation, DateTimeOffset? heardSince, CancellationToken cancellation)
    {
        var until = clock.GetUtcNow() - Late;
        var verdicts = new List<string?>();
        long? during = null;
        foreach (var it in mitigation.Countermeasures.Where(it => !it.IsAccept && it.Kind is not CountermeasureKind.Diversion))
        {
            var verdict = it.Effect?.Verdict;
            if (it.IsSeenInFlows && it.WithdrawnAt is { } withdrawn)
            {
                await NoteAftermath(mitigation, it, Arrives(mitigation, heardSince, withdrawn, until), until - withdrawn, cancellation);
            }
            else if (it.IsSeenInFlows && Arrives(mitigation, heardSince, it.AnnouncedAt, until) is { } arrives)
            {
                during = arrives;
                verdict = EffectRules.Verdict(mitigation.Evidence, arrives);
                await NoteEffect(mitigation, it, verdict, arrives, cancellation);
            }
            else if (it.IsSeenInFlows && it.Effect is null && IsTimeToMeasure(heardSince, it.AnnouncedAt, until))
            {
                await NoteEffect(mitigation, it, EffectRules.Unmeasured, arrives: null, cancellation); // silence is no quiet
            }

            if (it.WithdrawnAt is null && it.Step == mitigation.Step)
            {
                verdicts.Add(verdict);
            }
        }

        if (mitigation.IsUnderAttack && EffectRules.DidNotHelp(verdicts))
        {
            await Escalate(mitigation, during, cancellation);
        }
    }

    /// <summary>Null when it was not heard for long enough since then, or when ingestion itself heard nothing.</summary>
    private long? Arrives(MeasuredMitigation mitigation, DateTimeOffset? heardSince, DateTimeOffset since, DateTimeOffset until) =>
        IsTimeToMeasure(heardSince, since, until) && traffic.IsHeard(until, options.Value.Window, options.Value.Silence)
            ? traffic.BitsPerSecond(mitigation.Target, mitigation.Evidence.Select(vector => vector.Vector), until, options.Value.Window)
            : null;

    private bool IsTimeToMeasure(DateTimeOffset? heardSince, DateTimeOffset since, DateTimeOffset until) =>
        heardSince is { } heard && until - (heard > since ? heard : since) >= options.Value.Settle + options.Value.Window;

    private async Task NoteEffect(
        MeasuredMitigation mitigation, MeasuredCountermeasure it, string verdict, long? arrives, CancellationToken cancellation)
    {
        if (it.Effect?.Verdict != verdict)
        {
            var effect = new MeasuredEffect(
                EffectRules.Before(mitigation.Evidence), arrives, DroppedPackets: null, DroppedBytes: null, PassedPackets: null, PassedBytes: null, verdict);
            var command = new NoteEffect(it.CountermeasureId, effect, clock.GetUtcNow());
            await Handle(mitigation, state => MitigationDecider.Decide(state, command), $"measured:{it.CountermeasureId:N}", cancellation);
        }
    }

    /// <summary>The last word, once it was measured, or cannot be any more.</summary>
    private async Task NoteAftermath(
        MeasuredMitigation mitigation, MeasuredCountermeasure it, long? arrives, TimeSpan gone, CancellationToken cancellation)
    {
        if (arrives is not null || gone > 2 * (options.Value.Settle + options.Value.Window))
        {
            var command = new NoteAftermath(it.CountermeasureId, arrives, clock.GetUtcNow());
            await Handle(mitigation, state => MitigationDecider.Decide(state, command), $"aftermath:{it.CountermeasureId:N}", cancellation);
        }
    }

    private async Task Escalate(MeasuredMitigation mitigation, long? during, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        if (_noFurther.TryGetValue((mitigation.MitigationId, mitigation.Step), out var asked) && now - asked < AskAgain)
        {
            return;
        }

        if (await facts.Find(mitigation.TenantId, mitigation.ServiceCode, mitigation.ObjectId, cancellation) is not { } defense
            || mitigation.Step >= defense.Policy.Steps.Count
            || now - mitigation.StepSince < defense.Policy.Steps[mitigation.Step].Patience)
        {
            return;
        }

        var next = DefensePlan.Next(mitigation.Target, mitigation.Evidence, defense.Policy, defense.Means, mitigation.Step + 1)?.Specs ?? [];
        if (next.All(spec => defense.Rails.RefusalOf(spec, defense.Contract, mitigation.ServiceCode) is null))
        {
            defense = await facts.WithMoreSlots(defense, mitigation.TenantId, mitigation.MitigationId, next.Count, cancellation);
        }

        var why = EffectRules.Why(
            defense.Policy.Steps[mitigation.Step].Kind, EffectRules.Before(mitigation.Evidence), during, now - mitigation.StepSince);
        var command = new Escalate(mitigation.MitigationId, mitigation.Step, why, defense, now);
        var decision = await Handle(mitigation, state => MitigationDecider.Decide(state, command), $"escalate:{mitigation.Step}", cancellation);
        if (decision is Decision<MitigationEvent>.Accepted({ Count: > 0 }))
        {
            Telemetry.Escalated();
            log.Escalated(mitigation.MitigationId, why);
            return;
        }

        _noFurther[(mitigation.MitigationId, mitigation.Step)] = now; // nothing stronger is left, or a rail says no
        if (decision is Decision<MitigationEvent>.Rejected(var reason))
        {
            log.EscalationRefused(mitigation.MitigationId, reason.Code, reason.Detail);
        }
    }

    private Task<Decision<MitigationEvent>> Handle(
        MeasuredMitigation mitigation, Func<MitigationState, Decision<MitigationEvent>> decide, string what, CancellationToken cancellation) =>
        store.Tenant(TenantId.Of(mitigation.TenantId)).Handle(
            MitigationState.Stream,
            mitigation.MitigationId.ToString(),
            decide,
            new Cause($"effects:{what}:{clock.GetUtcNow().UtcTicks}"),
            cancellation);
}
