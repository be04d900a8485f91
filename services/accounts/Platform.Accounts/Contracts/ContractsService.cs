using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Authorization;
using Platform.Accounts.Tenants;
using Platform.EventStore;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Accounts.V1;

namespace Platform.Accounts.Contracts;

/// <summary>Contracts, over gRPC.</summary>
internal sealed class ContractsService(
    StreamStore store, ServiceCodes codes, PrefixClaims claims, Labels labels, ListContracts contracts, TimeProvider clock)
    : Wire.Contracts.ContractsBase
{
    [Authorize(Policy = Policies.ProviderOperate)]
    public override async Task<Wire.SignContractResponse> SignContract(Wire.SignContractRequest request, ServerCallContext context)
    {
        var cancellation = context.CancellationToken;
        var tenant = context.Caller().TenantFor(request.TenantId);
        var now = clock.GetUtcNow();
        var contractId = Guid.CreateVersion7(now);
        if (request.ContractId.Length > 0 && (!Guid.TryParse(request.ContractId, out contractId) || contractId == Guid.Empty))
        {
            throw ContractRejections.IdInvalid().ToRpcException();
        }

        if (tenant == TenantId.Provider || !(await store.Tenant(tenant).Load(TenantState.Stream, tenant.Value, cancellation)).State.Registered)
        {
            throw TenantRejections.NotFound().ToRpcException();
        }

        // What is refused for its content alone takes no service code and no address space.
        var command = new SignContract(contractId, "", request.Service, request.Prefixes, request.DeclaredBitsPerSecond, now, request.AlwaysOn);
        ContractDecider.Decide(ContractState.Stream.Initial, command).OrThrow();

        var code = await codes.Allocate(contractId, tenant.ToGuid(), cancellation);
        if (code.TenantId != tenant.ToGuid())
        {
            throw ContractRejections.AlreadySigned().ToRpcException();
        }

        command = command with { ServiceCode = code.Code };
        await Decide(code, request.Prefixes, state => ContractDecider.Decide(state, command), context);
        return new Wire.SignContractResponse { ContractId = contractId.ToString(), ServiceCode = code.Code };
    }

    [Authorize(Policy = Policies.ProviderOperate)]
    public override async Task<Wire.ChangeContractResponse> ChangeContract(Wire.ChangeContractRequest request, ServerCallContext context)
    {
        var code = await Find(request.ServiceCode, context);
        var command = new ChangeContract(request.Prefixes, request.DeclaredBitsPerSecond, clock.GetUtcNow());
        var (_, version) = await Decide(code, request.Prefixes, state => ContractDecider.Decide(state, command), context);
        return new Wire.ChangeContractResponse { Version = version };
    }

    [Authorize(Policy = Policies.Administer)]
    public override async Task<Wire.SetAlwaysOnResponse> SetAlwaysOn(Wire.SetAlwaysOnRequest request, ServerCallContext context)
    {
        var code = await Find(request.ServiceCode, context);
        var command = new SetAlwaysOn(request.Ordered, clock.GetUtcNow());
        var (_, version) = await Decide(code, [], state => ContractDecider.Decide(state, command), context);
        return new Wire.SetAlwaysOnResponse { Version = version };
    }

    [Authorize(Policy = Policies.ProviderOperate)]
    public override async Task<Wire.TerminateContractResponse> TerminateContract(Wire.TerminateContractRequest request, ServerCallContext context)
    {
        var code = await Find(request.ServiceCode, context);
        var command = new TerminateContract(clock.GetUtcNow());
        var (state, _) = await Decide(code, [], current => ContractDecider.Decide(current, command), context);
        return new Wire.TerminateContractResponse { TerminatedAt = Timestamp.FromDateTimeOffset(state.TerminatedAt!.Value) };
    }

    [Authorize(Policy = Policies.Read)]
    public override async Task<Wire.ListContractsResponse> ListContracts(Wire.ListContractsRequest request, ServerCallContext context) =>
        new() { Contracts = { await contracts.Of(context.Caller().TenantOrAll(request.TenantId), context.CancellationToken) } };

    [Authorize(Policy = Policies.Operate)]
    public override async Task<Wire.LabelContractResponse> LabelContract(Wire.LabelContractRequest request, ServerCallContext context)
    {
        var code = await Find(request.ServiceCode, context);
        if (await labels.Set(code, request.Label, context.CancellationToken) is { } reason)
        {
            throw reason.ToRpcException();
        }

        return new Wire.LabelContractResponse();
    }

    /// <summary>Claims what the contract will need, decides, and gives back what it no longer needs; also when it was refused.</summary>
    private async Task<(ContractState State, long Version)> Decide(
        ServiceCode code, RepeatedField<string> prefixes, Func<ContractState, Decision<ContractEvent>> decide, ServerCallContext context)
    {
        var cancellation = context.CancellationToken;
        var session = store.Tenant(TenantId.Of(code.TenantId));
        var key = code.ContractId.ToString();
        await using var turn = await claims.TurnOf(code.ContractId, cancellation);
        decide((await session.Load(ContractState.Stream, key, cancellation)).State).OrThrow(); // before anything is claimed
        if (prefixes.Count > 0 && await claims.Take(code.ContractId, prefixes, cancellation) is { } taken)
        {
            throw taken.ToRpcException();
        }

        var decision = await session.Handle(ContractState.Stream, key, decide, context.Cause(), cancellation);
        var (state, version) = await session.Load(ContractState.Stream, key, cancellation);
        await claims.KeepOnly(code.ContractId, state.PrefixesInForce, cancellation);
        decision.OrThrow();
        return (state, version);
    }

    /// <summary>A code that names another customer's contract is as unknown as one that was never given.</summary>
    private async Task<ServiceCode> Find(string serviceCode, ServerCallContext context)
    {
        var caller = context.Caller();
        var code = await codes.Find(serviceCode, context.CancellationToken);
        return code is not null && (caller.IsProvider || caller.Tenant == TenantId.Of(code.TenantId))
            ? code
            : throw ContractRejections.NotFound().ToRpcException();
    }
}
