using Platform.EventStore;
using Platform.Gateway.Problems;
using Platform.Gateway.Sessions;

namespace Platform.Gateway.Access;

/// <summary>
/// Which tenant a request is about: <c>?tenantId=</c>. A customer's operator has the own tenant and no other; the services check the same again.
/// </summary>
internal sealed class TenantScope : IEndpointFilter
{
    private const string Parameter = "tenantId";
    private static readonly object Key = new();

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var caller = http.SessionCaller();
        var requested = http.Request.Query[Parameter].ToString();
        if (requested.Length > 0 && (!TenantId.TryParse(requested, null, out var tenant) || (!caller.IsProvider && tenant != caller.Tenant)))
        {
            return Problem.Of(404, "tenant-not-found", "There is no such tenant.", "Name a tenant that you may act for.");
        }

        http.Items[Key] = requested;
        return await next(context);
    }

    /// <summary>The tenant named, or empty: the caller's own, for the provider's staff all or their own, as each service says.</summary>
    public static string Of(HttpContext http) =>
        http.Items[Key] as string ?? throw new InvalidOperationException("The endpoint lacks the TenantScope filter.");
}
