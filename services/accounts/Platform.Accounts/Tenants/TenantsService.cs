using Grpc.Core;
using Microsoft.AspNetCore.Authorization;
using Platform.EventStore;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Accounts.V1;

namespace Platform.Accounts.Tenants;

/// <summary>Customers, over gRPC.</summary>
internal sealed class TenantsService(StreamStore store, TenantNames names, ListTenants tenants, TimeProvider clock) : Wire.Tenants.TenantsBase
{
    [Authorize(Policy = Policies.ProviderOperate)]
    public override async Task<Wire.RegisterTenantResponse> RegisterTenant(Wire.RegisterTenantRequest request, ServerCallContext context)
    {
        var now = clock.GetUtcNow();
        var id = Guid.CreateVersion7(now);
        if (request.TenantId.Length > 0 && (!Guid.TryParse(request.TenantId, out id) || id == Guid.Empty))
        {
            throw TenantRejections.IdInvalid().ToRpcException();
        }

        var decision = await store.Tenant(TenantId.Of(id)).Handle(
            TenantState.Stream,
            id.ToString(),
            state => TenantDecider.Decide(state, new RegisterTenant(request.Name, now)),
            context.Cause(),
            context.CancellationToken);
        decision.OrThrow();
        await names.Keep(id, request.Name, context.CancellationToken);
        return new Wire.RegisterTenantResponse { TenantId = id.ToString() };
    }

    [Authorize(Policy = Policies.ProviderRead)]
    public override async Task<Wire.ListTenantsResponse> ListTenants(Wire.ListTenantsRequest request, ServerCallContext context) =>
        new() { Tenants = { await tenants.All(context.CancellationToken) } };
}
