using System.Net;
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
using Platform.Mitigation.Scrubbers;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Capacity;

/// <summary>gRPC surface of capacity: pools, admission, and whose traffic runs through the scrubbers always.</summary>
internal sealed class CapacityService(
    NpgsqlDataSource database,
    StreamStore store,
    DefenseFacts facts,
    KnownCapacity capacity,
    KnownScrubbers known,
    IOptions<BgpOptions> network,
    IOptions<ScrubberOptions> scrubbers)
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
                    HeadroomBitsPerSecond = Math.Max(0, pool.Limit - pool.Used),
                    Contracts = pool.Contracts,
                    Level = PoolDecider.LevelOf(pool, scrubbers.Value.NearlyFullPercent) switch
                    {
                        PoolLevel.NearlyFull => "nearly-full",
                        PoolLevel.Exceeded => "exceeded",
                        PoolLevel.Away => "away",
                        _ => "ok",
                    },
                }),
            },
        };
    }

    [Authorize(Policy = Policies.ProviderOperate)]
    public override async Task<AdmitContractResponse> AdmitContract(AdmitContractRequest request, ServerCallContext context)
    {
        // What is no prefix at all accounts refuses, in its own words.
        IPNetwork[] prefixes = [.. request.Prefixes.Where(text => PrefixText.TryRead(text, out _)).Select(IPNetwork.Parse)];
        if (prefixes.Length > 0
            && (request.AlwaysOn || await RunsAlways(request.ServiceCode, context.CancellationToken))
            && RefusalOfAlwaysOn(request.ServiceCode, new ContractScope(prefixes, Ended: false)) is { } refusal)
        {
            throw refusal.ToRpcException();
        }

        return await capacity.TryHold(
            request.ServiceCode, request.DeclaredBitsPerSecond, alwaysOn: request.AlwaysOn ? true : null, context.Cause().Id, context.CancellationToken)
            ? new AdmitContractResponse()
            : throw MitigationRejections.CapacityExceeded.ToRpcException();
    }

    [Authorize(Policy = Policies.Administer)]
    public override async Task<AdmitAlwaysOnResponse> AdmitAlwaysOn(AdmitAlwaysOnRequest request, ServerCallContext context)
    {
        var contract = await ContractOf(context.Caller().TenantFor(request.TenantId), request.ServiceCode, context);
        if (RefusalOfAlwaysOn(request.ServiceCode, contract) is { } refusal)
        {
            throw refusal.ToRpcException();
        }

        return await capacity.TryHold(request.ServiceCode, declaredBitsPerSecond: null, alwaysOn: true, context.Cause().Id, context.CancellationToken)
            ? new AdmitAlwaysOnResponse()
            : throw MitigationRejections.CapacityExceeded.ToRpcException();
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
            Standing = state.OrderId is { } order && await Stands(order, context.CancellationToken),
        };
    }

    private Rejection? RefusalOfAlwaysOn(string serviceCode, ContractScope contract) =>
        AlwaysOnDecider.Refusal(serviceCode, contract, network.Value.CanDivert(contract.Prefixes))
        ?? (scrubbers.Value.WithoutWayBack(contract.Prefixes) is { } lost ? MitigationRejections.NoWayBack(lost) : null);

    private async Task<bool> RunsAlways(string serviceCode, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand("select from views.contracts_v1 where service_code = $1 and always_on");
        command.Parameters.Add(new() { Value = serviceCode });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        return await row.ReadAsync(cancellation);
    }

    private async Task<bool> Stands(Guid order, CancellationToken cancellation) => await StandingDiversions.Stands(
        database, await Places.Read(database, network.Value, known, cancellation), order, cancellation);

    private async Task<ContractScope> ContractOf(TenantId tenant, string serviceCode, ServerCallContext context) =>
        (await facts.Find(tenant.ToGuid(), serviceCode, Guid.Empty, context.CancellationToken))?.Contract
        ?? throw MitigationRejections.ContractUnknown(serviceCode).ToRpcException();
}
