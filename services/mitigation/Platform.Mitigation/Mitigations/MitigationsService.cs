using Grpc.Core;
using Microsoft.AspNetCore.Authorization;
using Npgsql;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.EventStore;
using Platform.Hosting;

namespace Platform.Mitigation.Mitigations;

/// <summary>gRPC surface of mitigations: what stands and stood, and withdrawal by hand.</summary>
internal sealed class MitigationsService(NpgsqlDataSource database, StreamStore store, TimeProvider clock)
    : Contracts.Grpc.Mitigation.V1.Mitigations.MitigationsBase
{
    [Authorize(Policy = Policies.Read)]
    public override async Task<ListMitigationsResponse> ListMitigations(ListMitigationsRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        var rows = await ListedMitigations.Read(database, tenant, request.ActiveOnly, context.CancellationToken);
        return new ListMitigationsResponse { Mitigations = { rows } };
    }

    [Authorize(Policy = Policies.Operate)]
    public override async Task<WithdrawMitigationResponse> WithdrawMitigation(
        WithdrawMitigationRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        var id = Guid.TryParse(request.MitigationId, out var parsed) ? parsed : Guid.Empty; // an id of nobody: not found
        var command = new WithdrawMitigation(id, WithdrawalReason.Operator, request.Reason, clock.GetUtcNow());

        var decision = await store.Tenant(tenant).Handle(
            MitigationState.Stream,
            id.ToString(),
            state => MitigationDecider.Decide(state, command),
            context.Cause(),
            context.CancellationToken);

        decision.OrThrow();
        return new WithdrawMitigationResponse();
    }
}
