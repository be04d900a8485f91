using Microsoft.AspNetCore.Http.HttpResults;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Accounts.V1;

namespace Platform.Gateway.Tenants;

/// <summary><c>/tenants</c>: customers. Provider only.</summary>
internal static class TenantEndpoints
{
    /// <param name="Name">What the customer is called, 1 to 200 characters.</param>
    /// <param name="TenantId">UUID chosen by the caller, so that a repeat is harmless; absent: made by the service.</param>
    public sealed record RegisterTenantRequest(string Name, Guid? TenantId = null);

    public sealed record TenantRegisteredAnswer(string TenantId);

    /// <param name="TenantId">UUID.</param>
    /// <param name="Name">Empty when the tenant's data was erased.</param>
    /// <param name="RegisteredAt">When (UTC).</param>
    public sealed record TenantAnswer(string TenantId, string Name, DateTimeOffset RegisteredAt);

    public static void MapTenants(this IEndpointRouteBuilder routes)
    {
        var tenants = routes.MapGroup("/tenants").WithTags("Tenants");
        tenants.MapGet("", List).RequireAuthorization(Policies.ProviderRead).WithSummary("All customers.");
        tenants.MapPost("", Register).RequireAuthorization(Policies.ProviderOperate).WithSummary("Take a customer on.").Refuses(422);
    }

    private static async Task<Ok<ListAnswer<TenantAnswer>>> List(Wire.Tenants.TenantsClient tenants)
    {
        var answer = await tenants.ListTenantsAsync(new Wire.ListTenantsRequest());
        return TypedResults.Ok(ListAnswer<TenantAnswer>.Of(
            answer.Tenants, tenant => new TenantAnswer(tenant.TenantId, tenant.Name, tenant.RegisteredAt.ToDateTimeOffset())));
    }

    private static async Task<Created<TenantRegisteredAnswer>> Register(RegisterTenantRequest request, Wire.Tenants.TenantsClient tenants)
    {
        var answer = await tenants.RegisterTenantAsync(new Wire.RegisterTenantRequest
        {
            Name = request.Name,
            TenantId = request.TenantId?.ToString() ?? "",
        });
        return TypedResults.Created((string?)null, new TenantRegisteredAnswer(answer.TenantId));
    }
}
