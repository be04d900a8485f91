using System.Diagnostics;
using Grpc.Core;
using Google.Protobuf.WellKnownTypes;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.DefensePolicies;
using Platform.Mitigation.KillSwitches;
using Platform.Mitigation.Scrubbers;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Mitigations;

/// <summary>gRPC surface of mitigations: what stands and stood, and everything that is done by hand.</summary>
internal sealed class MitigationsService(
    NpgsqlDataSource database,
    StreamStore store,
    DefenseFacts facts,
    LateAllowances allowances,
    KnownScrubbers scrubbers,
    IOptions<MitigationOptions> options,
    IOptions<BgpOptions> network,
    TimeProvider clock)
    : Wire.Mitigations.MitigationsBase
{
    [Authorize(Policy = Policies.Read)]
    public override async Task<ListMitigationsResponse> ListMitigations(ListMitigationsRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        var places = await Places.Read(database, network.Value, scrubbers, context.CancellationToken);
        var (page, next) = await ListedMitigations.Read(database, places, tenant, request.ActiveOnly, request.PageToken, context.CancellationToken);
        return new ListMitigationsResponse { Mitigations = { page }, NextPageToken = next };
    }

    [Authorize(Policy = Policies.Operate)]
    public override async Task<WithdrawMitigationResponse> WithdrawMitigation(
        WithdrawMitigationRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        var id = IdOf(request.MitigationId);
        var command = new WithdrawMitigation(id, WithdrawalReason.Operator, request.Reason, clock.GetUtcNow());
        await Handle(tenant, id, state => MitigationDecider.Decide(state, command), context);
        return new WithdrawMitigationResponse();
    }

    [Authorize(Policy = Policies.Operate)]
    public override async Task<StartMitigationResponse> StartMitigation(StartMitigationRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        var (specs, malformed) = WireWords.Read(request.Countermeasures, network.Value.RedirectTo);
        ThrowIf(malformed);
        var now = clock.GetUtcNow();
        var cause = context.Cause();
        // The same request again, known by its idempotency key, meets the same stream.
        var near = await OpenAnomaly.Near(database, tenant, specs, now - options.Value.MaximumDuration, context.CancellationToken);
        var scope = new MitigationScope(
            DerivedId.For(tenant.ToGuid(), $"by-hand {cause.Id}"), AnomalyId: Guid.Empty, request.ServiceCode, near?.AnomalyId);
        var duration = request.DurationSeconds == 0 ? TimeSpan.FromHours(1) : Seconds(request.DurationSeconds);
        var defense = await DefenseOf(
            tenant, request.ServiceCode, scope.MitigationId,
            known => [.. DefensePlan.WithAllowed(specs, known.Policy.AllowedSources).Distinct()], isNew: true, context,
            ask: known => MitigationDecider.Decide(MitigationState.Stream.Initial, CommandWith(known)));
        var command = CommandWith(defense);
        await Handle(tenant, scope.MitigationId, state => MitigationDecider.Decide(state, command), context, cause);
        return new StartMitigationResponse { MitigationId = scope.MitigationId.ToString(), Rehearsed = IsDryRun(defense) };

        StartByHand CommandWith(Defense known) => new(
            scope, specs, known, duration, request.Reason, now, Evidence: near?.Evidence, ObjectId: near?.ObjectId);
    }

    [Authorize(Policy = Policies.Operate)]
    public override async Task<AddCountermeasuresResponse> AddCountermeasures(AddCountermeasuresRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        var (specs, malformed) = WireWords.Read(request.Countermeasures, network.Value.RedirectTo);
        ThrowIf(malformed);
        var id = IdOf(request.MitigationId);
        var (state, now) = (await StateOf(tenant, id, context), clock.GetUtcNow());
        // Only what is new takes room, and what was proposed has it: asked twice, it is the same.
        var defense = await DefenseOf(
            tenant, state.Scope!.ServiceCode, id,
            known => MitigationDecider.New(state, DefensePlan.WithAllowed(specs, known.Policy.AllowedSources)), isNew: false, context, state.ObjectId,
            known => MitigationDecider.Decide(state, CommandWith(known)));
        var command = CommandWith(defense);
        await Handle(tenant, id, state => MitigationDecider.Decide(state, command), context);
        return new AddCountermeasuresResponse { Rehearsed = IsDryRun(defense) || state.Mode is EnforcementMode.DryRun };

        AddCountermeasures CommandWith(Defense known) => new(id, specs, known, request.Reason, now, ByHand: true);
    }

    [Authorize(Policy = Policies.Operate)]
    public override async Task<StopCountermeasureResponse> StopCountermeasure(StopCountermeasureRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        var id = IdOf(request.MitigationId);
        var command = new DropCountermeasure(id, IdOf(request.CountermeasureId), request.Reason, clock.GetUtcNow());
        await Handle(tenant, id, state => MitigationDecider.Decide(state, command), context);
        return new StopCountermeasureResponse();
    }

    [Authorize(Policy = Policies.Operate)]
    public override async Task<ApproveMitigationResponse> ApproveMitigation(ApproveMitigationRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        var id = IdOf(request.MitigationId);
        var state = await StateOf(tenant, id, context);
        IReadOnlyList<Guid> seen = [.. request.CountermeasureIds.Select(IdOf)];
        var (reason, now) = (request.Reason, clock.GetUtcNow());
        var defense = await DefenseOf(
            tenant, state.Scope!.ServiceCode, id,
            known => MitigationDecider.JoinsApproved(state, seen, known), isNew: false, context, state.ObjectId,
            known => MitigationDecider.Decide(state, new ApproveMitigation(id, seen, known, reason, now)));
        var command = new ApproveMitigation(id, seen, defense, reason, now);
        await Handle(tenant, id, state => MitigationDecider.Decide(state, command), context);
        return new ApproveMitigationResponse();
    }

    [Authorize(Policy = Policies.Operate)]
    public override async Task<ExtendMitigationResponse> ExtendMitigation(ExtendMitigationRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        var id = IdOf(request.MitigationId);
        var command = new ExtendMitigation(
            id,
            Seconds(request.DurationSeconds),
            options.Value.MaximumDuration,
            options.Value.LongestStanding,
            request.Reason,
            clock.GetUtcNow());
        await Handle(tenant, id, state => MitigationDecider.Decide(state, command), context);
        return new ExtendMitigationResponse();
    }

    [Authorize(Policy = Policies.Administer)]
    public override async Task<SetDefensePolicyResponse> SetDefensePolicy(SetDefensePolicyRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        var (policy, malformed) = WireWords.Read(request.Policy);
        ThrowIf(malformed);
        await DefenseOf(tenant, request.ServiceCode, Guid.Empty, adds: null, isNew: false, context); // the contract must be the tenant's
        var objectId = ObjectIdOf(request.ObjectId);
        var command = new SetDefensePolicy(objectId, request.ServiceCode, policy!, request.Reason, clock.GetUtcNow());
        var (current, _) = await store.Tenant(tenant).Load(DefensePolicyState.Stream, objectId.ToString(), context.CancellationToken);
        if (policy!.AllowedSources.Except(current.Policy?.AllowedSources ?? []).ToList() is { Count: > 0 } added
            && DefensePolicyDecider.Decide(current, command) is Decision<DefensePolicyEvent>.Accepted)
        {
            // Who is allowed and dropped all the same must not be a surprise: what stands has to have room for all of them.
            ThrowIf(await allowances.RefusalOf(tenant.ToGuid(), request.ServiceCode, objectId, added, context.CancellationToken));
        }

        var decision = await store.Tenant(tenant).Handle(
            DefensePolicyState.Stream,
            objectId.ToString(),
            state => DefensePolicyDecider.Decide(state, command),
            context.Cause(),
            context.CancellationToken);
        decision.OrThrow();
        return new SetDefensePolicyResponse();
    }

    [Authorize(Policy = Policies.Read)]
    public override async Task<GetDefensePolicyResponse> GetDefensePolicy(GetDefensePolicyRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        var objectId = ObjectIdOf(request.ObjectId);
        var (state, _) = await store.Tenant(tenant).Load(DefensePolicyState.Stream, objectId.ToString(), context.CancellationToken);
        var policy = state.Policy ?? (request.ServiceCode.Length == 0
            ? options.Value.DefaultPolicy
            : (await DefenseOf(tenant, request.ServiceCode, Guid.Empty, adds: null, isNew: false, context, objectId)).Policy);
        return new GetDefensePolicyResponse
        {
            Policy = WireWords.Write(policy),
            IsDefault = state.Policy is null,
        };
    }

    [Authorize(Policy = Policies.ProviderOperate)]
    public override async Task<TurnKillSwitchResponse> TurnKillSwitch(TurnKillSwitchRequest request, ServerCallContext context)
    {
        var command = new TurnKillSwitch(request.Engage, request.Reason, clock.GetUtcNow());
        var decision = await store.Tenant(TenantId.Provider).Handle(
            KillSwitchState.Stream,
            KillSwitchState.Key,
            state => KillSwitchDecider.Decide(state, command),
            context.Cause(),
            context.CancellationToken);
        decision.OrThrow();
        return new TurnKillSwitchResponse();
    }

    [Authorize(Policy = Policies.ProviderRead)]
    public override async Task<GetKillSwitchResponse> GetKillSwitch(GetKillSwitchRequest request, ServerCallContext context)
    {
        // In its stream, where everybody asks who acts by it: the view may stand still.
        var turns = await store.Tenant(TenantId.Provider).Read(KillSwitchState.Stream, KillSwitchState.Key, context.CancellationToken);
        return turns is [.., var last]
            ? last.Data switch
            {
                KillSwitchEngaged e => AnswerOf(last, engaged: true, e.EngagedAt, e.Note),
                KillSwitchReleased e => AnswerOf(last, engaged: false, e.ReleasedAt, e.Note),
                _ => throw new UnreachableException(),
            }
            : new GetKillSwitchResponse(); // never turned is released

        static GetKillSwitchResponse AnswerOf(RecordedEvent turned, bool engaged, DateTimeOffset at, string note) => new()
        {
            Engaged = engaged,
            ChangedAt = Timestamp.FromDateTimeOffset(at),
            Reason = note,
            Actor = turned.Metadata.Actor ?? "",
        };
    }

    private async Task Handle(
        TenantId tenant,
        Guid id,
        Func<MitigationState, Decision<MitigationEvent>> decide,
        ServerCallContext context,
        Cause? cause = null)
    {
        var decision = await store.Tenant(tenant).Handle(
            MitigationState.Stream, id.ToString(), decide, cause ?? context.Cause(), context.CancellationToken);
        decision.OrThrow();
    }

    /// <summary>What the rails need, with slots for what is asked; what would be refused anyway takes none.</summary>
    private async Task<Defense> DefenseOf(
        TenantId tenant,
        string serviceCode,
        Guid mitigationId,
        Func<Defense, IReadOnlyList<CountermeasureSpec>>? adds,
        bool isNew,
        ServerCallContext context,
        Guid? objectId = null,
        Func<Defense, Decision<MitigationEvent>>? ask = null)
    {
        var cancellation = context.CancellationToken;
        var defense = await facts.Find(tenant.ToGuid(), serviceCode, objectId ?? Guid.Empty, cancellation)
            ?? throw MitigationRejections.ContractUnknown(serviceCode).ToRpcException();
        var room = Room.For(adds?.Invoke(defense) ?? []);
        if (room.IsNone || ask?.Invoke(defense) is Decision<MitigationEvent>.Rejected)
        {
            return defense; // the decider says why; no slot is taken
        }

        return isNew
            ? await facts.WithSlots(defense, tenant.ToGuid(), mitigationId, room, cancellation)
            : await facts.WithMoreSlots(defense, tenant.ToGuid(), mitigationId, room, cancellation);
    }

    private async Task<MitigationState> StateOf(TenantId tenant, Guid id, ServerCallContext context)
    {
        var (state, _) = await store.Tenant(tenant).Load(MitigationState.Stream, id.ToString(), context.CancellationToken);
        return state.Scope is null ? throw MitigationRejections.Unknown(id).ToRpcException() : state;
    }

    private static bool IsDryRun(Defense defense) => defense.Policy.Mode is EnforcementMode.DryRun;

    private static void ThrowIf(Rejection? refusal)
    {
        if (refusal is not null)
        {
            throw refusal.ToRpcException();
        }
    }

    private static TimeSpan Seconds(long seconds) => TimeSpan.FromSeconds(Math.Clamp(seconds, -1, 10_000_000));

    /// <summary>An object that cannot be named would have a policy that defends nothing.</summary>
    private static Guid ObjectIdOf(string text) =>
        Guid.TryParse(text, out var id) && id != Guid.Empty ? id : throw DefensePolicyRejections.ObjectMalformed(text).ToRpcException();

    private static Guid IdOf(string text) => Guid.TryParse(text, out var id) ? id : Guid.Empty; // an id of nobody: not found
}
