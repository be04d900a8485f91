using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.AlwaysOn;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.Mitigations;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Capacity;

/// <summary>gRPC surface of capacity: pools, admission, and whose traffic runs through the scrubbers always.</summary>
internal sealed class CapacityService(
    NpgsqlDataSource database, StreamStore store, DefenseFacts facts, KnownCapacity capacity, IOptions<BgpOptions> network, TimeProvider clock)
    : Wire.Capacity.CapacityBase
{
    [Authorize(Policy = Policies.ProviderRead)]
    public override async Task<ListPoolsResponse> ListPools(ListPoolsRequest request, ServerCallContext context)
    {
        var (pools, unplaced) = await capacity.Read(context.CancellationToken);
        return new ListPoolsResponse
        {
            UnplacedBitsPerSecond = pools.Count == 0 ? 0 : unplaced,
            Pools =
            {
                pools.Select(pool => new Pool
                {
                    Name = pool.Name,
                    LimitBitsPerSecond = pool.Limit,
                    UsedBitsPerSecond = pool.Used,
                    HeadroomBitsPerSecond = pool.Limit - pool.Used,
                    Contracts = pool.Contracts,
                }),
            },
        };
    }

    [Authorize(Policy = Policies.ProviderOperate)]
    public override async Task<AdmitContractResponse> AdmitContract(AdmitContractRequest request, ServerCallContext context) =>
        await capacity.TryHold(request.ServiceCode, request.DeclaredBitsPerSecond, alwaysOn: null, context.CancellationToken)
            ? new AdmitContractResponse()
            : throw AlwaysOnRejections.CapacityExceeded.ToRpcException();

    [Authorize(Policy = Policies.Administer)]
    public override async Task<OrderAlwaysOnResponse> OrderAlwaysOn(OrderAlwaysOnRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        var contract = await ContractOf(tenant, request.ServiceCode, context);
        var cause = context.Cause();
        var command = new OrderAlwaysOn(
            request.ServiceCode,
            contract,
            network.Value.CanDivert(contract.Prefixes),
            HasRoom: await capacity.TryHold(request.ServiceCode, declaredBitsPerSecond: null, alwaysOn: true, context.CancellationToken),
            DerivedId.For(tenant.ToGuid(), $"always-on {request.ServiceCode}"),
            request.Reason,
            clock.GetUtcNow());
        await Handle(tenant, request.ServiceCode, state => AlwaysOnDecider.Decide(state, command), cause, context);
        return new OrderAlwaysOnResponse();
    }

    [Authorize(Policy = Policies.Administer)]
    public override async Task<CancelAlwaysOnResponse> CancelAlwaysOn(CancelAlwaysOnRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        await ContractOf(tenant, request.ServiceCode, context);
        var command = new CancelAlwaysOn(request.Reason, clock.GetUtcNow());
        await Handle(tenant, request.ServiceCode, state => AlwaysOnDecider.Decide(state, command), context.Cause(), context);
        return new CancelAlwaysOnResponse();
    }

    [Authorize(Policy = Policies.Read)]
    public override async Task<GetAlwaysOnResponse> GetAlwaysOn(GetAlwaysOnRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        await ContractOf(tenant, request.ServiceCode, context);
        var (state, _) = await store.Tenant(tenant).Load(AlwaysOnState.Stream, request.ServiceCode, context.CancellationToken);
        return new GetAlwaysOnResponse
        {
            Ordered = state.OrderId is not null,
            ChangedAt = state.ChangedAt is { } at ? Timestamp.FromDateTimeOffset(at) : null,
            Standing = state.OrderId is { } order && await StandingDiversions.Stands(database, order, context.CancellationToken),
        };
    }

    private async Task<ContractScope> ContractOf(TenantId tenant, string serviceCode, ServerCallContext context) =>
        (await facts.Find(tenant.ToGuid(), serviceCode, Guid.Empty, context.CancellationToken))?.Contract
        ?? throw MitigationRejections.ContractUnknown(serviceCode).ToRpcException();

    private async Task Handle(
        TenantId tenant, string serviceCode, Func<AlwaysOnState, Decision<AlwaysOnEvent>> decide, Cause cause, ServerCallContext context)
    {
        var decision = await store.Tenant(tenant).Handle(AlwaysOnState.Stream, serviceCode, decide, cause, context.CancellationToken);
        decision.OrThrow();
    }
}
